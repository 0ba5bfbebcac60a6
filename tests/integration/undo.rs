//! Operations undone on real servers: no writer loses anything, and an undo that is impossible is
//! refused with its reason.

#![allow(clippy::unwrap_used)]

use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, NAMES, Trio};
use crate::support::writer::{Load, Style, Writer};
use crate::support::{await_that, figure};
use serde_json::Value;
use std::time::Duration;

fn full_resyncs(deployment: &Trio) -> u64 {
    let of = |s: &crate::support::LocalServer| {
        s.client().info("stats")["sync_full"]
            .parse::<u64>()
            .unwrap()
    };
    deployment.servers.iter().map(of).sum()
}

/// The upstream of a node, by its port; none: it is a primary.
fn follows(deployment: &Trio, node: usize) -> Option<u16> {
    let info = deployment.servers[node].client().info("replication");
    (info["role"] == "slave").then(|| info["master_port"].parse().unwrap())
}

fn id_of(operator: &Replctl<'_>, place: usize) -> String {
    let ran = operator.run(&["history", "--json"]).ok();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    json["operations"][place]["id"].as_str().unwrap().to_owned()
}

/// Keys, so that every offset means something.
fn filled(family: &Family) -> Trio {
    let deployment = Trio::start(family, &[BACKLOG]);
    deployment.servers[0].client().command(&["SET", "k", "v"]);
    for server in &deployment.servers {
        await_that("the key to arrive", Duration::from_secs(10), || {
            server.client().command(&["GET", "k"]).text() == "v"
        });
    }
    deployment
}

#[test]
fn a_promotion_and_its_undoing_lose_nothing() {
    each_family(|_, family| {
        let deployment = filled(family);
        let operator = deployment.operator();
        let mut load = Load::plain(&deployment.ports());
        load.styles = vec![
            Style::Set,
            Style::Transaction,
            Style::Lua,
            Style::Pipelined(8),
        ];
        load.per_second = Some(2_000);
        let writer = Writer::start(load);
        let before = full_resyncs(&deployment);
        for round in 0..3 {
            writer.await_more(1_000, Duration::from_mins(1));
            operator.run(&["promote", "slave1", "--yes"]).ok();
            deployment.assert_primary(1);
            writer.await_more(1_000, Duration::from_mins(1));
            let ran = operator.run(&["undo", "last", "--yes"]).ok();
            assert!(
                ran.stderr
                    .contains("To undo `promote slave1`: replctl promote master"),
                "{ran}"
            );
            assert!(ran.stdout.contains("master (127.0.0.1:"), "{ran}");
            deployment.assert_primary(0);
            // The undoing is undone the same way; and back.
            if round == 0 {
                let ran = operator.run(&["undo", "last", "--yes", "--json"]).ok();
                let json: Value = serde_json::from_str(&ran.stdout).unwrap();
                assert_eq!(json["primary"], "slave1");
                deployment.assert_primary(1);
                operator.run(&["undo", "last", "--yes"]).ok();
                deployment.assert_primary(0);
            }
        }
        writer.await_more(1_000, Duration::from_mins(1));
        let tally = writer.stop();
        tally.nothing_lost(deployment.servers[0].address());
        assert_eq!(
            full_resyncs(&deployment),
            before,
            "an undoing cost a full resync"
        );
        figure(&format!(
            "{}: 4 promotions and 4 undoings, {} acknowledged writes, 0 lost, 0 full resyncs",
            family.name,
            tally.acknowledged()
        ));
    });
}

#[test]
fn nothing_is_done_before_yes_and_what_is_undone_needs_no_undoing() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = filled(family);
    let operator = deployment.operator();
    operator
        .run(&["undo", "last"])
        .code(2)
        .says("no operation on `orders`");
    operator.run(&["promote", "slave1", "--yes"]).ok();
    let id = id_of(&operator, 0);
    operator
        .run(&["undo", "last", "--dry-run"])
        .ok()
        .says("hand over from slave1 to master");
    operator.run(&["undo", &id]).code(3).says("--yes");
    deployment.assert_primary(1);
    assert_eq!(
        id_of(&operator, 0),
        id,
        "a plan that is only shown is no operation"
    );
    operator.run(&["undo", &id, "--yes"]).ok();
    operator
        .run(&["undo", &id, "--yes"])
        .ok()
        .says("Nothing to do: `master` is the primary again");
    deployment.assert_primary(0);
    // What was put back, and what was never finished.
    let mut command = operator.command(&["promote", "slave1", "--yes"]);
    command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", "9");
    let ran = crate::support::process::run(&mut command, Duration::from_mins(1));
    assert_eq!(ran.code, None, "{ran}");
    operator
        .run(&["undo", "last", "--yes"])
        .code(3)
        .says("was never finished")
        .says("replctl rollback 2");
    operator.run(&["rollback", "--yes"]).ok();
    operator
        .run(&["undo", "last", "--yes"])
        .ok()
        .says("failed, and was put back");
}

