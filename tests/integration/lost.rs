//! The divergence of an old primary: listed exactly, on every available server family, and never at
//! the cost of a dump.

#![allow(clippy::unwrap_used)]

mod big;
mod replay;

use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::server::{Family, LocalServer};
use crate::support::writer::{Load, Writer};
use crate::support::{Deployment, await_that, figure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// `master` with `slave1`, on loopback and without SSH.
struct Pair {
    master: LocalServer,
    slave: LocalServer,
    operator: Replctl<'static>,
    folder: TempDir,
}

impl Pair {
    fn start(family: &Family, directives: &[&str]) -> Self {
        let deployment = Deployment::of(family)
            .named(&["master", "slave1"])
            .directives(directives)
            .start();
        let operator = deployment.operator();
        let (servers, folder) = deployment.into_parts();
        let [master, slave] = <[LocalServer; 2]>::try_from(servers).ok().unwrap();
        let this = Self {
            master,
            slave,
            operator,
            folder,
        };
        this.master.client().command(&["SET", "before", "1"]);
        await_that("the first write to arrive", Duration::from_secs(20), || {
            this.slave.client().command(&["GET", "before"]).text() == "1"
        });
        this
    }

    /// The primary freezes, the replica is promoted, and the primary thaws as a second primary.
    fn part(&self) {
        self.master.pause();
        self.operator
            .run(&["promote", "slave1", "--yes", "--accept-split-brain"])
            .ok();
        self.master.resume();
        await_that("the old primary to thaw", Duration::from_secs(10), || {
            self.master.client().info("replication")["role"] == "master"
        });
    }

    fn lost(&self) -> Value {
        let ran = self.operator.run(&["lost", "master", "--json"]).ok();
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"))
    }

    fn full_syncs(&self) -> String {
        self.master.client().info("stats")["sync_full"].clone()
    }
}

fn words(unit: &Value, command: usize) -> Vec<String> {
    serde_json::from_value(unit["commands"][command].clone()).unwrap()
}

#[test]
fn under_load_exactly_the_lost_acknowledged_writes_are_listed() {
    each_family(|_, family| {
        let pair = Pair::start(family, &["repl-backlog-size 64mb"]);
        let mut load = Load::plain(&[pair.master.port]);
        // They wait for the frozen primary, as clients do that know no other.
        load.patience = Duration::from_secs(40);
        load.per_second = Some(2_000);
        let writer = Writer::start(load);
        writer.await_more(1_000, Duration::from_secs(20));
        let syncs = pair.full_syncs();
        pair.part();
        writer.await_more(2_000, Duration::from_secs(20));
        // The listing of a primary that is written to meanwhile.
        assert!(pair.lost()["commands"].as_u64().unwrap() >= 2_000);
        let tally = writer.stop();
        let missing: BTreeSet<String> = tally.lost(pair.slave.address()).into_iter().collect();
        let report = pair.lost();
        let listed: BTreeSet<String> = report["list"]
            .as_array()
            .unwrap()
            .iter()
            .map(|unit| words(unit, 0))
            .inspect(|w| assert_eq!(w[0], "SET"))
            .map(|w| w[1].clone())
            .collect();
        assert_eq!(listed.len() as u64, report["commands"].as_u64().unwrap());
        assert_eq!(
            report["safe"], report["commands"],
            "nothing else was written"
        );
        // A write may be done and its acknowledgement be lost on the way; nothing was cut off here.
        assert_eq!(listed, missing, "{}", family.name);
        assert_eq!(pair.full_syncs(), syncs, "it was made to dump");
        figure(&format!(
            "lost, {}: {} acknowledged writes lost, {} SETs listed, the same ones",
            family.name,
            missing.len(),
            listed.len()
        ));
        replayed(&pair, &missing);
        let left = tally.lost(pair.slave.address());
        assert_eq!(left.len(), 0, "the one in conflict was written by hand");
    });
}

/// The safe part is replayed with the server's own client. A key that was written on both sides is
/// left out.
fn replayed(pair: &Pair, missing: &BTreeSet<String>) {
    let both = missing.first().unwrap();
    let number = both.split(':').nth(1).unwrap();
    pair.slave.client().command(&["SET", both, number]);
    let file = pair.folder.path().join("rescued");
    let path = file.to_str().unwrap();
    let ran = pair
        .operator
        .run(&["lost", "master", "--output", path])
        .ok()
        .says("written on the new primary since");
    assert!(ran.stdout.contains("in conflict:    1"), "{ran}");
    for name in ["rescued", "rescued.conflicts"] {
        let mode = std::fs::metadata(pair.folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    pair.operator
        .run(&["lost", "master", "--output", path])
        .code(1)
        .says("cannot be written");
    let mut client = Command::new("redis-cli");
    client
        .args(["-p", &pair.slave.port.to_string(), "--pipe"])
        .stdin(std::fs::File::open(&file).unwrap());
    let output = client.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("errors: 0"), "{said}");
    // What was replayed is the new primary's own writing now.
    assert_eq!(pair.lost()["safe"], 0);
}

/// The last write before the split is in another database: the stream has its SELECT only once.
fn part_with_a_write_elsewhere(pair: &Pair) {
    let mut old = pair.master.client();
    old.command(&["SELECT", "5"]);
    old.command(&["SET", "elsewhere", "1"]);
    await_that("the write to arrive", Duration::from_secs(10), || {
        pair.slave.client().info("keyspace").contains_key("db5")
    });
    drop(old);
    pair.part();
    pair.operator
        .run(&["lost", "master"])
        .ok()
        .says("Nothing is lost");
}

#[test]
fn databases_transactions_and_conflicts() {
    each_family(|_, family| {
        let pair = Pair::start(family, &[]);
        part_with_a_write_elsewhere(&pair);
        let mut old = pair.master.client();
        old.command(&["SELECT", "5"]);
        // The stream says SELECT 5 only before the fork.
        old.command(&["SET", "five", "\u{1b}[2J"]);
        old.command(&["MULTI"]);
        old.command(&["INCR", "n"]);
        old.command(&["INCR", "m"]);
        old.command(&["EXEC"]);
        old.command(&["SELECT", "0"]);
        old.command(&["SET", "n", "1"]);
        old.command(&["EVAL", "redis.call('SET', KEYS[1], 'x')", "1", "script"]);
        let mut new = pair.slave.client();
        new.command(&["SELECT", "5"]);
        new.command(&["SET", "m", "9"]);
        let report = pair.lost();
        let list = report["list"].as_array().unwrap();
        let told: Vec<(Option<u64>, String, bool)> = list
            .iter()
            .map(|unit| {
                (
                    unit["db"].as_u64(),
                    words(unit, 0)[..2].join(" "),
                    unit["conflict"].is_null(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (Some(5), "SET five".to_owned(), true),
                (Some(5), "INCR n".to_owned(), false),
                (Some(0), "SET n".to_owned(), true),
                (Some(0), "SET script".to_owned(), true),
            ],
            "{}",
            family.name
        );
        assert_eq!(list[1]["transaction"], true);
        assert_eq!(report["commands"], 5);
        let ran = pair.operator.run(&["lost", "master"]).ok();
        assert!(!ran.stdout.contains('\u{1b}'), "{ran}");
        pair.operator
            .run(&["status", "--no-ssh"])
            .code(4)
            .says("replctl lost master");
        // One command that may touch anything stands between all the others.
        new.command(&["FLUSHALL"]);
        assert_eq!(pair.lost()["safe"], 0);
    });
}

#[test]
fn keep_alives_are_no_data() {
    each_family(|_, family| {
        let pair = Pair::start(family, &["repl-ping-replica-period 1"]);
        pair.part();
        // Only to somebody who listens are they sent.
        let mut listener = pair.master.client();
        listener
            .send(b"*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n")
            .unwrap();
        let ran = await_pings(&pair);
        assert!(ran > 0);
        drop(listener);
        pair.operator
            .run(&["lost", "master"])
            .ok()
            .says("keep-alives, no commands");
    });
}

fn await_pings(pair: &Pair) -> u64 {
    crate::support::await_some("a keep-alive", Duration::from_secs(20), || {
        let report = pair.lost();
        assert_eq!(report["commands"], 0);
        report["pings"].as_u64().filter(|n| *n > 0)
    })
}

#[test]
fn a_backlog_that_is_too_small_is_told_and_no_dump_is_made() {
    each_family(|_, family| {
        let pair = Pair::start(family, &["repl-backlog-size 20kb"]);
        pair.part();
        let syncs = pair.full_syncs();
        let mut old = pair.master.client();
        for n in 0..200 {
            old.command(&["SET", &format!("k{n}"), &"v".repeat(1000)]);
        }
        pair.operator
            .run(&["lost", "master"])
            .code(1)
            .says("can no longer send all of them");
        assert_eq!(pair.full_syncs(), syncs);
        assert_eq!(
            pair.master.client().info("replication")["connected_slaves"],
            "0"
        );
    });
}

#[test]
fn a_history_that_was_forgotten_is_told_and_so_are_nodes_that_cannot_be_compared() {
    let Some(family) = Family::debian() else {
        return;
    };
    let pair = Pair::start(family, &["repl-backlog-ttl 1"]);
    pair.operator
        .run(&["lost", "master"])
        .code(3)
        .says("is the only primary");
    pair.operator.run(&["lost", "nobody"]).code(2);
    pair.part();
    let history = || pair.master.client().info("replication")["master_replid2"].clone();
    let active = || pair.master.client().info("replication")["repl_backlog_active"].clone();
    await_that("the backlog to be dropped", Duration::from_secs(20), || {
        active() == "0" && history().starts_with('0')
    });
    pair.operator
        .run(&["lost", "master"])
        .code(1)
        .says("cannot be known")
        .says("repl-backlog-ttl");
    pair.operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("cannot be known, because of `master`: it keeps no backlog");
    pair.master.kill9();
    await_that("the death", Duration::from_secs(5), || {
        !pair.master.is_alive()
    });
    pair.operator
        .run(&["lost", "master"])
        .code(1)
        .says("cannot be asked");
}
