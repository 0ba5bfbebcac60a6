//! Promotions under real Sentinels: replctl goes through them, nothing is lost, and nothing is
//! undone afterwards.

#![allow(clippy::unwrap_used)]

mod able;
mod faults;
mod lab;
mod named;
mod others;
mod pace;
mod strangers;

use crate::support::inventory::InventoryText;
use crate::support::program::Replctl;
use crate::support::rotation::some_families;
use crate::support::sentinel::{LocalSentinel, await_together, three};
use crate::support::server::Family;
use crate::support::writer::{Load, Writer};
use crate::support::{Deployment, allowing_for_load, await_that, figure};
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const NAMES: [&str; 4] = ["master", "slave1", "slave2", "slave3"];
const DIRECTIVES: [&str; 1] = ["repl-backlog-size 64mb"];

/// A primary with two replicas, or three, and three Sentinels that watch them.
struct Watched {
    deployment: Deployment,
    sentinels: Vec<LocalSentinel>,
    raw: String,
}

impl Deref for Watched {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

impl DerefMut for Watched {
    fn deref_mut(&mut self) -> &mut Deployment {
        &mut self.deployment
    }
}

impl Watched {
    fn start(family: &Family, down_after_ms: u32, password: Option<&'static str>) -> Self {
        let deployment = Deployment::of(family).directives(&DIRECTIVES).start();
        let sentinels = three(family, deployment.servers[0].port, down_after_ms, password);
        Self {
            deployment,
            sentinels,
            raw: String::new(),
        }
    }

    /// The same with Sentinels whose user may not run `SENTINEL DEBUG`. They see a priority within
    /// ten seconds, which leaves time to test other events.
    fn start_slow(family: &Family, down_after_ms: u32) -> Self {
        let deployment = Deployment::of(family).directives(&DIRECTIVES).start();
        let without = if family.name.starts_with("redis-6") {
            Vec::new() // it has no such command
        } else {
            vec!["user default on nopass ~* &* +@all -sentinel|debug".to_owned()]
        };
        let primary = deployment.servers[0].port;
        let start = |_| LocalSentinel::start_with(family, primary, down_after_ms, None, &without);
        let sentinels: Vec<LocalSentinel> = (0..3).map(start).collect();
        await_together(&sentinels);
        Self {
            deployment,
            sentinels,
            raw: String::new(),
        }
    }

    fn inventory(&self) -> PathBuf {
        self.inventory_of(InventoryText::new("orders").raw(&self.raw))
    }

    /// `[sentinel]` with the password of that variable, and each of them named.
    fn named_with_password(&self, variable: &str) -> String {
        let nodes: Vec<String> = self
            .sentinels
            .iter()
            .map(|s| format!("{{ address = \"127.0.0.1:{}\", via = \"direct\" }}", s.port))
            .collect();
        format!(
            "[sentinel]\npassword = {{ env = \"{variable}\" }}\nnodes = [{}]\n",
            nodes.join(", ")
        )
    }

    /// `[sentinel]` with each of them named.
    fn named(&self) -> String {
        let of = |s: &LocalSentinel| {
            format!("{{ address = \"127.0.0.1:{}\", via = \"direct\" }}", s.port)
        };
        let nodes: Vec<String> = self.sentinels.iter().map(of).collect();
        format!("[sentinel]\nnodes = [{}]\n", nodes.join(", "))
    }

    fn operator(&self) -> Replctl<'static> {
        Replctl::new().inventory(&self.inventory())
    }

    /// Asserts that node `i` is the one primary, by its own report, by the others', and by every
    /// Sentinel's.
    fn assert_primary(&self, i: usize) {
        assert_eq!(
            self.info(i, "role"),
            "master",
            "{} is not the primary",
            NAMES[i]
        );
        let port = self.servers[i].port.to_string();
        for other in (0..self.servers.len()).filter(|o| *o != i) {
            assert_eq!(self.info(other, "role"), "slave", "{}", NAMES[other]);
            assert_eq!(self.info(other, "master_port"), port, "{}", NAMES[other]);
            await_that("the links", Duration::from_secs(10), || {
                self.info(other, "master_link_status") == "up"
            });
        }
        for sentinel in &self.sentinels {
            assert_eq!(
                (sentinel.field("port"), sentinel.field("flags")),
                (port.clone(), "master".to_owned())
            );
        }
        for server in &self.servers {
            assert_eq!(server.client().config("replica-priority"), "100");
        }
    }

