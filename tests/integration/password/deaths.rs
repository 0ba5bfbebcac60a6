//! replctl dies at every journal line, and the ways to go on.

use crate::password::bench::{Bench, NEW, OLD};
use crate::support::figure;
use crate::support::process::run;
use crate::support::server::all_of_them;
use std::time::Duration;

/// Runs `setup` until it dies after `line` journal lines; false: it reached its end.
#[track_caller]
fn dies(bench: &Bench, line: usize) -> bool {
    let mut command = bench.operator.command(&["setup", "--yes"]);
    command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
    let ran = run(&mut command, Duration::from_mins(2));
    if ran.code == Some(0) {
        return false;
    }
    assert_eq!(
        ran.signal,
        Some(libc::SIGKILL),
        "it failed at {line}: {ran}"
    );
    true
}

/// Asserts that replctl can log in everywhere, and that every replica has its link or gets it back.
#[track_caller]
fn nobody_is_cut_off(bench: &Bench, both: [Option<&str>; 2]) {
    let any = |n: usize| both.iter().find_map(|p| bench.connect(n, *p).ok());
    for n in 0..bench.count() {
        let mut client = any(n).unwrap_or_else(|| panic!("nobody is let in by {n}"));
        client.command(&["CLIENT", "KILL", "TYPE", "replica"]);
    }
    crate::support::await_that("the links", Duration::from_secs(15), || bench.linked(any));
}

/// Tests `resume` and `rollback` in turns, at every third line; in the full test run both, at every
/// line.
fn killed_at_every_line(from: Option<&str>, to: Option<&str>) {
    let Some(bench) = Bench::of(2, None, from) else {
        return;
    };
    let others = |now: Option<&str>| {
        let other = if now == from { to } else { from };
        if now.is_some() {
            vec![other]
        } else {
            Vec::new()
        }
    };
    let (mut deaths, mut kept) = (0, 0);
    let apart = if all_of_them() { 1 } else { 3 };
    'lines: for line in (1..).step_by(apart) {
        let ways: &[bool] = if all_of_them() {
            &[false, true]
        } else if line % 2 == 0 {
            &[false]
        } else {
            &[true]
        };
        for back in ways {
            bench.say(to);
            if !dies(&bench, line) {
                break 'lines;
            }
            deaths += 1;
            nobody_is_cut_off(&bench, [from, to]);
            let ran = if *back {
                bench.run(&["rollback", "--yes"])
            } else {
                bench.run(&["resume", "--yes"]).ok()
            };
            // Its end was written before it died: then there is nothing to take up.
            let ended = ran.stdout.contains("no operation is unfinished");
            if *back && ran.code == Some(0) && !ended {
                ran.says("all is as it was before");
                bench.say(from);
                bench.is_at(from, &others(from));
                continue;
            }
            if *back && !ended {
                ran.code(3).says("past the point of no return");
                nobody_is_cut_off(&bench, [from, to]);
                bench.run(&["resume", "--yes"]).ok();
                kept += 1;
            }
            bench.is_at(to, &others(to));
            // To the beginning, by the change in the other direction.
            bench.say(from);
            bench.run(&["setup", "--yes"]).ok();
            bench.in_sync(from);
        }
    }
    assert!(deaths > 20 / apart, "only {deaths} deaths");
    bench.nothing_is_kept();
    figure(&format!(
        "password: killed at {deaths} journal lines and taken up ({kept} could not be put back)"
    ));
}

#[test]
fn killed_at_every_line_on_the_way_to_a_password() {
    killed_at_every_line(None, Some(NEW));
}

#[test]
fn killed_at_every_line_on_the_way_to_none() {
    killed_at_every_line(Some(OLD), None);
}

#[test]
fn killed_at_every_line_on_the_way_to_another() {
    killed_at_every_line(Some(OLD), Some(NEW));
}

/// The inventory has another password at the resume: no server gets two passwords.
#[test]
fn another_password_is_not_gone_on_with() {
    let Some(bench) = Bench::of(2, None, Some(OLD)) else {
        return;
    };
    bench.say(Some(NEW));
    // After some server has it, and before the end.
    assert!(dies(&bench, 9));
    for other in [Some("canary-mistyped"), Some(OLD), None] {
        bench.say(other);
        for verb in ["resume", "rollback"] {
            bench
                .run(&[verb, "--yes"])
                .code(3)
                .says("the inventory's password is not the one that")
                .says("name that one in the inventory again");
        }
        assert!(bench.connect(0, Some("canary-mistyped")).is_err());
    }
    nobody_is_cut_off(&bench, [Some(OLD), Some(NEW)]);
    bench.say(Some(NEW));
    bench.run(&["resume", "--yes"]).ok();
    bench.is_at(Some(NEW), &[Some(OLD)]);
}