#[test]
fn what_came_since_stands_in_the_way() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = filled(family);
    let operator = deployment.operator();
    operator.run(&["promote", "slave1", "--yes"]).ok();
    let first = id_of(&operator, 0);
    operator.run(&["promote", "slave2", "--yes"]).ok();
    let second = id_of(&operator, 0);
    operator
        .run(&["undo", &first, "--yes"])
        .code(3)
        .says("`slave1` is not the primary any more")
        .says(&format!("undo that first: replctl undo {second}"));
    deployment.assert_primary(2);
    operator.run(&["undo", &second, "--yes"]).ok();
    deployment.assert_primary(1);
    operator.run(&["undo", &first, "--yes"]).ok();
    deployment.assert_primary(0);
}

/// The old primary died and was replaced. The undo waits until it is back as a replica, and never
/// makes one of two primaries win.
#[test]
fn a_failover_is_undone_only_once_the_old_primary_has_its_data() {
    let Some(family) = Family::debian() else {
        return;
    };
    let mut deployment = filled(family);
    let operator = deployment.operator();
    deployment.servers[0].kill9();
    operator
        .run(&["promote", "slave1", "--yes", "--accept-split-brain"])
        .ok();
    operator
        .run(&["undo", "last", "--yes"])
        .code(3)
        .says("`master`, the primary before it, does not answer");
    // It comes back empty, as a primary of its own.
    deployment.servers[0].restart();
    deployment.servers[0].client().command(&["SET", "own", "1"]);
    operator
        .run(&["undo", "last", "--yes"])
        .code(3)
        .says("came back as a primary beside `slave1`")
        .says("replctl lost master");
    assert_eq!(follows(&deployment, 1), None);
    assert_eq!(follows(&deployment, 0), None);
    let id = id_of(&operator, 0);
    operator
        .run(&[
            "move",
            "master",
            "--under",
            "slave1",
            "--discard-data",
            "master",
            "--yes",
        ])
        .ok();
    operator.run(&["undo", &id, "--yes"]).ok();
    deployment.assert_primary(0);
}

#[test]
fn a_move_and_a_detachment_go_back_to_where_they_came_from() {
    each_family(|_, family| {
        let deployment = filled(family);
        let operator = deployment.operator();
        let ports = deployment.ports();
        let before = full_resyncs(&deployment);
        let ran = operator
            .run(&["move", "slave2", "--under", "slave1", "--yes", "--json"])
            .ok();
        let json: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"));
        assert_eq!(json["format"], 1);
        assert_eq!(
            (&json["node"], &json["under"]),
            (&"slave2".into(), &"slave1".into())
        );
        assert_eq!(json["nodes"][0]["resync"], "partial", "{json:#}");
        assert_eq!(follows(&deployment, 2), Some(ports[1]));
        operator
            .run(&["undo", "last", "--yes"])
            .ok()
            .says("slave2 replicates from master");
        assert_eq!(follows(&deployment, 2), Some(ports[0]));
        assert_eq!(full_resyncs(&deployment), before);
        operator
            .run(&["undo", &id_of(&operator, 1), "--yes"])
            .ok()
            .says("Nothing to do: `slave2` replicates from `master` again");
        let ran = operator.run(&["detach", "slave2", "--yes", "--json"]).ok();
        let json: Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"));
        // Without SSH nobody has read what a restart reads.
        assert_eq!(
            (&json["alone"], &json["persisted"]),
            (&true.into(), &false.into()),
            "{json:#}"
        );
        assert_eq!(follows(&deployment, 2), None);
        operator
            .run(&["undo", "last", "--yes"])
            .ok()
            .says("what is written to `slave2` from now on until it follows again");
        assert_eq!(follows(&deployment, 2), Some(ports[0]));
        let status = operator.run(&["status", "--no-ssh"]);
        assert!(!status.stdout.contains("detached"), "{status}");
        // With a write of its own it is not attached by itself.
        operator.run(&["detach", "slave2", "--yes"]).ok();
        deployment.servers[2].client().command(&["SET", "own", "1"]);
        operator
            .run(&["undo", "last", "--yes"])
            .code(3)
            .says("of writes of its own since")
            .says("replctl move slave2 --under master --discard-data slave2");
        assert_eq!(
            deployment.servers[2]
                .client()
                .command(&["GET", "own"])
                .text(),
            "1"
        );
        assert_eq!(NAMES[2], "slave2");
    });
}
