//! The program's reaction to each journal in the table: an unreadable one counts as unfinished and
//! unknown, and blocks every change.

use crate::journals::cases::{
    Case, Ended, HalfWay, Unknown, Verdict, damaged_beginnings, damaged_bytes, damaged_cuts,
    damaged_files, damaged_lines, damaged_order, damaged_plans, whole_ones,
};
use crate::journals::{CUT, DONE, clear, fixture, history, put, unfinished};
use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, Trio};
use std::fs;

/// The assertions for every case.
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

/// K7.1: every case alone. After `abandon` the journal blocks nothing.
#[test]
fn what_cannot_be_read_is_unfinished_and_unknown() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    let all: Vec<Case> = [
        whole_ones(),
        damaged_beginnings(),
        damaged_bytes(),
        damaged_cuts(),
        damaged_plans(),
        damaged_lines(),
        damaged_order(),
        damaged_files(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let damaged = all.iter().filter(|c| matches!(c.verdict, Unknown(_)));
    assert!(damaged.count() >= 30);
    for case in &all {
        // Told where it fails: the runner keeps it until then.
        #[allow(clippy::print_stdout)]
        {
            println!("{}: {:?}", case.name, case.verdict);
        }
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
        let folder = crate::journals::journals(operator);
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

/// K7.1.
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

/// An operation that changes no role can be resumed at any time, so it blocks nothing.
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
