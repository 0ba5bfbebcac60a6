//! Sentinels that cannot act, that begin late or never, and failovers that somebody else requests.

use super::{NAMES, WRITES, Watched};
use crate::support::rotation::each_family;
use crate::support::sentinel::NAME;
use crate::support::server::Family;
use crate::support::writer::{Load, Writer};
use crate::support::{allowing_for_load, await_that};
use std::time::{Duration, Instant};

/// Freezes these Sentinels for long enough that they are in TILT mode afterwards.
fn freeze(watched: &Watched, which: &[usize]) {
    for i in which {
        watched.sentinels[*i].pause();
    }
    std::thread::sleep(Duration::from_secs(4));
    for i in which {
        watched.sentinels[*i].resume();
    }
    for i in which {
        await_that("TILT mode", Duration::from_secs(5), || {
            let info = watched.sentinels[*i].ask(&["INFO", "sentinel"]).text();
            info.contains("sentinel_tilt:1")
        });
    }
}

fn priorities(watched: &Watched) -> Vec<String> {
    let of = |s: &crate::support::LocalServer| s.client().config("replica-priority");
    watched.servers.iter().map(of).collect()
}

/// The nodes that report themselves as primaries.
fn primaries(watched: &Watched) -> Vec<usize> {
    let is = |i: &usize| watched.info(*i, "role") == "master";
    (0..watched.servers.len()).filter(is).collect()
}

/// K8.1: all three are in TILT mode.
#[test]
fn nothing_is_begun_with_sentinels_in_tilt_mode() {
    each_family(|_, family| {
        let watched = Watched::start(family, 20_000, None);
        let operator = watched.operator();
        freeze(&watched, &[0, 1, 2]);
        let ran = operator.run(&["promote", "slave1", "--yes"]).code(3);
        let ran = ran
            .says("is in TILT mode")
            .says("0 Sentinels could fail over now, and 2 are needed");
        assert!(ran.stderr.contains("30 s"), "{ran}");
        operator
            .run(&["sentinel", "status"])
            .code(4)
            .says("is in TILT mode")
            .says("TILT\n");
        operator
            .run(&["status", "--no-ssh"])
            .code(4)
            .says("is in TILT mode");
        assert_eq!(watched.info(0, "role"), "master");
        assert_eq!(priorities(&watched), ["100", "100", "100"]);
        watched.servers[0].client().command(&["SET", "k", "1"]);
    });
}

/// Related to K8.1: one of three is in TILT mode, and the others do without it.
#[test]
fn one_sentinel_in_tilt_mode_is_left_to_the_others() {
    let Some(family) = Family::debian() else {
        return;
    };
    let watched = Watched::start(family, 20_000, None);
    watched.hurry();
    freeze(&watched, &[0]);
    let ran = watched
        .operator()
        .run_within(Duration::from_mins(2), &["promote", "slave1", "--yes"])
        .ok();
    let ran = ran
        .says("is in TILT mode, does nothing for 30 s, and is left to the others")
        .says("on the servers")
        .says("all Sentinels name it");
    assert!(ran.stdout.contains("slave1"), "{ran}");
    watched.assert_primary(1);
}

/// Related to K8.1: they freeze while replctl waits for their view of the priority.
#[test]
fn sentinels_that_freeze_before_the_demotion_have_all_put_back() {
    let Some(family) = Family::debian() else {
        return;
    };
    let watched = Watched::start_slow(family, 20_000);
    let writer = Writer::start(Load {
        per_second: Some(WRITES),
        ..Load::plain(&watched.ports())
    });
    let operator = watched.operator();
    let running = operator.start(&["promote", "slave1", "--yes"]);
    await_that("the priority to be set", Duration::from_secs(10), || {
        watched.servers[1].client().config("replica-priority") == "1"
    });
    freeze(&watched, &[0, 1, 2]);
    running
        .wait(Duration::from_mins(1))
        .code(1)
        .says("TILT mode");
    watched.assert_primary(0);
    let tally = writer.stop();
    tally.nothing_lost(watched.servers[0].address());
}

/// K8.1: the Sentinel that got the order has begun, and dies before it has promoted a node.
#[test]
fn a_sentinel_that_dies_after_the_demotion_gives_the_primary_back_at_once() {
    let Some(family) = Family::debian() else {
        return;
    };
    let mut back = 0;
    for _ in 0..4 {
        back += usize::from(killed_when_told(family));
        if back > 0 {
            return;
        }
    }
    panic!("it had promoted each time before it could be killed");
}

/// Waits until one of the Sentinels has begun a failover; which.
fn begun(watched: &Watched) -> usize {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let begun = |i: &usize| watched.sentinels[*i].field("flags").contains("failover");
        if let Some(told) = (0..3).find(begun) {
            return told;
        }
        assert!(Instant::now() < end, "no failover was begun");
    }
}

