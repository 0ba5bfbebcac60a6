//! Servers of several versions in one deployment. A pair that can never get in sync is refused
//! before any change, and a working pair is not. A copy that never ends is reported in the servers'
//! own words.

#![allow(clippy::unwrap_used)]

use crate::support::inventory::{InventoryText, NodeText};
use crate::support::program::Replctl;
use crate::support::server::{Family, LocalServer, families};
use crate::support::sshd::Sshds;
use crate::support::{RawRedis, await_that, not_run};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const NAMES: [&str; 3] = ["master", "slave1", "slave2"];

fn family(name: &str) -> Option<&'static Family> {
    let found = families().iter().find(|f| f.name == name);
    if found.is_none() {
        not_run(&format!("the server {name} is not there"));
    }
    found
}

/// An inventory of these servers, in their order; the nodes have SSH where `sshds` is given.
fn inventory(servers: &[&LocalServer], sshds: Option<&Sshds>, folder: &Path) -> Replctl<'static> {
    let mut text = InventoryText::new("orders").without_sudo();
    if let Some(sshds) = sshds {
        text = text
            .ssh("user", &sshds.user())
            .ssh("identity_file", sshds.key().to_str().unwrap())
            .ssh("known_hosts", sshds.known_hosts().to_str().unwrap());
    }
    let port = sshds.map_or(1, |s| s.hosts()[0].port);
    for (name, server) in NAMES.iter().zip(servers) {
        let node = NodeText::new(name, "127.0.0.1")
            .port(server.port)
            .ssh_port(port);
        let follows = *name != NAMES[0];
        text = text.node(if follows {
            node.replicaof(NAMES[0])
        } else {
            node
        });
    }
    Replctl::new().inventory(&text.write(folder))
}

fn in_sync(primary: &LocalServer, replica: &LocalServer, key: &str) {
    primary.client().command(&["SET", key, "1"]);
    await_that("the write to arrive", Duration::from_secs(10), || {
        replica.client().command(&["GET", key]).text() == "1"
    });
}

fn copies(server: &LocalServer) -> u64 {
    server.client().info("stats")["sync_full"].parse().unwrap()
}

/// K11: a Valkey 9.1 can never load a copy from Redis 8.0.
#[test]
fn a_pair_that_can_never_get_in_sync_is_refused_and_nothing_is_tried() {
    let (Some(redis), Some(valkey)) = (family("redis-8.0"), family("valkey-9.1")) else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let (primary, second) = (redis.start(&[]), redis.start(&[]));
    second.follow(&primary);
    let alone = valkey.start(&[]);
    alone.client().command(&["SET", "own", "1"]);
    let operator = inventory(&[&primary, &second, &alone], None, folder.path());
    let before = copies(&primary);
    let refused = "`slave2` (Valkey 9.1.2) cannot load a full copy from `master` (Redis 8.0.2)";
    for arguments in [
        &[
            "move",
            "slave2",
            "--under",
            "master",
            "--discard-data",
            "slave2",
            "--yes",
        ][..],
        &["rejoin", "slave2", "--under", "master", "--yes"],
    ] {
        let ran = operator.run(arguments).code(3);
        assert!(ran.stderr.contains(refused), "{ran}");
    }
    assert_eq!(copies(&primary), before);
    assert_eq!(alone.client().command(&["GET", "own"]).text(), "1");
}

