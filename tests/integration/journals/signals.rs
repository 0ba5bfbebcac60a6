//! Signals while a journal begins: an operation that did nothing does not count as half-way.

use crate::journals::{history, journals, unfinished};
use crate::support::figure;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, NAMES, Trio};
use std::fs;
use std::time::{Duration, Instant};

/// K7.4: the signal comes as soon as the journals' folder has a file, and at moments around that.
#[test]
fn a_signal_right_after_the_beginning_is_in_the_journal() {
    const ROUNDS: u32 = 40;
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    let folder = journals(&operator);
    let (mut interrupted, mut before) = (0, 0);
    for round in 0..ROUNDS {
        let primary = (0..3).find(|i| deployment.role(*i) == "master").unwrap();
        let target = NAMES[(primary + 1) % 3];
        let count = || fs::read_dir(&folder).unwrap().count();
        let there = count();
        let mut running = operator.start(&["promote", target, "--yes"]);
        let end = Instant::now() + Duration::from_secs(20);
        while count() == there && !running.has_ended() && Instant::now() < end {
            std::hint::spin_loop();
        }
        std::thread::sleep(Duration::from_micros(u64::from(round) * 100));
        running.signal([libc::SIGTERM, libc::SIGINT, libc::SIGHUP][round as usize % 3]);
        let ran = running.wait(Duration::from_mins(1));
        assert!(matches!(ran.code, Some(0 | 130)), "round {round}: {ran}");
        assert!(unfinished(&operator).is_empty(), "round {round}: {ran}");
        let newest = &history(&operator)["operations"][0];
        if ran.code == Some(0) {
            assert_eq!(newest["outcome"], "done");
        } else {
            assert_eq!(newest["outcome"], "rolled-back", "{newest}");
            interrupted += 1;
            before += u32::from(newest["troubles"][0]["stage"] == 0);
        }
        operator
            .run(&["resume"])
            .ok()
            .says("no operation is unfinished");
    }
    assert!(before > 0, "no signal came before the first step");
    figure(&format!(
        "signals right after the beginning of a journal: {interrupted} of {ROUNDS} interrupted, {before} of them before the first step, none left half-way"
    ));
}
