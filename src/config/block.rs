//! A block of replctl's lines in a foreign file (`/etc/hosts`, `/etc/rc.local`). The rest stays
//! byte for byte.

use std::fmt::Write as _;

/// The lines around a block; `owner`: whose deployment it is.
fn markers(owner: &str) -> (String, String) {
    (
        format!("# replctl {owner} begin"),
        format!("# replctl {owner} end"),
    )
}

/// Added to the first marker if the line above had no line break and got one for the block.
const JOINED: &str = ", behind a line without an end";

/// Marks a line that lost names; the original line follows the mark.
fn had(owner: &str) -> String {
    format!("# replctl {owner} had: ")
}

/// The file with the block: in its old place, or before a final `exit` line, or at the end.
pub fn put(file: &str, owner: &str, lines: &[String]) -> String {
    let (begin, end) = markers(owner);
    let found = find(file, owner);
    let (head, tail) = match found {
        Some((from, to)) => (&file[..from], &file[to..]),
        None => file.split_at(final_exit(file).unwrap_or(file.len())),
    };
    let whole = head.is_empty() || head.ends_with('\n');
    let had_end =
        found.is_none_or(|(from, _)| !file[from..].starts_with(&format!("{begin}{JOINED}")));
    let mut block = match (whole, had_end) {
        (true, true) => format!("{begin}\n"),
        (true, false) => format!("{begin}{JOINED}\n"),
        (false, _) => format!("\n{begin}{JOINED}\n"),
    };
    for line in lines {
        let _ = writeln!(block, "{line}");
    }
    let _ = writeln!(block, "{end}");
    format!("{head}{block}{tail}")
}

/// The file without the block, and with the names that the block took restored.
pub fn remove(file: &str, owner: &str) -> String {
    let file = given_back(file, owner);
    let Some((from, to)) = find(&file, owner) else {
        return file;
    };
    let (begin, _) = markers(owner);
    let joined = file[from..].starts_with(&format!("{begin}{JOINED}"));
    let head = if joined {
        file[..from].strip_suffix('\n').unwrap_or(&file[..from])
    } else {
        &file[..from]
    };
    format!("{head}{}", &file[to..])
}

/// `/etc/hosts` with the block. Debian gives a host's own name a loopback address, on which a
/// server need not listen. Resolvers try that address first, whatever the order of the lines. So
/// the names of the block are removed from such lines; the original stays as a comment.
pub fn put_names(file: &str, owner: &str, lines: &[String]) -> String {
    let file = put(&given_back(file, owner), owner, lines);
    let named: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split_once(' ').map(|(_, name)| name))
        .collect();
    let own = find(&file, owner).unwrap_or((0, 0));
    let mut out = String::with_capacity(file.len());
    let mut at = 0;
    for line in file.split_inclusive('\n') {
        let within = (own.0..own.1).contains(&at);
        at += line.len();
        match without(line, &named, owner).filter(|_| !within) {
            Some(new) => out.push_str(&new),
            None => out.push_str(line),
        }
    }
    out
}

/// A line of a loopback address without these names, where it has some of them.
fn without(line: &str, names: &[&str], owner: &str) -> Option<String> {
    let (text, end) = match line.strip_suffix('\n') {
        Some(text) => (text, "\n"),
        None => (line, ""),
    };
    let (entry, comment) = text.split_at(text.find('#').unwrap_or(text.len()));
    let mut words = entry.split_whitespace();
    let address: core::net::IpAddr = words.next()?.parse().ok()?;
    let is_ours = |word: &&str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
    let (taken, rest): (Vec<&str>, Vec<&str>) = words.partition(is_ours);
    // Names that another block of replctl's took are restored by that block.
    if !address.is_loopback() || taken.is_empty() || comment.contains(" had: ") {
        return None;
    }
    let had = had(owner);
    Some(if rest.is_empty() {
        format!("{had}{text}{end}")
    } else {
        format!("{address} {} {had}{text}{end}", rest.join(" "))
    })
}

