//! Small pieces of sentences: quoted names, lists of them, sizes. Pure.

use super::{Address, Node, NodeName};

/// How many names a sentence lists before it says how many others there are.
const MOST_NAMES: usize = 5;

/// A node's name in the quotes names have in sentences.
pub fn name(name: &NodeName) -> String {
    format!("`{name}`")
}

/// `a`; `a` and `b`; `a`, `b` and `c`; `a`, `b`, `c`, `d`, `e` and 7 others.
pub fn list<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> String {
    list_names(nodes.into_iter().map(|node| &node.name))
}

/// The same of names.
pub fn list_names<'a>(nodes: impl IntoIterator<Item = &'a NodeName>) -> String {
    let mut names: Vec<String> = nodes.into_iter().map(name).collect();
    if names.len() > MOST_NAMES + 1 {
        let others = names.len() - MOST_NAMES;
        names.truncate(MOST_NAMES);
        names.push(format!("{others} others"));
    }
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
        None => "no node".to_owned(),
    }
}

/// Some addresses, and how many others there are: as [`list`], without quotes.
pub fn addresses(all: &[Address]) -> String {
    let mut texts: Vec<String> = all.iter().map(ToString::to_string).collect();
    if texts.len() > MOST_NAMES + 1 {
        let others = texts.len() - MOST_NAMES;
        texts.truncate(MOST_NAMES);
        texts.push(format!("{others} others"));
    }
    match texts.pop() {
        Some(last) if texts.is_empty() => last,
        Some(last) => format!("{} and {last}", texts.join(", ")),
        None => "no address".to_owned(),
    }
}

/// `no clients`, `1 client`, `12 clients`.
pub fn plural(count: usize, noun: &str) -> String {
    match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// `no key`, `1 key`, `12 keys`.
pub fn keys(count: u64) -> String {
    match count {
        0 => "no key".to_owned(),
        1 => "1 key".to_owned(),
        _ => format!("{count} keys"),
    }
}

/// `0 B`, `812 B`, `4.1 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    // In tenths, rounded, without floating point.
    let mut unit = 0;
    let mut scale: u128 = 1024;
    let tenths = |scale: u128| (u128::from(count) * 10 + scale / 2) / scale;
    while tenths(scale) >= 10_240 && unit + 1 < UNITS.len() {
        scale *= 1024;
        unit += 1;
    }
    format!(
        "{}.{} {}",
        tenths(scale) / 10,
        tenths(scale) % 10,
        UNITS[unit]
    )
}

/// `348 s`, `12 min`, `5 h`, `3 d`.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..600 => format!("{seconds} s"),
        600..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::primary;
    use super::*;

    #[test]
    fn sizes_read_well() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_575, "1.0 MiB"),
            (4_300_000, "4.1 MiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn durations_read_well() {
        let cases = [
            (0, "0 s"),
            (348, "348 s"),
            (600, "10 min"),
            (7_200, "2 h"),
            (172_800, "2 d"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn lists_read_well() {
        let nodes: Vec<Node> = ["a", "b", "c", "d", "e", "f", "g"]
            .iter()
            .map(|n| primary(n, n, 1))
            .collect();
        assert_eq!(list(&nodes[..0]), "no node");
        assert_eq!(list(&nodes[..1]), "`a`");
        assert_eq!(list(&nodes[..3]), "`a`, `b` and `c`");
        assert_eq!(list(&nodes[..6]), "`a`, `b`, `c`, `d`, `e` and `f`");
        assert_eq!(list(&nodes), "`a`, `b`, `c`, `d`, `e` and 2 others");
    }
}
