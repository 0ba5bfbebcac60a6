//! How long clients cannot write during a change of the primary: `replctl promote` against the
//! server's own `FAILOVER`, in turns on the same deployment, under the same load, for every
//! available server family. `make bench-promote` runs it at full length and prints the table.

#![allow(clippy::unwrap_used)]

mod dead;
mod far;

use crate::support::redis::RawRedis;
use crate::support::server::{Family, families};
use crate::support::trio::{BACKLOG, NAMES, Trio};
use crate::support::writer::{Load, Writer};
use crate::support::{await_that, figure};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Rounds of each method, where `REPLCTL_BENCH_ROUNDS` does not say more.
const ROUNDS: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Promote,
    Failover,
}

/// The result of one change of the primary.
struct Round {
    acknowledged: usize,
    lost: usize,
    /// The longest time in which no client had a write acknowledged, ms.
    gap_ms: f64,
    partial: u64,
    full: u64,
}

#[test]
fn promote_against_the_servers_own_failover() {
    let mut table = String::from(
        "changes of the primary under six writing clients (SET, MULTI/EXEC, Lua, pipelined, blocking)\n",
    );
    let _ = writeln!(
        table,
        "{:<12} {:<9} {:>6} {:>8} {:>5}  {:>25}  {:>7} {:>5}",
        "server",
        "method",
        "rounds",
        "writes",
        "lost",
        "no writes, ms: min/med/max",
        "partial",
        "full"
    );
    for family in families() {
        let trio = Trio::start(family, &[BACKLOG]);
        let mut all = Vec::new();
        let mut primary = 0;
        let methods = if has_failover(&trio) {
            vec![Method::Promote, Method::Failover]
        } else {
            vec![Method::Promote]
        };
        for n in 0..rounds(ROUNDS) * methods.len() {
            let method = methods[n % methods.len()];
            let target = (primary + 1) % NAMES.len();
            all.push((method, round(&trio, primary, target, method)));
            primary = target;
        }
        let ours = summary(family, "promote", &all, Method::Promote, &mut table);
        let theirs = summary(family, "FAILOVER", &all, Method::Failover, &mut table);
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            let _ = writeln!(
                table,
                "{:<12} clients of FAILOVER wait {:.0} times as long",
                "",
                theirs / ours
            );
            assert!(
                ours < theirs,
                "{}: promote stops writes for longer than FAILOVER:\n{table}",
                family.name
            );
        }
        if let Some(limit) = limit_ms() {
            assert!(
                ours.is_some_and(|ms| ms <= limit),
                "{}: the median is over {limit} ms:\n{table}",
                family.name
            );
        }
    }
    figure(&table);
}

