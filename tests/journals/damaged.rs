//! Journals of format 1, whole and damaged: each with the verdict that a reader of its text comes to.

use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, Trio};
use crate::support::user_id;
use crate::{CUT, DETACHED, DONE, PUT_BACK, TAKEN_UP, clear, fixture, history, put, unfinished};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// What is to be known of an operation from its journal.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// It has ended.
    Ended,
    /// It stopped half-way, and where is known.
    HalfWay,
    /// What it did is not known, for this reason.
    Unknown(&'static str),
}
use Verdict::{Ended, HalfWay, Unknown};

/// How a journal comes about.
type Damage = Box<dyn Fn(&Replctl<'_>) -> String>;

struct Case {
    name: &'static str,
    verdict: Verdict,
    make: Damage,
}

/// A journal of an earlier replctl, with its bytes changed.
fn bytes(
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
fn lines(
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
fn words(
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
fn file(name: &'static str, verdict: Verdict, change: impl Fn(&Path) + 'static) -> Case {
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

fn before_the_end(lines: &mut Vec<String>) {
    let end = lines.iter().position(|l| l.contains(r#""event":"ended""#));
    lines.truncate(end.unwrap());
}

fn whole_ones() -> Vec<Case> {
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

fn damaged_bytes() -> Vec<Case> {
    vec![
        lines(
            "a line in the middle is cut",
            Unknown("line 7 is not JSON"),
            DONE,
            |lines| {
                lines[6].truncate(40);
            },
        ),
        bytes(
            "a byte that is not UTF-8",
            Unknown("line 2 is not UTF-8"),
            CUT,
            |mut text| {
                let second = text.iter().position(|b| *b == b'\n').unwrap() + 20;
                text[second] = 0xff;
                text
            },
        ),
        bytes(
            "a line of rubbish below the end",
            Unknown("is not UTF-8"),
            DONE,
            |mut text| {
                text.extend([0xff, 0xfe, b'\n']);
                text
            },
        ),
        bytes(
            "zeros at the end, as after a power failure",
            Unknown("is not JSON"),
            CUT,
            |mut text| {
                text.extend([0; 4096]);
                text
            },
        ),
        bytes(
            "a block of zeros in the middle",
            Unknown("is not JSON"),
            DONE,
            |mut text| {
                text[5000..5512].fill(0);
                text
            },
        ),
        bytes("empty", Unknown("it is empty"), DONE, |_| Vec::new()),
        bytes("only a newline", Unknown("line 1 is empty"), DONE, |_| {
            b"\n".to_vec()
        }),
        bytes(
            "its first line is cut",
            Unknown("line 1 is not JSON"),
            DONE,
            |mut text| {
                text.truncate(300);
                text
            },
        ),
        bytes(
            "a byte-order mark",
            Unknown("line 1 is not JSON"),
            DONE,
            |text| [b"\xef\xbb\xbf".to_vec(), text].concat(),
        ),
        bytes("UTF-16", Unknown("line 1 is not"), DONE, |text| {
            text.iter().flat_map(|b| [*b, 0]).collect()
        }),
        lines("an empty line", Unknown("line 4 is empty"), DONE, |lines| {
            lines.insert(3, String::new());
        }),
        lines(
            "a cut line with the next one behind it",
            Unknown("line 10 is not JSON"),
            TAKEN_UP,
            |lines| {
                let up = lines.iter().position(|l| l.contains("resumed")).unwrap();
                lines[up] = format!(r#"{{"time":"2025-11-01T20{}"#, lines[up]);
            },
        ),
        words(
            "a time that is none",
            Unknown("line 2 is not understood"),
            CUT,
            ("2025-11-01T20:08:28.966334393Z", "yesterday"),
        ),
    ]
}

fn damaged_sense() -> Vec<Case> {
    vec![
        words(
            "format 2",
            Unknown("it is of format 2, and this replctl knows format 1"),
            DONE,
            (r#""format":1"#, r#""format":2"#),
        ),
        words(
            "no format",
            Unknown("it does not say its format"),
            DONE,
            (r#""format":1,"#, ""),
        ),
        words(
            "a format that is a word",
            Unknown(r#"it is of format "1""#),
            DONE,
            (r#""format":1"#, r#""format":"1""#),
        ),
        words(
            "an action that is not known",
            Unknown("line 1 is not understood (unknown variant `teleport`"),
            DONE,
            (r#""action":"count-clients""#, r#""action":"teleport""#),
        ),
        words(
            "an operation that is not known",
            Unknown("line 1 is not understood (unknown variant `teleport`"),
            CUT,
            (r#""operation":{"promote""#, r#""operation":{"teleport""#),
        ),
        words(
            "an event that is not known",
            Unknown("line 2 is not understood"),
            CUT,
            (r#""event":"connection""#, r#""event":"teleported""#),
        ),
        words(
            "an outcome that is not known",
            Unknown("is not understood"),
            DONE,
            (r#""outcome":"completed""#, r#""outcome":"cancelled""#),
        ),
        words(
            "an event without what it says",
            Unknown("line 2 is not understood (missing field `client_id`"),
            CUT,
            (r#""client_id""#, r#""client""#),
        ),
        words(
            "a step before the first",
            Unknown("is not understood"),
            CUT,
            (
                r#""started","at":{"stage":0"#,
                r#""started","at":{"stage":-1"#,
            ),
        ),
        words(
            "a step that is not in the plan",
            Unknown("names a step that is not in the plan"),
            CUT,
            (
                r#""started","at":{"stage":0"#,
                r#""started","at":{"stage":99"#,
            ),
        ),
        words(
            "another deployment",
            Unknown("it is of the deployment `invoices`"),
            CUT,
            (r#""deployment":"orders""#, r#""deployment":"invoices""#),
        ),
        lines(
            "its first line is gone",
            Unknown("it does not say its format"),
            CUT,
            |lines| {
                lines.remove(0);
            },
        ),
        lines(
            "the beginning of a step is gone",
            Unknown("ends a step that was never begun"),
            DONE,
            |lines| {
                let begun = lines
                    .iter()
                    .position(|l| l.contains(r#""started","at":{"stage":2,"step":5}"#));
                lines.remove(begun.unwrap());
            },
        ),
        lines(
            "two in one",
            Unknown("begins another operation"),
            DONE,
            |lines| {
                let other = String::from_utf8(fixture(CUT)).unwrap();
                lines.extend(other.lines().map(str::to_owned));
            },
        ),
        lines(
            "it goes on after its end",
            Unknown("goes on after the end of the run"),
            DONE,
            |lines| {
                let begun = lines
                    .iter()
                    .find(|l| l.contains(r#""started""#))
                    .unwrap()
                    .clone();
                lines.push(begun);
            },
        ),
    ]
}

fn damaged_files() -> Vec<Case> {
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

/// What stands in every case.
fn told(operator: &Replctl<'_>, id: &str, verdict: Verdict) {
    let status = operator.run(&["status", "--no-ssh"]);
    let promote = ["promote", "slave1", "--dry-run"];
    match verdict {
        Ended => {
            status.ok();
            assert!(unfinished(operator).is_empty());
            operator.run(&promote).ok();
            operator
                .run(&["resume"])
                .ok()
                .says("no operation is unfinished");
        }
        HalfWay => {
            status
                .code(4)
                .says(&format!("operation {id} stopped half-way"));
            assert_eq!(unfinished(operator), [id]);
            operator
                .run(&promote)
                .code(3)
                .says(&format!("replctl resume {id}"));
        }
        Unknown(why) => {
            status
                .code(4)
                .says(&format!(
                    "operation {id} is unfinished, and what it did is not known"
                ))
                .says(why)
                .says(&format!("hint: replctl abandon {id}"));
            assert_eq!(unfinished(operator), [id]);
            let listed = &history(operator)["operations"][0];
            assert_eq!(listed["outcome"], "unreadable");
            assert!(listed["damage"].as_str().unwrap().contains(why), "{listed}");
            operator.run(&["history"]).ok().says(why);
            operator
                .run(&["report", id])
                .ok()
                .says("What it did is not known");
            for arguments in [&promote[..], &["resume"], &["rollback", id], &["undo", id]] {
                operator.run(arguments).code(3);
            }
            operator
                .run(&promote)
                .code(3)
                .says(why)
                .says(&format!("replctl abandon {id}"));
        }
    }
}

/// Every case alone; then it is left as it is, and stands against nothing any more.
#[test]
fn what_cannot_be_read_is_unfinished_and_unknown() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    let all = [
        whole_ones(),
        damaged_bytes(),
        damaged_sense(),
        damaged_files(),
    ];
    let all: Vec<Case> = all.into_iter().flatten().collect();
    let damaged = all.iter().filter(|c| matches!(c.verdict, Unknown(_)));
    assert!(damaged.count() >= 30);
    for case in &all {
        eprintln!("{}: {:?}", case.name, case.verdict);
        let id = (case.make)(&operator);
        told(&operator, &id, case.verdict);
        if let Ended = case.verdict {
            operator.run(&["abandon", &id]).ok().says("Nothing to do");
        } else {
            operator.run(&["abandon", &id]).code(3).says("--yes");
            operator
                .run(&["abandon", &id, "--yes"])
                .ok()
                .says("is left as it is");
            operator.run(&["status", "--no-ssh"]).ok();
            assert!(unfinished(&operator).is_empty());
            operator.run(&["promote", "slave1", "--dry-run"]).ok();
            operator
                .run(&["abandon", &id, "--yes"])
                .ok()
                .says("Nothing to do");
            let resumed = operator.run(&["resume", &id, "--yes"]);
            assert!(matches!(resumed.code, Some(2 | 3)), "{resumed}");
        }
        clear(&operator);
    }
    deployment.assert_primary(0);
}

/// Every command that changes something.
const CHANGES: [&[&str]; 13] = [
    &["setup", "--yes"],
    &["promote", "slave1", "--yes"],
    &["move", "slave2", "--under", "slave1", "--yes"],
    &["detach", "slave2", "--yes"],
    &["rejoin", "slave2", "--yes"],
    &["repair", "--yes"],
    &["undo", DONE, "--yes"],
    &["remove", "slave2", "--yes"],
    &["add", "new", "--address", "127.0.0.1:7", "--yes"],
    &["sentinel", "forget", "slave2", "--yes"],
    &["resume", "--yes"],
    &["rollback", "--yes"],
    &["promote", "master", "--dry-run"],
];

fn refuse(operator: &Replctl<'_>, id: &str, commands: &[&[&str]]) {
    let state = || {
        let folder = crate::journals(operator);
        let names = fs::read_dir(folder).unwrap();
        let mut all: Vec<(String, Vec<u8>)> = names
            .map(|e| e.unwrap().path())
            .map(|p| (p.display().to_string(), fs::read(p).unwrap()))
            .collect();
        all.sort();
        all
    };
    let before = state();
    for command in commands {
        let ran = operator.run(command).code(3);
        ran.says(&format!("`{id}`")).says("nothing was touched");
    }
    assert_eq!(state(), before, "no journal was touched");
}

#[test]
fn it_stands_against_every_change() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    put(&operator, DONE, &fixture(DONE));
    let mut text = fixture(CUT);
    text.extend(b"\xff\n");
    put(&operator, CUT, &text);
    refuse(&operator, CUT, &CHANGES);
    // What is known to be half-way comes first, too, but for its own two commands.
    put(&operator, CUT, &fixture(CUT));
    let but: Vec<&[&str]> = CHANGES
        .into_iter()
        .filter(|c| !["resume", "rollback"].contains(&c[0]))
        .collect();
    refuse(&operator, CUT, &but);
    deployment.assert_primary(0);
    // Given up for one command, and by that for all.
    operator
        .run(&["promote", "slave1", "--yes", "--abandon-unfinished"])
        .ok();
    deployment.assert_primary(1);
    operator.run(&["status", "--no-ssh"]).ok();
    operator
        .run(&["resume", CUT, "--yes"])
        .code(3)
        .says("other operations came after it");
    deployment.assert_primary(1);
}

/// What changes no role is simply gone on with: it does not come first.
#[test]
fn half_a_set_up_stands_against_nothing() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    let text = String::from_utf8(fixture(CUT)).unwrap();
    let first = text.lines().next().unwrap();
    let set_up = first.replacen(
        r#"{"promote":{"node":"master","accept":[]}}"#,
        r#"{"setup":{"nodes":[],"discard_data":[]}}"#,
        1,
    );
    assert_ne!(first, set_up);
    let id = "20251101T200828.964Z-setup";
    put(&operator, id, format!("{set_up}\n").as_bytes());
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("stopped half-way");
    operator.run(&["promote", "slave1", "--yes"]).ok();
    // The promotion says that it left it behind.
    operator.run(&["status", "--no-ssh"]).ok();
    assert!(unfinished(&operator).is_empty());
}
