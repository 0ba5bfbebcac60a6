//! The form of the output of the scripts that collect facts: see `scripts/said.sh`. No output of a
//! host can make this fail badly. Pure.

use super::owner::without_comments;
use super::single_quoted;

/// The shell functions that print lines in that form. They go after `owner.sh`.
pub(in crate::world) const SAID: &str = include_str!("scripts/said.sh");

/// The script that reads files: see there.
const READ: &str = include_str!("scripts/read.sh");

/// Sets `$reader`, which `said.sh` runs.
pub(in crate::world) fn reader() -> String {
    let text = single_quoted(&without_comments(&[READ]));
    format!("reader={text}\n")
}

/// Keeps only the lines with these keys. A process that ran as the user of a server may have
/// written other lines, too.
pub(in crate::world) fn only(text: &str, keys: &[&str]) -> String {
    text.split_inclusive('\n')
        .filter(|l| line(l).is_some_and(|(key, ..)| keys.contains(&key)))
        .collect()
}

/// The printed values, in order: `key:text`, `key=hex`, and `key+line`, which is one more line of
/// the last value of that key. Other lines are left out.
pub(in crate::world) fn key_values(output: &str) -> Vec<(&str, Vec<u8>)> {
    let mut all: Vec<(&str, Vec<u8>)> = Vec::new();
    for (key, how, text) in output.split('\n').filter_map(line) {
        match how {
            '=' => all.extend(unhex(text).map(|bytes| (key, bytes))),
            '+' => {
                let at = all.iter().rposition(|(k, _)| *k == key);
                let at = at.unwrap_or_else(|| {
                    all.push((key, Vec::new()));
                    all.len() - 1
                });
                if let Some((_, value)) = all.get_mut(at) {
                    value.extend_from_slice(text.as_bytes());
                    value.push(b'\n');
                }
            }
            _ => all.push((key, text.as_bytes().to_vec())),
        }
    }
    all
}

/// The keys of `read.sh`.
const OF_READER: [&str; 8] = [
    "read",
    "config",
    "passwords",
    "no_passwords",
    "dump",
    "matching",
    "write",
    "done",
];

/// The line is not from `read.sh`. A program may begin its error message like a key, as in
/// `setpriv: …`.
pub(super) fn is_beside(text: &str) -> bool {
    line(text).is_none_or(|(key, ..)| !OF_READER.contains(&key))
}

/// A key has small letters and `_`.
fn line(line: &str) -> Option<(&str, char, &str)> {
    let end = line.find(|c: char| !(c.is_ascii_lowercase() || c == '_'))?;
    let (key, rest) = line.split_at(end);
    let how = rest
        .chars()
        .next()
        .filter(|c| matches!(c, ':' | '+' | '='))?;
    Some((key, how, &rest[1..]))
}

/// The bytes of these hex digits; `None`: the text is something else.
pub(in crate::world) fn unhex(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex
        .trim()
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_kept() {
        let text = "config=\nconfig+a\npid:1\nconfigs+b\n config+c\nread=\nread+/d\nconfig+e";
        assert_eq!(only(text, &["config"]), "config=\nconfig+a\nconfig+e");
        assert_eq!(only(text, &["read", "write"]), "read=\nread+/d\n");
    }

    #[test]
    fn a_reason_is_no_key() {
        let text = "setpriv: no such user\npasswords+secret\nread=\nno words\ndone=\nsu: no";
        let beside: Vec<_> = text.lines().filter(|l| is_beside(l)).collect();
        assert_eq!(beside, ["setpriv: no such user", "no words", "su: no"]);
    }

    #[test]
    fn what_was_told_is_taken_apart() {
        let text = "a:x=1\nlist=\nlist+a:y\nlist+\nb=4142\nlist+c \r\nnone\n=41\nb=4x\nlist:\nlist+z\nnew+q";
        let all = key_values(text);
        let all: Vec<(&str, &str)> = all
            .iter()
            .map(|(k, v)| (*k, str::from_utf8(v).unwrap_or_default()))
            .collect();
        assert_eq!(
            all,
            [
                ("a", "x=1"),
                ("list", "a:y\n\nc \r\n"),
                ("b", "AB"),
                ("", "A"),
                ("list", "z\n"),
                ("new", "q\n"),
            ]
        );
    }
}
