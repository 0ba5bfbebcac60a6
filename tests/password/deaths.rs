//! replctl dies on the way: at every journal line, and what can be done about it then.

use crate::bench::{Bench, NEW, OLD};
use crate::support::figure;
use crate::support::process::run;
use std::time::Duration;

/// Runs `setup` until it dies after that many journal lines; false: it came to its end.
#[track_caller]
fn dies(bench: &Bench, line: usize) -> bool {
    let mut command = bench.operator.command(&["setup", "--yes"]);
    command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
    let ran = run(&mut command, Duration::from_mins(2));
    if ran.code == Some(0) {
        return false;
    }
    assert_eq!(ran.signal, Some(libc::SIGKILL), "it failed at {line}: {ran}");
    true
}

/// Whatever was done: replctl is let in everywhere, and every replica has its link or gets it back.
#[track_caller]
fn nobody_is_cut_off(bench: &Bench, both: [Option<&str>; 2]) {
    let any = |n: usize| both.iter().find_map(|p| bench.connect(n, *p).ok());
    for n in 0..3 {
        let mut client = any(n).unwrap_or_else(|| panic!("nobody is let in by {n}"));
        client.command(&["CLIENT", "KILL", "TYPE", "replica"]);
    }
    crate::support::await_that("the links", Duration::from_secs(15), || {
        bench.linked(|n| any(n))
    });
}

fn killed_at_every_line(from: Option<&str>, to: Option<&str>, part: usize) {
    let Some(bench) = Bench::set_up(None, from) else {
        return;
    };
    let others = |now: Option<&str>| {
        let other = if now == from { to } else { from };
        if now.is_some() { vec![other] } else { Vec::new() }
    };
    let (mut deaths, mut refused) = (0, 0);
    // The operator's word decides what is wanted; each round begins at `from`.
    for line in (1 + part..).step_by(2) {
        bench.say(to);
        if !dies(&bench, line) {
            break;
        }
        deaths += 1;
        nobody_is_cut_off(&bench, [from, to]);
        if line % 4 < 2 {
            bench.run(&["resume", "--yes"]).ok();
            bench.is_at(to, &others(to));
        } else {
            let back = bench.run(&["rollback", "--yes"]);
            if back.code == Some(0) {
                bench.say(from);
                bench.is_at(from, &others(from));
                continue;
            }
            back.code(3).says("past the point of no return");
            nobody_is_cut_off(&bench, [from, to]);
            refused += 1;
            bench.run(&["resume", "--yes"]).ok();
            bench.is_at(to, &others(to));
        }
        // To the beginning, by the change in the other direction.
        bench.say(from);
        bench.run(&["setup", "--yes"]).ok();
        bench.is_at(from, &others(from));
    }
    assert!(deaths > 10, "only {deaths} lines");
    bench.nothing_is_kept();
    figure(&format!(
        "password: killed at {deaths} journal lines and taken up ({refused} could not be put back)"
    ));
}

#[test]
fn killed_at_every_line_on_the_way_to_a_password() {
    killed_at_every_line(None, Some(NEW), 0);
}

#[test]
fn killed_at_every_other_line_on_the_way_to_a_password() {
    killed_at_every_line(None, Some(NEW), 1);
}

#[test]
fn killed_at_every_line_on_the_way_to_none() {
    killed_at_every_line(Some(OLD), None, 0);
}

#[test]
fn killed_at_every_other_line_on_the_way_to_none() {
    killed_at_every_line(Some(OLD), None, 1);
}

#[test]
fn killed_at_every_line_on_the_way_to_another() {
    killed_at_every_line(Some(OLD), Some(NEW), 0);
}

#[test]
fn killed_at_every_other_line_on_the_way_to_another() {
    killed_at_every_line(Some(OLD), Some(NEW), 1);
}