    /// A fourth node, which replicates from a replica: no Sentinel knows it.
    fn chain(&mut self, family: &Family, under: usize) {
        let server = family.start(&DIRECTIVES);
        self.deployment.add(NAMES[3], server, under);
    }

    /// Makes Sentinels look at replicas more often than every ten seconds, which is too slow for a
    /// test of many promotions.
    fn hurry(&self) {
        for sentinel in &self.sentinels {
            let said = sentinel.ask(&["SENTINEL", "DEBUG", "info-period", "400"]);
            assert!(!said.failed(), "{said:?}");
        }
    }
}

/// Writes per second and client. Each of the four clients has a write waiting when writes are
/// stopped, however few it sends.
const WRITES: u32 = 100;

/// As many promotions as fit, the last one of a replica of a replica. Then nothing may happen by
/// itself for longer than Sentinels take to undo promotions beside them (18 to 29 s).
fn promotions_of(family: &Family) {
    let mut watched = Watched::start(family, 5_000, None);
    let (mut windows, mut wrote) = (Vec::new(), 0);
    for targets in [&[1, 2, 0, 1][..], &[3]] {
        if targets == [3] {
            watched.chain(family, 2);
        }
        let writer = Writer::start(Load {
            per_second: Some(WRITES),
            ..Load::plain(&watched.ports())
        });
        for target in targets {
            writer.await_more(200, Duration::from_secs(20));
            windows.push(promoted(&watched, *target));
        }
        if targets == [3] {
            quiet(&watched, 3);
        }
        let tally = writer.stop();
        tally.nothing_lost(watched.servers[targets[targets.len() - 1]].address());
        wrote += tally.acknowledged();
    }
    let operator = watched.operator();
    operator
        .run(&["status", "--no-ssh"])
        .ok()
        .says("3 Sentinels watch");
    let told = operator.run(&["sentinel", "status"]).ok();
    assert!(
        told.took < allowing_for_load(Duration::from_secs(5)),
        "it took too long; {told}"
    );
    let told = told
        .says("3 of 3 Sentinels answer")
        .says("slave3 (127.0.0.1:");
    assert_eq!(told.stdout.matches("can be agreed on").count(), 3, "{told}");
    operator
        .run(&["promote", "slave3", "--yes"])
        .ok()
        .says("Nothing to do");
    // One for each replica that was ever begun.
    assert_eq!(watched.full_resyncs(), 3, "a promotion cost a full resync");
    let chained = windows.pop().unwrap();
    windows.sort_by(f64::total_cmp);
    figure(&format!(
        "{}: 4 promotions through Sentinel and one of a replica of a replica, {wrote} acknowledged writes, 0 lost; writes stopped {:.0} to {:.0} ms, {chained:.0} ms; quiet for 35 s",
        family.name, windows[0], windows[3]
    ));
}

/// Promotes a node. Returns how long writes were stopped, ms.
fn promoted(watched: &Watched, target: usize) -> f64 {
    let arguments = ["promote", NAMES[target], "--yes", "--json"];
    let ran = watched
        .operator()
        .run_within(Duration::from_mins(2), &arguments)
        .ok();
    let json: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"));
    assert!(
        json["new_offset"].as_u64() >= json["old_offset"].as_u64(),
        "{ran}"
    );
    watched.assert_primary(target);
    // Clients that ask Sentinels are out for longer than writes are stopped.
    let (stopped, named) = (&json["writes_stopped_ms"], &json["sentinels_named_ms"]);
    assert!(named.as_f64() > stopped.as_f64(), "{ran}");
    json["writes_stopped_ms"]
        .as_f64()
        .unwrap_or_else(|| panic!("{ran}"))
}

