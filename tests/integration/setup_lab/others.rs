//! Two operators on different machines, on separate hosts: they see each other with any login and
//! with any tools of the host.

use crate::setup_lab::bench::{Bench, NAMES, hosts};
use crate::support::process::{Running, family_of, signal};
use crate::support::{Flavour, await_that};
use std::time::Duration;

const REFUSED: &str = "another operator changes this deployment at the moment; nothing was touched";

/// Freezes a setup that has begun to work on the hosts.
fn frozen(bench: &Bench<'_>) -> Running {
    let running = bench.operator.start(&["setup", "--yes"]);
    await_that("a directory", Duration::from_mins(1), || {
        bench.lab.inside("master", "[ -e /db/redis ]").code == Some(0)
    });
    for pid in family_of(running.pid()) {
        signal(pid, libc::SIGSTOP);
    }
    running
}

#[test]
fn root_and_who_becomes_root_by_sudo_see_each_other() {
    let Some(lab) = hosts(Flavour::Systemd, &[]) else {
        return;
    };
    let (mut first, second) = (Bench::new(&lab), Bench::new(&lab));
    first.change(|t| t.ssh("user", "deploy"));
    let mut running = frozen(&first);
    let ran = second.run(&["setup", "--yes"]).code(3);
    assert!(ran.stderr.contains(REFUSED), "{ran}");
    assert!(ran.stderr.contains("`setup` by "), "{ran}");
    let locked = lab.inside("master", "cat /run/replctl.lock").ok().stdout;
    assert!(locked.starts_with("replctl:setup:"), "{locked}");
    // What was killed holds nothing any more.
    for pid in family_of(running.pid()) {
        signal(pid, libc::SIGKILL);
    }
    running.kill9();
    let ran = second.run(&["setup", "--yes"]).ok();
    assert!(!ran.stderr.contains("waiting for"), "{ran}");
    second.in_sync(0, &[1, 2]);
    second.nothing_to_do();
}

/// The host has no tool for locks, and another SSH server.
#[test]
fn on_busybox_one_that_is_frozen_is_taken_over() {
    let Some(lab) = hosts(Flavour::Busybox, &[]) else {
        return;
    };
    let (first, second) = (Bench::new(&lab), Bench::new(&lab));
    let running = frozen(&first);
    let ran = second.run(&["setup", "--yes"]).code(3);
    assert!(ran.stderr.contains(REFUSED), "{ran}");
    std::thread::sleep(Duration::from_secs(6));
    let ran = second.run(&["setup", "--yes"]).code(3);
    assert!(ran.stderr.contains(", silent for "), "{ran}");
    second.run(&["setup", "--yes", "--take-over"]).ok();
    second.in_sync(0, &[1, 2]);
    let state = || {
        let line = "find /db /etc/passwd ! -name '*.log' ! -name '*.rdb' -exec ls -ldn {} +";
        NAMES.map(|host| lab.inside(host, line).ok().stdout)
    };
    let before = state();
    for pid in family_of(running.pid()) {
        signal(pid, libc::SIGCONT);
    }
    let ran = running.wait(Duration::from_mins(2));
    assert!(ran.code != Some(0), "{ran}");
    assert!(ran.stderr.contains("is not held any more"), "{ran}");
    assert_eq!(state(), before, "it changed something: {ran}");
    second.nothing_to_do();
}
