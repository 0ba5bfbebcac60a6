//! What goes wrong on the way: one host fails, replctl dies.

use crate::setup_sshd::bench::{Bench, NAMES};
use crate::support::process::run;
use crate::support::{await_that, figure};
use std::time::Duration;

#[test]
fn a_host_that_fails_is_put_back_and_the_others_stay() {
    let Some(mut bench) = Bench::new(3) else {
        return;
    };
    // The server of slave2 refuses its configuration: what a trial on another host cannot know, the
    // folder of its socket is not there.
    bench
        .text
        .node_mut("slave2")
        .lines
        .push("config = { unixsocket = \"/nowhere/at/all\" }".to_owned());
    bench.write();
    let ran = bench
        .run(&["setup", "--yes"])
        .code(5)
        .says("`slave2` failed and was put back")
        .says("the other nodes stay as they are now");
    assert_eq!(ran.stderr.matches("error:").count(), 1, "{ran}");
    assert!(!bench.answers(2));
    assert!(bench.answers(0) && bench.answers(1), "{ran}");
    assert!(
        crate::support::process::living_in(&bench.db().join(bench.port(2).to_string())).is_empty(),
        "a server of slave2 runs"
    );
    // What was wrong is mended: the rest is done.
    bench.text.node_mut("slave2").lines.clear();
    bench.write();
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0);
    bench.run(&["setup", "--yes"]).ok().says("Nothing to do");
}

#[test]
fn a_host_whose_files_cannot_be_written_is_left_as_it_was() {
    let Some(bench) = Bench::new(3) else { return };
    // A file where slave1's data directory belongs.
    std::fs::create_dir(bench.db()).unwrap();
    let own = bench.db().join(bench.port(1).to_string());
    std::fs::write(&own, "somebody's").unwrap();
    let ran = bench.run(&["setup", "--yes"]);
    assert!(matches!(ran.code, Some(3 | 5)), "{ran}");
    assert_eq!(ran.stderr.matches("error:").count(), 1, "{ran}");
    assert!(ran.stderr.contains("slave1"), "{ran}");
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "somebody's");
    std::fs::remove_file(&own).unwrap();
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(0);
}

#[test]
fn killed_at_every_journal_line_and_resumed() {
    let Some(bench) = Bench::new(2) else { return };
    let mut deaths = 0;
    for line in 1.. {
        let mut command = bench.operator.command(&["setup", "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = run(&mut command, Duration::from_mins(1));
        if ran.code == Some(0) {
            break;
        }
        assert_eq!(
            ran.signal,
            Some(libc::SIGKILL),
            "it failed at line {line}: {ran}"
        );
        deaths += 1;
        // Half a setup is gone on with by `resume`, and by another `setup` as well.
        if line % 4 == 3 {
            bench.run(&["setup", "--yes"]).ok();
        }
        bench.run(&["resume", "--yes"]).ok();
        bench.in_sync(0);
        bench.run(&["setup", "--yes"]).ok().says("Nothing to do");
        bench.strip();
    }
    assert!(deaths > 20, "only {deaths} lines");
    figure(&format!(
        "setup: killed at each of {deaths} journal lines and resumed"
    ));
}

#[test]
fn killed_from_outside_and_rolled_back_or_begun_again() {
    let Some(bench) = Bench::new(3) else { return };
    let mut again = 0;
    for wait in [150, 400, 700, 1_100] {
        let mut running = bench.operator.start(&["setup", "--yes"]);
        std::thread::sleep(Duration::from_millis(wait));
        running.kill9();
        let ran = running.wait(Duration::from_secs(10));
        if ran.code == Some(0) {
            break;
        }
        let back = bench.run(&["rollback", "--yes"]);
        assert!(matches!(back.code, Some(0 | 3)), "{back}");
        if back.code == Some(3) {
            bench.run(&["resume", "--yes"]).ok();
        }
        bench.run(&["setup", "--yes"]).ok();
        bench.in_sync(0);
        bench.run(&["setup", "--yes"]).ok().says("Nothing to do");
        bench.strip();
        again += 1;
    }
    assert!(again > 0, "it was always quicker");
}

#[test]
fn ctrl_c_stops_before_the_next_step_and_setup_goes_on() {
    let Some(bench) = Bench::new(3) else { return };
    let mut running = bench.operator.start(&["setup", "--yes"]);
    await_that("a directory", Duration::from_secs(20), || {
        bench.db().join("server").exists()
    });
    running.signal(libc::SIGINT);
    let ran = running.wait(Duration::from_secs(30));
    assert!(matches!(ran.code, Some(0 | 130 | 5)), "{ran}");
    if ran.code != Some(0) {
        bench.run(&["setup", "--yes"]).ok();
    }
    bench.in_sync(0);
    assert_eq!(NAMES.len(), bench.text.nodes().len());
}
