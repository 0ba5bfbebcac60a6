//! Refusals, deaths and freezes where Sentinels watch.

use super::{NAMES, WRITES, Watched};
use crate::support::await_that;
use crate::support::sentinel::NAME;
use crate::support::server::Family;
use crate::support::writer::{Load, Writer};
use std::time::Duration;

/// Sets `replica-priority` of a server.
fn set_priority(watched: &Watched, server: usize, priority: &str) {
    let set = ["CONFIG", "SET", "replica-priority", priority];
    watched.servers[server].client().command(&set);
}

#[test]
fn what_sentinel_refuses_is_repeated_and_all_is_put_back() {
    let Some(family) = Family::debian() else {
        return;
    };
    let watched = Watched::start(family, 5_000, None);
    watched.hurry();
    refused_for_a_priority(&watched);
    refused_without_a_quorum(&watched);
    watched.servers[0].kill9();
    await_that(
        "the third to see the death",
        Duration::from_secs(20),
        || watched.sentinels[0].field("flags").contains("s_down"),
    );
    let operator = watched.operator();
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("the Sentinels cannot replace it")
        .says("NOQUORUM");
    watched.sentinels[0].kill9();
    operator
        .run(&[
            "promote",
            "slave1",
            "--yes",
            "--without-sentinel",
            "--accept-split-brain",
        ])
        .ok()
        .says("Clients must now write to");
    assert_eq!(watched.info(1, "role"), "master");
}

/// Sentinel would choose another replica, or none.
fn refused_for_a_priority(watched: &Watched) {
    let operator = watched.operator();
    for server in [1, 2] {
        set_priority(watched, server, "0");
    }
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("priority 0");
    set_priority(watched, 1, "100");
    set_priority(watched, 2, "1");
    await_that("the Sentinels to see it", Duration::from_secs(15), || {
        let ran = operator.run(&["promote", "slave1", "--yes", "--dry-run"]);
        ran.code == Some(3) && ran.stderr.contains("`slave2` has replica-priority 1")
    });
    assert_eq!(watched.info(0, "role"), "master");
    set_priority(watched, 2, "100");
    await_that("the Sentinels to see it", Duration::from_secs(15), || {
        operator.run(&["promote", "slave1", "--dry-run"]).code == Some(0)
    });
}

/// Two of three are dead: no failover could be agreed on, and replctl does nothing beside the third
/// either.
fn refused_without_a_quorum(watched: &Watched) {
    let operator = watched.operator();
    watched.sentinels[1].kill9();
    watched.sentinels[2].kill9();
    await_that("the third to notice", Duration::from_secs(20), || {
        watched.sentinels[0]
            .ask(&["SENTINEL", "CKQUORUM", NAME])
            .failed()
    });
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("NOQUORUM")
        .says("--without-sentinel");
    let json = operator.run(&["sentinel", "status", "--json"]).code(4);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        (&json["format"], &json["healthy"]),
        (&1.into(), &false.into())
    );
    let codes: Vec<&str> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["code"].as_str().unwrap())
        .collect();
    for code in ["sentinel-no-quorum", "sentinel-silent", "sentinel-gone"] {
        assert!(codes.contains(&code), "{code} is missing in {json:#}");
    }
}

#[test]
fn a_dead_primary_is_replaced_by_sentinel_itself() {
    let Some(family) = Family::debian() else {
        return;
    };
    let watched = Watched::start(family, 4_000, None);
    watched.hurry();
    let operator = watched.operator();
    watched.servers[0].kill9();
    await_that("Sentinel's own failover", Duration::from_secs(40), || {
        watched.sentinels.iter().all(|s| {
            s.field("flags") == "master" && s.field("port") != watched.servers[0].port.to_string()
        })
    });
    // The dead node is told by them as a replica that is gone, and they agree on the new one.
    operator
        .run(&["sentinel", "status"])
        .ok()
        .says("3 of 3 Sentinels answer")
        .says("(+1 gone)");
    let chosen = (1..3)
        .find(|i| watched.info(*i, "role") == "master")
        .unwrap();
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("`master`")
        .says(NAMES[chosen]);
    let other = 3 - chosen;
    let ran = operator
        .run_within(Duration::from_mins(1), &["promote", NAMES[other], "--yes"])
        .ok();
    assert!(ran.stdout.contains("is the primary"), "{ran}");
    assert_eq!(watched.info(other, "role"), "master");
    assert_eq!(watched.info(chosen, "role"), "slave");
}

#[test]
fn a_dead_primary_is_replaced_by_the_node_that_was_asked_for() {
    let Some(family) = Family::debian() else {
        return;
    };
    let watched = Watched::start(family, 20_000, None);
    watched.hurry();
    let operator = watched.operator();
    watched.servers[0].pause();
    // Frozen, it has not hung up: the Sentinels do not doubt it yet, and replctl believes them.
    operator
        .run(&["promote", "slave2", "--yes"])
        .code(3)
        .says("still hears from")
        .says("less than 20 s ago");
    watched.servers[0].kill9();
    await_that("the Sentinels to lose it", Duration::from_secs(10), || {
        watched
            .sentinels
            .iter()
            .all(|s| s.field("flags") != "master")
    });
    operator
        .run_within(Duration::from_mins(1), &["promote", "slave2", "--yes"])
        .ok()
        .says("through Sentinel")
        .says("may be lost");
    assert_eq!(watched.info(2, "role"), "master");
    assert_eq!(
        watched.info(1, "master_port"),
        watched.servers[2].port.to_string()
    );
    assert_eq!(
        watched.servers[2].client().config("replica-priority"),
        "100"
    );
}

#[test]
fn a_sentinel_that_freezes_meanwhile_has_all_put_back() {
    let Some(family) = Family::debian() else {
        return;
    };
    let watched = Watched::start_slow(family, 20_000);
    let operator = watched.operator();
    let writer = Writer::start(Load {
        per_second: Some(WRITES),
        ..Load::plain(&watched.ports())
    });
    // The Sentinels see the new priority within ten seconds; one of them never says so.
    let running = operator.start(&["promote", "slave1", "--yes"]);
    await_that("the priority to be set", Duration::from_secs(10), || {
        watched.servers[1].client().config("replica-priority") == "1"
    });
    watched.sentinels[0].pause();
    let ran = running.wait(Duration::from_mins(1));
    watched.sentinels[0].resume();
    let ran = ran.code(1).says("says nothing");
    assert!(ran.stderr.contains("all was put back"), "{ran}");
    await_that(
        "the Sentinels to be at rest",
        Duration::from_secs(20),
        || {
            watched
                .sentinels
                .iter()
                .all(|s| s.field("flags") == "master")
        },
    );
    watched.assert_primary(0);
    writer.stop().nothing_lost(watched.servers[0].address());
}