/// K11: a pair that works with the present data is accepted, and the condition is reported before.
#[test]
fn a_newer_valkey_feeds_older_ones_as_long_as_the_data_allows() {
    let Some(newest) = family("valkey-9.1") else {
        return;
    };
    for (older, takes_back) in [("valkey", true), ("valkey-8.1", true), ("redis-8.0", false)] {
        let Some(older) = family(older) else { return };
        let folder = TempDir::new().unwrap();
        let (new, old) = (newest.start(&[]), older.start(&[]));
        old.client().command(&["SET", "own", "1"]);
        let operator = inventory(&[&new, &old], None, folder.path());
        let told = "can load a full copy from `master` (Valkey 9.1.2) only as long as the data has no hash field with a time to live of its own";
        operator
            .run(&["rejoin", "slave1", "--under", "master", "--yes"])
            .ok()
            .says(told);
        assert_eq!(copies(&new), 1);
        in_sync(&new, &old, "a");
        operator.run(&["status", "--no-ssh"]).ok().says(told);
        let there = operator.run(&["promote", "slave1", "--yes"]);
        if takes_back {
            assert!(!there.ok().stderr.contains("full copy"));
            in_sync(&old, &new, "b");
            operator
                .run(&["promote", "master", "--yes"])
                .ok()
                .says(told);
            in_sync(&new, &old, "c");
        } else {
            there
                .code(3)
                .says("`master` (Valkey 9.1.2) cannot load a full copy from `slave1` (Redis 8.0.2)")
                .says("--ignore version-order");
        }
        // Now it holds one, and a copy would not arrive.
        hold_a_field_ttl(&mut new.client());
        operator
            .run(&["status", "--no-ssh"])
            .code(4)
            .says("cannot make a full copy for `slave1`")
            .says("1 key has hash fields with a time to live of their own");
    }
}

fn hold_a_field_ttl(client: &mut RawRedis) {
    client.command(&["HSET", "hash", "a", "1", "b", "2"]);
    let set = client.command(&["HEXPIRE", "hash", "10000", "FIELDS", "1", "a"]);
    assert!(!set.failed(), "{set:?}");
}

/// K11: the reason is only in the primary's log.
#[test]
fn a_copy_that_never_ends_is_told_with_the_lines_of_both_logs() {
    let (Some(newest), Some(older), Some(sshds)) =
        (family("valkey-9.1"), family("redis-8.0"), Sshds::start(1))
    else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let log = |name: &str| format!("logfile {}", folder.path().join(name).display());
    let primary = newest.start(&[&log("primary.log")]);
    let replica = older.start(&[&log("replica.log")]);
    hold_a_field_ttl(&mut primary.client());
    let port = primary.port.to_string();
    replica.client().command(&["REPLICAOF", "127.0.0.1", &port]);
    let operator = inventory(&[&primary, &replica], Some(&sshds), folder.path());
    let line = "the log of `master` says: Can't store key (db 0) in RDB version 11";
    await_that("the line", Duration::from_secs(20), || {
        operator.run(&["status"]).stdout.contains(line)
    });
    let ran = operator.run(&["status"]).code(4).says(line);
    // Without SSH nobody knows the line, and the cause is told from the versions.
    let without = operator.run(&["status", "--no-ssh"]).code(4);
    let without = without.says("cannot make a full copy for `slave1`");
    assert!(!without.stdout.contains("the log of"), "{without}\n{ran}");
}

/// Related to K11: the replica's log names the reason if the replica cannot read the copy.
#[test]
fn the_replicas_own_line_is_told_too() {
    let (Some(newer), Some(older), Some(sshds)) =
        (Family::debian(), family("redis-6.2"), Sshds::start(1))
    else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let log = |name: &str| format!("logfile {}", folder.path().join(name).display());
    let primary = newer.start(&[&log("primary.log")]);
    let replica = older.start(&[&log("replica.log")]);
    let port = primary.port.to_string();
    replica.client().command(&["REPLICAOF", "127.0.0.1", &port]);
    let operator = inventory(&[&primary, &replica], Some(&sshds), folder.path());
    let line = "the log of `slave1` says: Can't handle RDB format version 10";
    await_that("the line", Duration::from_secs(20), || {
        operator.run(&["status"]).stdout.contains(line)
    });
    // A wait that fails has it as its cause.
    operator
        .run_within(
            Duration::from_mins(1),
            &["promote", "master", "--yes", "--ignore", "version-order"],
        )
        .code(5)
        .says("its full resync fails and starts again, time after time")
        .says(line);
}