fn quiet(watched: &Watched, primary: usize) {
    let quiet = Instant::now();
    while quiet.elapsed() < Duration::from_secs(35) {
        assert_eq!(
            watched.info(primary, "role"),
            "master",
            "undone after {:?}",
            quiet.elapsed()
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    watched.assert_primary(primary);
}

#[test]
fn promotions_through_sentinel_lose_nothing_and_stay() {
    std::thread::scope(|s| {
        for family in some_families() {
            s.spawn(|| promotions_of(family));
        }
        s.spawn(lab::sentinels_on_hosts_are_gone_through_and_their_own_failover_is_seen);
    });
}

/// Three deployments share the lines, because most of the time is spent waiting for Sentinels.
#[test]
fn killed_at_every_journal_line_and_resumed() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deaths: usize = std::thread::scope(|s| {
        let shares: Vec<_> = (1..=SHARES)
            .map(|first| s.spawn(move || killed_from_line(first, family)))
            .collect();
        shares.into_iter().map(|h| h.join().unwrap()).sum()
    });
    assert!(deaths > 30, "only {deaths} lines");
    figure(&format!(
        "promote through Sentinel: killed at each of {deaths} journal lines and resumed, 0 acknowledged writes lost"
    ));
}

const SHARES: usize = 3;

/// Dies after that line and every third one after it. Returns the number of deaths.
fn killed_from_line(first: usize, family: &Family) -> usize {
    let watched = Watched::start(family, 10_000, None);
    watched.hurry();
    let operator = watched.operator();
    let writer = Writer::start(Load {
        per_second: Some(WRITES),
        ..Load::plain(&watched.ports())
    });
    let (mut target, mut deaths) = (0, 0);
    for line in (first..).step_by(SHARES) {
        target = (target + 1) % 3;
        let mut command = operator.command(&["promote", NAMES[target], "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = crate::support::process::run(&mut command, Duration::from_mins(1));
        if ran.code == Some(0) {
            break;
        }
        assert_eq!(
            ran.code, None,
            "it was not killed but failed at line {line}: {ran}"
        );
        deaths += 1;
        operator
            .run_within(Duration::from_mins(1), &["resume", "--yes"])
            .ok();
        watched.assert_primary(target);
    }
    let tally = writer.stop();
    assert!(tally.acknowledged() > 0);
    tally.nothing_lost(watched.servers[target].address());
    deaths
}

#[test]
fn killed_and_rolled_back_keeps_the_old_primary_and_the_priority() {
    let Some(family) = Family::debian() else {
        return;
    };
    let watched = Watched::start(family, 10_000, None);
    watched.hurry();
    let operator = watched.operator();
    let writer = Writer::start(Load {
        per_second: Some(WRITES),
        ..Load::plain(&watched.ports())
    });
    let mut back = 0;
    let mut primary = 0;
    for line in 1..40 {
        let mut command = operator.command(&["promote", "slave1", "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        crate::support::process::run(&mut command, Duration::from_mins(1));
        let ran = operator.run(&["rollback", "--yes"]);
        if ran.code == Some(0) {
            back += 1;
            watched.assert_primary(0);
        } else {
            ran.code(3).says("replctl resume");
            operator
                .run_within(Duration::from_mins(1), &["resume", "--yes"])
                .ok();
            primary = 1;
            watched.assert_primary(1);
            break;
        }
    }
    assert!(back > 10 && primary == 1, "only {back} rollbacks");
    writer.stop().nothing_lost(watched.servers[1].address());
}

#[test]
fn sentinels_with_a_password_of_their_own() {
    let Some(family) = Family::debian() else {
        return;
    };
    let mut watched = Watched::start(family, 5_000, Some("s3ntinel"));
    watched.hurry();
    watched
        .operator()
        .run(&["promote", "slave2", "--yes"])
        .code(3)
        .says("it wants a password")
        .says("[sentinel]");
    assert_eq!(watched.info(0, "role"), "master");
    watched.raw = watched.named_with_password("OF_SENTINEL");
    let operator = watched.operator().env("OF_SENTINEL", "s3ntinel");
    let ran = operator
        .run_within(
            Duration::from_mins(1),
            &["promote", "slave2", "--yes", "--verbose"],
        )
        .ok();
    assert!(
        !ran.stdout.contains("s3ntinel") && !ran.stderr.contains("s3ntinel"),
        "{ran}"
    );
    watched.assert_primary(2);
}