fn rounds(otherwise: usize) -> usize {
    let said = std::env::var("REPLCTL_BENCH_ROUNDS").ok();
    said.and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

/// The middle one of what is sorted.
fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

/// Six clients of five kinds, who begin with that primary.
fn load(trio: &Trio, primary: usize) -> Load {
    let mut load = Load::of_all_kinds(&trio.ports());
    load.nodes.rotate_left(primary);
    load
}

/// The limit for the median of our windows, if one is set (a quiet machine, a release build).
fn limit_ms() -> Option<f64> {
    std::env::var("REPLCTL_BENCH_LIMIT_MS").ok()?.parse().ok()
}

fn has_failover(trio: &Trio) -> bool {
    !trio.servers[0].client().info("replication")["master_replid"].is_empty()
        && trio.servers[0]
            .client()
            .info("replication")
            .contains_key("master_failover_state")
}

/// One change of the primary under its own load, whose writes are then checked on the new primary.
fn round(trio: &Trio, primary: usize, target: usize, method: Method) -> Round {
    let old = &trio.servers[primary];
    old.client().command(&["FLUSHALL"]);
    in_step(trio, primary);
    let before = syncs(trio);
    let writer = Writer::start(load(trio, primary));
    writer.await_more(1_500, Duration::from_mins(1));
    let begun = Instant::now();
    match method {
        Method::Promote => {
            trio.operator()
                .run(&["promote", NAMES[target], "--yes"])
                .ok();
        }
        Method::Failover => failover(trio, primary, target),
    }
    writer.await_more(1_500, Duration::from_mins(1));
    let ended = Instant::now();
    let tally = writer.stop();
    let lost = tally.lost(trio.servers[target].address()).len();
    if method == Method::Failover {
        // FAILOVER leaves the other replica behind the old primary.
        let other = (0..NAMES.len()).find(|n| *n != primary && *n != target);
        trio.servers[other.unwrap()].follow(&trio.servers[target]);
    }
    trio.assert_primary(target);
    let after = syncs(trio);
    Round {
        acknowledged: tally.acknowledged(),
        lost,
        gap_ms: tally.longest_gap_between_ms(begun, ended),
        partial: after.0 - before.0,
        full: after.1 - before.1,
    }
}

fn failover(trio: &Trio, primary: usize, target: usize) {
    let port = trio.servers[target].port.to_string();
    let mut client: RawRedis = trio.servers[primary].client();
    let reply = client.command(&["FAILOVER", "TO", "127.0.0.1", &port, "TIMEOUT", "10000"]);
    assert_eq!(reply.text(), "OK");
    await_that("the FAILOVER to end", Duration::from_secs(15), || {
        trio.role(target) == "master"
            && client.info("replication")["master_failover_state"] == "no-failover"
    });
}

/// Waits until both replicas follow the primary and have its data.
fn in_step(trio: &Trio, primary: usize) {
    trio.assert_primary(primary);
    await_that("the replicas to have all", Duration::from_secs(20), || {
        let wanted = trio.servers[primary].client().info("replication")["master_repl_offset"]
            .parse::<u64>()
            .unwrap();
        let replicas = (0..NAMES.len()).filter(|n| *n != primary);
        let mut offsets = replicas.map(|n| {
            trio.servers[n].client().info("replication")["slave_repl_offset"]
                .parse::<u64>()
                .unwrap()
        });
        offsets.all(|offset| offset >= wanted)
    });
}

/// Partial and full resyncs that the servers have served so far.
fn syncs(trio: &Trio) -> (u64, u64) {
    let stat = |name: &str| {
        let of_one = |s: &crate::support::server::LocalServer| {
            s.client().info("stats")[name].parse::<u64>().unwrap()
        };
        trio.servers.iter().map(of_one).sum()
    };
    (stat("sync_partial_ok"), stat("sync_full"))
}

/// Adds a line for one method, and gives its median; nothing where it was not run.
fn summary(
    family: &Family,
    name: &str,
    rounds: &[(Method, Round)],
    method: Method,
    table: &mut String,
) -> Option<f64> {
    let mine: Vec<&Round> = rounds
        .iter()
        .filter(|r| r.0 == method)
        .map(|r| &r.1)
        .collect();
    let mut gaps: Vec<f64> = mine.iter().map(|r| r.gap_ms).collect();
    gaps.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (gaps.first(), gaps.last()) else {
        let _ = writeln!(table, "{:<12} {name:<9} it has none", family.name);
        return None;
    };
    let median = median(&gaps);
    let lost: usize = mine.iter().map(|r| r.lost).sum();
    let _ = writeln!(
        table,
        "{:<12} {name:<9} {:>6} {:>8} {lost:>5}  {:>26}  {:>7} {:>5}",
        family.name,
        mine.len(),
        mine.iter().map(|r| r.acknowledged).sum::<usize>(),
        format!("{least:.1}/{median:.1}/{most:.1}"),
        mine.iter().map(|r| r.partial).sum::<u64>(),
        mine.iter().map(|r| r.full).sum::<u64>(),
    );
    if method == Method::Promote {
        assert_eq!(lost, 0, "{}: acknowledged writes are lost", family.name);
    }
    Some(median)
}
