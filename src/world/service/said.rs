//! Reads what the scripts of a look at a server print. Whatever a host says, reading it ends well.
//! Pure.

use crate::topology::service::Writable;
use crate::topology::service::answer::{Answer, Seen};
use crate::topology::service::chain::Read;
use crate::world::host::said::told;
use std::collections::BTreeMap;

/// Files that a pattern may stand for.
const MOST: usize = 64;

/// Reads the first look.
///
/// # Errors
/// It was cut short.
pub(super) fn read(text: &str, answer: &mut Answer) -> Result<(), String> {
    let said: Vec<(&str, Vec<u8>)> = told(text);
    if !said.iter().any(|(key, _)| *key == "end") {
        return Err("the look at the host was cut short".to_owned());
    }
    let one = |key: &str| {
        let line = said.iter().find(|(k, v)| *k == key && !v.is_empty());
        line.map(|(_, v)| String::from_utf8_lossy(v).trim().to_owned())
            .filter(|v| !v.is_empty())
    };
    answer.listening = one("listening").is_some();
    answer.systemd = one("systemd").is_some();
    answer.in_unit = one("in_unit");
    answer.rc_local = one("rc_local");
    answer.reader = one("reader").and_then(|text| ids(&text));
    answer.confined = one("confined");
    let units = said.iter().filter(|(key, _)| *key == "unit");
    answer.units = units
        .map(|(_, text)| properties(&String::from_utf8_lossy(text)))
        .collect();
    answer.process = one("pid").and_then(|pid| {
        let raw = said.iter().find(|(key, _)| *key == "cmdline");
        Some(Seen {
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

/// Reads what was read of files.
pub(super) fn read_files(text: &str, answer: &mut Answer) {
    for (key, bytes) in told(text) {
        let value = String::from_utf8_lossy(&bytes).into_owned();
        let (first, rest) = value.split_once('\n').unwrap_or((&value, ""));
        match key {
            "read" => {
                answer.files.read.insert(first.to_owned(), file(rest));
            }
            "matching" => {
                let found: Vec<String> = rest.lines().map(str::to_owned).collect();
                // One too many becomes a chain of too many files.
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
