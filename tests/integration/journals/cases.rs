//! Journals of format 1, whole and damaged: each with the verdict from its text.

mod bytes;
mod sense;

pub use bytes::{damaged_beginnings, damaged_bytes, damaged_cuts};
pub use sense::{damaged_lines, damaged_order, damaged_plans};

use crate::journals::{CUT, DETACHED, DONE, PUT_BACK, TAKEN_UP, fixture, put};
use crate::support::program::Replctl;
use crate::support::user_id;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// The state of an operation, by its journal.
#[derive(Debug, Clone, Copy)]
pub enum Verdict {
    /// It has ended.
    Ended,
    /// It stopped half-way, at a known step.
    HalfWay,
    /// Its steps are unknown, for this reason.
    Unknown(&'static str),
}
pub use Verdict::{Ended, HalfWay, Unknown};

/// Makes a journal; returns its id.
pub type Damage = Box<dyn Fn(&Replctl<'_>) -> String>;

/// A journal with its verdict.
pub struct Case {
    /// Its name, for messages.
    pub name: &'static str,
    /// The verdict of its reader.
    pub verdict: Verdict,
    /// Writes it; gives its id.
    pub make: Damage,
}

/// A journal of an earlier replctl, with its bytes changed.
pub fn bytes(
    name: &'static str,
    verdict: Verdict,
    id: &'static str,
    change: impl Fn(Vec<u8>) -> Vec<u8> + 'static,
) -> Case {
    let make: Damage = Box::new(move |operator| {
        put(operator, id, &change(fixture(id)));
        id.to_owned()
    });
    Case {
        name,
        verdict,
        make,
    }
}

/// The same for its lines.
pub fn lines(
    name: &'static str,
    verdict: Verdict,
    id: &'static str,
    change: impl Fn(&mut Vec<String>) + 'static,
) -> Case {
    bytes(name, verdict, id, move |text| {
        let text = String::from_utf8(text).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        format!("{}\n", lines.join("\n")).into_bytes()
    })
}

/// The same for the words in it; they are there.
pub fn words(
    name: &'static str,
    verdict: Verdict,
    id: &'static str,
    (from, to): (&'static str, &'static str),
) -> Case {
    bytes(name, verdict, id, move |text| {
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(from), "{name}");
        text.replacen(from, to, 1).into_bytes()
    })
}

/// The same for the file as a whole.
pub fn file(name: &'static str, verdict: Verdict, change: impl Fn(&Path) + 'static) -> Case {
    let make: Damage = Box::new(move |operator| {
        change(&put(operator, DONE, &fixture(DONE)));
        DONE.to_owned()
    });
    Case {
        name,
        verdict,
        make,
    }
}

pub fn before_the_end(lines: &mut Vec<String>) {
    let end = lines.iter().position(|l| l.contains(r#""event":"ended""#));
    lines.truncate(end.unwrap());
}

/// Journals as their writers left them, dead or alive.
pub fn whole_ones() -> Vec<Case> {
    let same = |text: Vec<u8>| text;
    vec![
        bytes("done", Ended, DONE, same),
        bytes("a detachment that is done", Ended, DETACHED, same),
        bytes("gone on with", Ended, TAKEN_UP, same),
        bytes("put back", Ended, PUT_BACK, same),
        bytes("cut short", HalfWay, CUT, same),
        bytes("without its last newline", Ended, DONE, |mut text| {
            text.pop();
            text
        }),
        bytes("with the line ends of Windows", Ended, DONE, |text| {
            let text = String::from_utf8(text).unwrap();
            text.replace('\n', "\r\n").into_bytes()
        }),
        lines("with a field that is not known", Ended, DONE, |lines| {
            lines[1] = lines[1].replacen('{', "{\"more\":[1],", 1);
        }),
        bytes("died in a line", HalfWay, CUT, |mut text| {
            text.extend(br#"{"time":"2025-11-01T20:08:29Z","event":"done","at":{"sta"#);
            text
        }),
        bytes("died in a character", HalfWay, CUT, |mut text| {
            text.extend(
                b"{\"time\":\"2025-11-01T20:08:29Z\",\"event\":\"failed\",\"why\":\"\xe4\xb8",
            );
            text
        }),
        bytes("half of it is gone", HalfWay, DONE, |mut text| {
            text.truncate(text.len() / 2);
            text
        }),
        lines("its end is gone", HalfWay, DONE, before_the_end),
        lines(
            "died in a line, and gone on with",
            Ended,
            TAKEN_UP,
            |lines| {
                let up = lines.iter().position(|l| l.contains("resumed")).unwrap();
                lines.insert(up, r#"{"time":"2025-11-01T20"#.to_owned());
            },
        ),
    ]
}

/// Files that are no journals of ours.
pub fn damaged_files() -> Vec<Case> {
    let no_file = Unknown("it is no regular file");
    let mut all = vec![
        file("a folder", no_file, |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        file("a link", no_file, |path| {
            let there = path.with_extension("elsewhere");
            fs::rename(path, &there).unwrap();
            std::os::unix::fs::symlink(there, path).unwrap();
        }),
        file("a link that leads nowhere", no_file, |path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/nonexistent", path).unwrap();
        }),
        file("a pipe", no_file, |path| {
            fs::remove_file(path).unwrap();
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
        file(
            "one that others can write",
            Unknown("others can write it"),
            |path| {
                fs::set_permissions(path, PermissionsExt::from_mode(0o620)).unwrap();
            },
        ),
    ];
    if user_id() == 0 {
        all.push(file(
            "one of another user",
            Unknown("it belongs to another user (uid 65534)"),
            |path| {
                std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
            },
        ));
    }
    all
}
