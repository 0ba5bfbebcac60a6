//! A block of lines that replctl owns inside somebody else's file (`/etc/hosts`, `/etc/rc.local`). The rest stays byte for byte.

use std::fmt::Write as _;

/// The lines around a block; `owner` tells one deployment's from another's.
fn markers(owner: &str) -> (String, String) {
    (
        format!("# replctl {owner} begin"),
        format!("# replctl {owner} end"),
    )
}

/// The file with the block in it: in its old place, else before a final `exit` line, else at the end.
pub fn put(file: &str, owner: &str, lines: &[String]) -> String {
    let (begin, end) = markers(owner);
    let mut block = format!("{begin}\n");
    for line in lines {
        let _ = writeln!(block, "{line}");
    }
    let _ = writeln!(block, "{end}");
    if let Some((from, to)) = find(file, owner) {
        return format!("{}{block}{}", &file[..from], &file[to..]);
    }
    let at = final_exit(file).unwrap_or(file.len());
    let (head, tail) = file.split_at(at);
    let gap = if head.is_empty() || head.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{head}{gap}{block}{tail}")
}

/// The file without the block.
pub fn remove(file: &str, owner: &str) -> String {
    match find(file, owner) {
        Some((from, to)) => format!("{}{}", &file[..from], &file[to..]),
        None => file.to_owned(),
    }
}

/// The lines of the block; `None` where there is none.
pub fn get(file: &str, owner: &str) -> Option<Vec<String>> {
    let (from, to) = find(file, owner)?;
    let mut lines: Vec<String> = file[from..to].lines().map(str::to_owned).collect();
    lines.remove(0);
    lines.pop();
    Some(lines)
}

/// Where the block begins and ends, in bytes. A block without its end is none: what follows it may be somebody else's.
fn find(file: &str, owner: &str) -> Option<(usize, usize)> {
    let (begin, end) = markers(owner);
    let mut from = None;
    let mut at = 0;
    for line in file.split_inclusive('\n') {
        let next = at + line.len();
        if line.trim_end() == begin {
            from = Some(at);
        } else if line.trim_end() == end
            && let Some(from) = from
        {
            return Some((from, next));
        }
        at = next;
    }
    None
}

/// Where a last line `exit …` begins, as in many an rc.local: nothing after it would run.
fn final_exit(file: &str) -> Option<usize> {
    let last = file.trim_end();
    let at = last.rfind('\n').map_or(0, |i| i + 1);
    last[at..]
        .split_whitespace()
        .next()
        .filter(|word| *word == "exit")
        .map(|_| at)
}

/// The managed lines of `/etc/hosts`: address and name of every node that has an IP address.
pub fn hosts_lines<'a>(nodes: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    nodes
        .filter(|(address, _)| address.parse::<core::net::IpAddr>().is_ok())
        .map(|(address, name)| format!("{address} {name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use proptest::prelude::*;

    fn lines() -> Vec<String> {
        hosts_lines(
            [
                ("192.168.0.120", "master"),
                ("fd00::1", "slave1"),
                ("db.example", "slave2"),
            ]
            .into_iter(),
        )
    }

    #[test]
    fn a_block_is_put_once_and_replaced_in_place() {
        let first = put("127.0.0.1 localhost", "orders", &lines());
        assert_eq!(
            first,
            "127.0.0.1 localhost\n# replctl orders begin\n192.168.0.120 master\nfd00::1 slave1\n# replctl orders end\n"
        );
        let more = format!("{first}10.0.0.1 other\n");
        assert_eq!(put(&more, "orders", &lines()), more);
        let changed = put(&more, "orders", &["1.2.3.4 x".to_owned()]);
        assert_eq!(
            changed,
            "127.0.0.1 localhost\n# replctl orders begin\n1.2.3.4 x\n# replctl orders end\n10.0.0.1 other\n"
        );
        assert_eq!(get(&changed, "orders"), Some(vec!["1.2.3.4 x".to_owned()]));
        assert_eq!(
            remove(&changed, "orders"),
            "127.0.0.1 localhost\n10.0.0.1 other\n"
        );
        assert_eq!(get(&changed, "other"), None);
    }

    #[test]
    fn a_block_without_its_end_is_left_alone() {
        let cut = "# replctl orders begin\n10.0.0.1 precious\n";
        assert_eq!(remove(cut, "orders"), cut);
        assert!(put(cut, "orders", &lines()).starts_with(cut));
    }

    #[test]
    fn a_final_exit_stays_final() {
        let file = "#!/bin/sh -e\ntrue\nexit 0\n";
        assert_eq!(
            put(file, "6379", &["start".to_owned()]),
            "#!/bin/sh -e\ntrue\n# replctl 6379 begin\nstart\n# replctl 6379 end\nexit 0\n"
        );
    }

    proptest! {
        #[test]
        fn the_rest_stays_byte_for_byte(file in "(?s).*\n|") {
            prop_assume!(!file.contains("# replctl"));
            let with = put(&file, "d", &lines());
            prop_assert_eq!(put(&with, "d", &lines()), with.clone());
            prop_assert_eq!(remove(&with, "d"), file);
        }
    }
}