/// Whether the old primary was made the primary again.
fn killed_when_told(family: &Family) -> bool {
    let watched = Watched::start(family, 20_000, None);
    watched.hurry();
    let writer = Writer::start(Load {
        per_second: Some(WRITES),
        ..Load::plain(&watched.ports())
    });
    let operator = watched.operator();
    let running = operator.start(&["promote", "slave1", "--yes"]);
    let told = begun(&watched);
    watched.sentinels[told].kill9();
    let killed = Instant::now();
    let ran = running.wait(Duration::from_mins(1));
    if ran.code == Some(0) {
        assert_eq!(primaries(&watched), [1]);
        return false;
    }
    let ran = ran.code(1).says("no Sentinel is failing over");
    assert!(
        killed.elapsed() < allowing_for_load(Duration::from_secs(5)),
        "{ran}"
    );
    assert_eq!(primaries(&watched), [0], "{ran}");
    assert_eq!(priorities(&watched), ["100", "100", "100"]);
    let tally = writer.stop();
    tally.nothing_lost(watched.servers[0].address());
    true
}

/// K1.4: somebody else requests a failover while replctl waits for the new priority.
#[test]
fn the_failover_of_somebody_else_is_told_as_it_was_and_the_priority_is_put_back() {
    each_family(|n, family| {
        let watched = Watched::start_slow(family, 20_000);
        let operator = watched.operator();
        let running = operator.start(&["promote", "slave1", "--yes"]);
        await_that("the priority to be set", Duration::from_secs(10), || {
            watched.servers[1].client().config("replica-priority") == "1"
        });
        // One of them may not see the new priority yet: whichever it chooses is right.
        let said = watched.sentinels[n % 3].ask(&["SENTINEL", "FAILOVER", NAME]);
        assert!(!said.failed(), "{said:?}");
        let ran = running.wait(Duration::from_mins(1)).code(1);
        // Sentinel lets the old primary be one for up to twelve seconds.
        await_that("one primary", Duration::from_secs(30), || {
            primaries(&watched).len() == 1
        });
        let chosen = primaries(&watched);
        let at = format!("127.0.0.1:{}", watched.servers[chosen[0]].port);
        let ran = ran
            .says(&format!("`{}` ({at}) is the primary now", NAMES[chosen[0]]))
            .says("by a failover that replctl has not asked for");
        assert!(!ran.stderr.contains("after 15 s"), "{ran}");
        assert_eq!(
            priorities(&watched),
            ["100", "100", "100"],
            "{}",
            family.name
        );
        await_that("the Sentinels to be done", Duration::from_secs(40), || {
            watched
                .sentinels
                .iter()
                .all(|s| s.field("flags") == "master")
        });
        watched.assert_primary(chosen[0]);
    });
}

/// K8.1: a Sentinel that has begun and then enters TILT mode cannot be called back. replctl waits
/// for it, and says so.
#[test]
fn a_failover_that_has_begun_is_waited_for() {
    let Some(family) = Family::debian() else {
        return;
    };
    for _ in 0..4 {
        let watched = Watched::start(family, 60_000, None);
        watched.hurry();
        let writer = Writer::start(Load {
            per_second: Some(WRITES),
            ..Load::plain(&watched.ports())
        });
        let operator = watched.operator();
        let running = operator.start(&["promote", "slave1", "--yes", "--verbose"]);
        let told = begun(&watched);
        watched.sentinels[told].pause();
        let promoted = watched.info(1, "role") == "master";
        std::thread::sleep(Duration::from_secs(4));
        watched.sentinels[told].resume();
        let ran = running.wait(Duration::from_mins(2)).ok();
        assert_eq!(primaries(&watched), [1], "{ran}");
        let tally = writer.stop();
        tally.nothing_lost(watched.servers[1].address());
        if !promoted {
            ran.says("could not be cancelled, so replctl waited for it");
            return;
        }
    }
    panic!("it had promoted each time before it could be frozen");
}

/// K1.4: the Sentinel that got the order freezes. Somebody asks another Sentinel, which chooses
/// another node.
#[test]
fn another_primary_than_the_one_asked_for_is_told_and_nothing_is_made_a_second_one() {
    let Some(family) = Family::debian() else {
        return;
    };
    for _ in 0..4 {
        let watched = Watched::start(family, 60_000, None);
        watched.hurry();
        let operator = watched.operator();
        let running = operator.start(&["promote", "slave1", "--yes"]);
        let told = begun(&watched);
        watched.sentinels[told].pause();
        if watched.info(1, "role") == "master" {
            watched.sentinels[told].resume();
            running.wait(Duration::from_mins(2)).ok();
            continue;
        }
        let mut refused = watched.servers[1].client();
        refused.command(&["CONFIG", "SET", "replica-priority", "0"]);
        std::thread::sleep(Duration::from_millis(1_500));
        let other = (told + 1) % 3;
        let said = watched.sentinels[other].ask(&["SENTINEL", "FAILOVER", NAME]);
        assert!(!said.failed(), "{said:?}");
        let ran = running.wait(Duration::from_mins(2)).code(5);
        let ran = ran
            .says("the Sentinels have made `slave2`")
            .says("not `slave1`: somebody else asked for a failover")
            .says("the replica-priority of `slave1` is 100 again");
        assert_eq!(primaries(&watched), [2], "{ran}");
        assert_eq!(priorities(&watched), ["100", "100", "100"]);
        watched.sentinels[told].resume();
        return;
    }
    panic!("it had promoted each time before it could be frozen");
}
