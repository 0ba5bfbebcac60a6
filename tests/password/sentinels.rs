//! Sentinels watch the deployment whose password is changed: they are told it, and lose no server.

use crate::bench::{Bench, NEW, OLD};
use crate::support::sentinel::{LocalSentinel, NAME, await_together};
use crate::support::{Family, await_that};
use std::time::Duration;

/// Every connection of the Sentinels is ended, and they come back by new logins.
#[track_caller]
fn they_come_back(bench: &Bench, all: &[LocalSentinel], password: Option<&str>) {
    for n in 0..3 {
        let mut client = bench.client(n, password);
        client.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        client.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
    // Twice the time after which one that cannot log in takes a server for dead.
    std::thread::sleep(Duration::from_secs(4));
    await_together(all);
    for sentinel in all {
        let said = sentinel.ask(&["SENTINEL", "CKQUORUM", NAME]).text();
        assert!(said.starts_with("OK"), "{said}");
    }
    let port = bench.port(0).to_string();
    assert!(all.iter().all(|s| s.field("port") == port), "a failover");
}

#[test]
fn the_sentinels_that_watch_are_told_in_time() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(bench) = Bench::set_up(None, None) else {
        return;
    };
    let all: Vec<LocalSentinel> = (0..3)
        .map(|_| LocalSentinel::start(family, bench.port(0), 2_000, None))
        .collect();
    await_together(&all);
    for (from, to) in [(None, Some(OLD)), (Some(OLD), Some(NEW)), (Some(NEW), None)] {
        bench.say(to);
        let ran = bench.run(&["setup", "--yes"]).ok().says("auth-pass");
        assert!(ran.stderr.contains("let the Sentinel at"), "{ran}");
        if to.is_some() {
            assert!(bench.connect(0, from).is_err());
        }
        they_come_back(&bench, &all, to);
        bench.run(&["setup", "--yes"]).ok().says("Nothing to do");
    }
}

#[test]
fn one_that_cannot_be_told_is_named_and_nothing_is_changed() {
    let Some(family) = Family::debian() else {
        return;
    };
    let Some(bench) = Bench::set_up(None, None) else {
        return;
    };
    let all: Vec<LocalSentinel> = (0..3)
        .map(|_| LocalSentinel::start(family, bench.port(0), 30_000, None))
        .collect();
    await_together(&all);
    all[1].pause();
    bench.say(Some(NEW));
    let ran = bench.run(&["setup", "--yes"]).code(3).says("Sentinel");
    assert!(ran.stderr.contains(&all[1].port.to_string()), "{ran}");
    bench.in_sync(None);
    assert_eq!(bench.client(0, None).config("masterauth"), "");
    all[1].resume();
    await_that("it to answer", Duration::from_secs(5), || {
        all[1].field("flags") == "master"
    });
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(Some(NEW));
}