/// The file with the lines as they were before names were taken out of them.
fn given_back(file: &str, owner: &str) -> String {
    let had = had(owner);
    let lines = file.split_inclusive('\n');
    lines
        .map(|line| line.split_once(&had).map_or(line, |(_, was)| was))
        .collect()
}

/// The lines of the block; `None` where there is none.
pub fn get(file: &str, owner: &str) -> Option<Vec<String>> {
    let (from, to) = find(file, owner)?;
    let mut lines: Vec<String> = file[from..to].lines().map(str::to_owned).collect();
    lines.remove(0);
    lines.pop();
    Some(lines)
}

/// The block's range, in bytes. A block without its end does not count: the text after it may be
/// foreign.
fn find(file: &str, owner: &str) -> Option<(usize, usize)> {
    let (begin, end) = markers(owner);
    let mut from = None;
    let mut at = 0;
    for line in file.split_inclusive('\n') {
        let next = at + line.len();
        let line = line.trim_end();
        if line.strip_suffix(JOINED).unwrap_or(line) == begin {
            from = Some(at);
        } else if line == end
            && let Some(from) = from
        {
            return Some((from, next));
        }
        at = next;
    }
    None
}

/// The start of a final `exit …` line, as in many an rc.local: later lines would not run.
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
            "127.0.0.1 localhost\n# replctl orders begin, behind a line without an end\n192.168.0.120 master\nfd00::1 slave1\n# replctl orders end\n"
        );
        assert_eq!(remove(&first, "orders"), "127.0.0.1 localhost");
        let first = put("127.0.0.1 localhost\n", "orders", &lines());
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
    fn names_are_taken_from_loopback_lines_and_given_back() {
        let file = "127.0.0.1\tlocalhost\n127.0.1.1\tmaster.example  master # own\n::1 SLAVE1 ip6\n10.9.9.9 master\n127.0.1.2 slave2";
        let with = put_names(file, "orders", &lines());
        assert_eq!(
            with,
            "127.0.0.1\tlocalhost\n\
             127.0.1.1 master.example # replctl orders had: 127.0.1.1\tmaster.example  master # own\n\
             ::1 ip6 # replctl orders had: ::1 SLAVE1 ip6\n10.9.9.9 master\n127.0.1.2 slave2\n\
             # replctl orders begin, behind a line without an end\n192.168.0.120 master\nfd00::1 slave1\n# replctl orders end\n"
        );
        assert_eq!(put_names(&with, "orders", &lines()), with);
        assert_eq!(remove(&with, "orders"), file);
        // Fewer names: the names that left the block are back.
        let fewer = put_names(&with, "orders", &["192.168.0.120 master".to_owned()]);
        assert!(fewer.contains("\n::1 SLAVE1 ip6\n"), "{fewer}");
        assert_eq!(remove(&fewer, "orders"), file);
        let alone = put_names("127.0.1.1 master\n", "orders", &lines());
        assert!(
            alone.starts_with("# replctl orders had: 127.0.1.1 master\n# replctl orders begin\n")
        );
        // A second deployment takes no name that the first one took.
        let both = put_names(&with, "other", &lines());
        assert_eq!(remove(&remove(&both, "other"), "orders"), file);
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
        fn the_rest_stays_byte_for_byte(file in "(?s)(.*\n)?(127[.]0[.][01][.]1[ \t]+(master|x|slave1)( slave2| y)?\n?)?.*|") {
            prop_assume!(!file.contains("# replctl"));
            let with = put(&file, "d", &lines());
            prop_assert_eq!(put(&with, "d", &lines()), with.clone());
            prop_assert_eq!(&remove(&with, "d"), &file);
            let named = put_names(&file, "d", &lines());
            prop_assert_eq!(put_names(&named, "d", &lines()), named.clone());
            prop_assert_eq!(remove(&named, "d"), file);
        }
    }
}
