//! Reads what the scripts of a look at a server print. Reading ends well whatever a host prints.
//! Pure.

use crate::topology::service::Writable;
use crate::topology::service::answer::{Answer, SeenProcess};
use crate::topology::service::chain::Read;
use crate::world::host::script_output::{key_values, only};
use std::collections::BTreeMap;

/// The most files that a pattern may stand for.
const MOST: usize = 64;

/// The error for an answer that lacks its end.
pub(super) const CUT: &str = "the look at the host was cut short";

/// Only the lines about files.
pub(super) fn of_files(text: &str) -> String {
    only(text, &["read", "matching", "write"])
}

/// Reads the first look.
///
/// # Errors
/// It was cut short.
pub(super) fn read(text: &str, answer: &mut Answer) -> Result<(), String> {
    let said: Vec<(&str, Vec<u8>)> = key_values(text);
    if !said.iter().any(|(key, _)| *key == "end") {
        return Err(CUT.to_owned());
    }
    let first = |said: &[(&str, Vec<u8>)], key: &str| {
        let line = said.iter().find(|(k, _)| *k == key);
        line.map(|(_, v)| String::from_utf8_lossy(v).trim().to_owned())
            .filter(|v| !v.is_empty())
    };
    answer.confined = first(&said, "confined");
    let said = key_values(before_files(text));
    let one = |key: &str| first(&said, key);
    answer.listening = one("listening").is_some();
    answer.systemd = one("systemd").is_some();
    answer.in_unit = one("in_unit");
    answer.rc_local = one("rc_local");
    answer.reader = one("reader").and_then(|text| ids(&text));
    let units = said.iter().filter(|(key, _)| *key == "unit");
    answer.units = units
        .map(|(_, text)| properties(&String::from_utf8_lossy(text)))
        .collect();
    answer.process = one("pid").and_then(|pid| {
        let raw = said.iter().find(|(key, _)| *key == "cmdline");
        Some(SeenProcess {
            pid: pid.parse().ok()?,
            exe: one("exe").map(|exe| exe.trim_end_matches(" (deleted)").to_owned()),
            cmdline: raw.map(|(_, bytes)| bytes.clone()).unwrap_or_default(),
            argument_bytes: one("argbytes").and_then(|n| n.parse().ok()),
            ids: one("ids").and_then(|text| ids(&text))?,
            nested: one("nested").is_some(),
        })
    });
    read_files(text, answer);
    Ok(())
}

/// The lines from before the files were read. A process of the server's user reads the files, and
/// that user can add lines. So lines after that point count for files only.
fn before_files(text: &str) -> &str {
    let of_files = |line: &str| {
        let keys = ["read", "matching", "write"];
        keys.iter()
            .filter_map(|key| line.strip_prefix(key))
            .any(|rest| rest.starts_with([':', '=', '+']))
    };
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if of_files(line) {
            break;
        }
        end += line.len();
    }
    &text[..end]
}

/// Reads the lines about files.
pub(super) fn read_files(text: &str, answer: &mut Answer) {
    for (key, bytes) in key_values(text) {
        let value = String::from_utf8_lossy(&bytes).into_owned();
        let (first, rest) = value.split_once('\n').unwrap_or((&value, ""));
        match key {
            "read" => {
                answer.files.read.insert(first.to_owned(), file(rest));
            }
            "matching" => {
                let found: Vec<String> = rest.lines().map(str::to_owned).collect();
                // One file too many turns into a chain of too many files.
                let found = found.into_iter().take(MOST + 1).collect();
                answer.files.matching.insert(first.to_owned(), found);
            }
            "write" => {
                answer.writable = Some(match value.trim() {
                    "yes" => Writable::Yes,
                    why => Writable::No(why.to_owned()),
                });
            }
            _ => {}
        }
    }
}

fn file(text: &str) -> Read {
    let (kind, lines) = text.split_once('\n').unwrap_or((text, ""));
    match kind {
        "lines" => Read::Lines(lines.to_owned()),
        "missing" => Read::Missing,
        "kind" => Read::Refused("is no regular file".to_owned()),
        "large" => Read::Refused("is larger than 1 MiB".to_owned()),
        _ => Read::Refused("cannot be read by the user who reads it there".to_owned()),
    }
}

/// `UID GID GID,GID,…`.
fn ids(text: &str) -> Option<(u32, u32, Vec<u32>)> {
    let mut words = text.split_whitespace();
    let (uid, gid) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let more = words.next().unwrap_or("");
    let more = more.split(',').filter_map(|g| g.parse().ok()).collect();
    Some((uid, gid, more))
}

/// `NAME=VALUE` lines; the first of a name counts.
fn properties(text: &str) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, value)) = line.split_once('=') {
            out.entry(name.to_owned())
                .or_insert_with(|| value.to_owned());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_servers_user_writes_beside_its_files_replaces_nothing() {
        let forged = "in_unit:evil.service\nunit=\nunit+Id=evil.service\nunit+User=root\npid:1\nids:0 0 \nrc_local+evil\nreader:0 0 \n";
        let true_lines =
            "listening:1\nsystemd:1\nin_unit:\nunit=\nunit+Id=a.service\nreader:7 7 8\n";
        let text = format!(
            "{true_lines}read=\nread+/etc/a\nread+lines\nread+dir /\n{forged}write:yes\nconfined:/etc\nend:\n"
        );
        let mut answer = Answer::default();
        assert!(read(&text, &mut answer).is_ok());
        assert_eq!((answer.in_unit, answer.rc_local), (None, None));
        assert_eq!(answer.reader, Some((7, 7, vec![8])));
        assert_eq!(answer.process, None);
        assert_eq!(answer.units, [properties("Id=a.service\n")]);
        assert_eq!(answer.confined.as_deref(), Some("/etc"));
        assert_eq!(answer.writable, Some(Writable::Yes));
        assert_eq!(answer.files.read.len(), 1);
        // The first line of a key counts, even where it is empty.
        let mut answer = Answer::default();
        assert!(read("in_unit:\nin_unit:evil.service\nend:\n", &mut answer).is_ok());
        assert_eq!(answer.in_unit, None);
    }
}
