//! The server's configuration file as directives: read, quoted, written. This module knows only the
//! syntax, not the meaning of a directive.

use crate::topology::{Address, PersistedRole};
use std::fmt::Write as _;

/// One line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Lower case.
    pub name: String,
    /// Unquoted.
    pub args: Vec<String>,
}

/// The directives of a file, in order. A line with unmatched quotes is kept as one argument: the
/// server would refuse it, this reader does not.
pub fn parse(text: &str) -> Vec<Directive> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = split(line).unwrap_or_else(|| {
                let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
                vec![name.to_owned(), rest.to_owned()]
            });
            if words.is_empty() {
                return None;
            }
            let name = words.remove(0).to_ascii_lowercase();
            Some(Directive { name, args: words })
        })
        .collect()
}

/// Splits a line as the server does: blanks outside of quotes, `"…"` with escapes, `'…'` with `\'`
/// only. `None` where quotes do not match.
pub fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(&first) = chars.peek() else {
            return Some(words);
        };
        let mut word = String::new();
        if first == '"' || first == '\'' {
            chars.next();
            quoted(&mut chars, first, &mut word)?;
            // As the server does: a blank or the end must follow the closing quote.
            if chars.peek().is_some_and(|c| !c.is_whitespace()) {
                return None;
            }
        } else {
            while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                if c == '"' || c == '\'' {
                    quoted(&mut chars, c, &mut word)?;
                } else {
                    word.push(c);
                }
            }
        }
        words.push(word);
    }
}

fn quoted(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    quote: char,
    word: &mut String,
) -> Option<()> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4];
    loop {
        let c = chars.next()?;
        if c == quote {
            word.push_str(&String::from_utf8_lossy(&bytes));
            return Some(());
        }
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        let next = chars.next()?;
        if quote == '\'' {
            if next != '\'' {
                bytes.push(b'\\');
            }
            bytes.extend_from_slice(next.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        match next {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'b' => bytes.push(8),
            'a' => bytes.push(7),
            'x' => bytes.push(hex_byte(chars)?),
            other => bytes.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes()),
        }
    }
}

fn hex_byte(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<u8> {
    let high = chars.next()?.to_digit(16)?;
    let low = chars.next()?.to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

/// One argument in the form for a file: unchanged if that is safe, else in double quotes.
pub fn quote(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+=*&~^".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        return arg.to_owned();
    }
    let mut out = String::from("\"");
    for byte in arg.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            0x20..=0x7e => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

/// A value from the inventory in the form for a file. Several arguments stay several; nothing can
/// begin a new line.
pub fn value_text(value: &str) -> String {
    let value = value.trim();
    if value.is_empty() {
        return "\"\"".to_owned();
    }
    match split(value) {
        Some(_) if !value.chars().any(char::is_control) => value.to_owned(),
        Some(_) | None => quote(value),
    }
}

/// Bytes of a memory value such as `1gb`, `64mb`, `1000k`, as the server reads them. `None` where
/// it is none.
pub fn memory(value: &str) -> Option<u64> {
    let value = value.trim().to_ascii_lowercase();
    let digits = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let number: u64 = value.get(..digits)?.parse().ok()?;
    let unit = match value.get(digits..)? {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// The role that a file gives its server at the next start: the last `replicaof` (or `slaveof`)
/// counts.
pub fn persisted_role(directives: &[Directive]) -> PersistedRole {
    let Some(last) = directives
        .iter()
        .rev()
        .find(|d| d.name == "replicaof" || d.name == "slaveof")
    else {
        return PersistedRole::Primary;
    };
    match last.args.as_slice() {
        [host, port] if host.eq_ignore_ascii_case("no") && port.eq_ignore_ascii_case("one") => {
            PersistedRole::Primary
        }
        [host, port] => match port.parse() {
            Ok(port) => PersistedRole::ReplicaOf(Address::new(host.clone(), port)),
            Err(_) => PersistedRole::Unknown(format!("`{}` has no usable port", last.name)),
        },
        [] | [_] | [_, _, _, ..] => {
            PersistedRole::Unknown(format!("`{}` wants a host and a port", last.name))
        }
    }
}

/// The present name of a directive with an older one (or with Valkey's newer one, if replctl writes
/// the older one for both families).
pub fn canonical(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "slaveof" => "replicaof".to_owned(),
        "primaryauth" => "masterauth".to_owned(),
        "primaryuser" => "masteruser".to_owned(),
        "min-slaves-to-write" => "min-replicas-to-write".to_owned(),
        "min-slaves-max-lag" => "min-replicas-max-lag".to_owned(),
        _ => match name.strip_prefix("slave-") {
            Some(rest) => format!("replica-{rest}"),
            None => name,
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_comments_and_repeats_are_read() {
        let text = "# x\n  port 6379\nSave 900 1\nsave 300 10\nlogfile \"/a b/\\x41\\n\"\nrename-command CONFIG ''\n\nbroken \"x\n";
        let got = parse(text);
        let line = |name: &str, args: &[&str]| Directive {
            name: name.into(),
            args: args.iter().map(|a| (*a).to_owned()).collect(),
        };
        assert_eq!(
            got,
            [
                line("port", &["6379"]),
                line("save", &["900", "1"]),
                line("save", &["300", "10"]),
                line("logfile", &["/a b/A\n"]),
                line("rename-command", &["CONFIG", ""]),
                line("broken", &["\"x"]),
            ]
        );
    }

    #[test]
    fn the_last_replicaof_counts() {
        let role = |text: &str| persisted_role(&parse(text));
        assert_eq!(role("port 1"), PersistedRole::Primary);
        assert_eq!(
            role("slaveof a 1\nreplicaof b 2"),
            PersistedRole::ReplicaOf(Address::new("b", 2))
        );
        assert_eq!(
            role("slaveof a 1\nreplicaof no one"),
            PersistedRole::Primary
        );
        assert!(matches!(
            role("replicaof a 99999"),
            PersistedRole::Unknown(_)
        ));
        assert!(matches!(role("replicaof a"), PersistedRole::Unknown(_)));
    }

    #[test]
    fn memory_units_are_the_servers() {
        assert_eq!(memory("1gb"), Some(1 << 30));
        assert_eq!(memory("1G"), Some(1_000_000_000));
        assert_eq!(memory("64mb"), Some(64 << 20));
        assert_eq!(memory("5"), Some(5));
        assert_eq!(memory("99999999999999999999gb"), None);
        assert_eq!(memory("18446744073709551615gb"), None);
        assert_eq!(memory("yes"), None);
        assert_eq!(memory(""), None);
    }

    #[test]
    fn a_value_cannot_begin_a_new_line() {
        assert_eq!(value_text("900 1"), "900 1");
        assert_eq!(value_text(""), "\"\"");
        assert_eq!(
            value_text("x\nreplicaof evil 1"),
            "\"x\\x0areplicaof evil 1\""
        );
        assert_eq!(value_text("say \"hi"), "\"say \\\"hi\"");
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(arg in ".*") {
            let quoted = quote(&arg);
            prop_assert!(!quoted.contains(['\n', '\r']));
            prop_assert_eq!(split(&format!("name {quoted}")), Some(vec!["name".to_owned(), arg]));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC*|[\\x00-\\x7f]*") {
            let _ = persisted_role(&parse(&text));
        }

        #[test]
        fn a_value_is_one_line(value in "[\\x00-\\x7f]*") {
            prop_assert_eq!(parse(&format!("save {}", value_text(&value))).len(), 1);
        }
    }
}
