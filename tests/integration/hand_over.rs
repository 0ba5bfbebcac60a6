//! Planned promotions on real servers under writing clients: no acknowledged write is lost, on
//! every available server family, whatever happens to replctl.

#![allow(clippy::unwrap_used)]

use crate::support::program::Replctl;
use crate::support::rotation::{each_family, some_families};
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, NAMES, Trio};
use crate::support::writer::{Load, Writer};
use crate::support::{await_that, figure};
use std::time::{Duration, Instant};

/// The figures of one promotion, from its `--json`.
fn stopped_ms(stdout: &str) -> f64 {
    let json: serde_json::Value =
        serde_json::from_str(stdout).unwrap_or_else(|e| panic!("{e}: {stdout}"));
    json["writes_stopped_ms"]
        .as_f64()
        .unwrap_or_else(|| panic!("no writes_stopped_ms in {stdout}"))
}

#[test]
fn twenty_promotions_of_each_family_lose_nothing() {
    for family in some_families() {
        let deployment = Trio::start(family, &[BACKLOG]);
        let operator = deployment.operator();
        let load = Load::of_all_kinds(&deployment.ports());
        let writer = Writer::start(load);
        let mut windows = Vec::new();
        for n in 0..20 {
            writer.await_more(5_200, Duration::from_mins(1));
            let target = (n + 1) % 3;
            let ran = operator
                .run(&["promote", NAMES[target], "--yes", "--json", "--verbose"])
                .ok();
            let stopped = stopped_ms(&ran.stdout);
            if stopped > 100.0 {
                figure(&format!("{}: a slow one\n{}", family.name, ran.stderr));
            }
            windows.push(stopped);
            deployment.assert_primary(target);
        }
        writer.await_more(1_000, Duration::from_mins(1));
        let tally = writer.stop();
        let last = 20 % 3;
        tally.nothing_lost(deployment.servers[last].address());
        assert!(
            tally.acknowledged() >= 100_000,
            "only {} writes",
            tally.acknowledged()
        );
        windows.sort_by(f64::total_cmp);
        let full: u64 = deployment
            .servers
            .iter()
            .map(|s| {
                s.client().info("stats")["sync_full"]
                    .parse::<u64>()
                    .unwrap()
            })
            .sum();
        figure(&format!(
            "{}: 20 promotions, {} acknowledged writes, 0 lost; writes stopped {:.1} / {:.1} / {:.1} ms (least, median, most); longest gap of the clients {:.0} ms; full resyncs {}",
            family.name,
            tally.acknowledged(),
            windows[0],
            windows[10],
            windows[19],
            tally.longest_gap_ms(),
            full - 2,
        ));
        assert_eq!(full, 2, "a promotion cost a full resync");
    }
}

/// The same changes with the journal on a disk and in memory, in turns: the cost of its durability.
/// Inside the fence that cost is zero, because nothing there waits for the disk.
#[test]
fn the_journal_adds_nothing_to_the_window() {
    const ROUNDS: usize = 10;
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let memory = tempfile::Builder::new().tempdir_in("/dev/shm").unwrap();
    let disk = tempfile::Builder::new()
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .unwrap();
    let operators = [&disk, &memory].map(|folder| {
        deployment
            .operator()
            .env("XDG_STATE_HOME", folder.path().to_str().unwrap())
    });
    let mut load = Load::plain(&deployment.ports());
    load.per_second = Some(1_000);
    let writer = Writer::start(load);
    let (mut windows, mut whole) = ([vec![], vec![]], [vec![], vec![]]);
    for n in 0..2 * ROUNDS {
        writer.await_more(500, Duration::from_mins(1));
        let words = ["promote", NAMES[(n + 1) % 3], "--yes", "--json"];
        let ran = operators[n % 2].run(&words).ok();
        windows[n % 2].push(stopped_ms(&ran.stdout));
        whole[n % 2].push(ran.took.as_secs_f64() * 1e3);
    }
    let tally = writer.stop();
    tally.nothing_lost(deployment.servers[2 * ROUNDS % 3].address());
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let [on_disk, in_memory] = windows.each_mut().map(median);
    let [all_disk, all_memory] = whole.each_mut().map(median);
    figure(&format!(
        "the journal on a disk and in memory, {ROUNDS} promotions each: writes stopped {on_disk:.1} and {in_memory:.1} ms, the whole command {all_disk:.0} and {all_memory:.0} ms (medians)"
    ));
    assert!(
        on_disk < in_memory * 1.5 + 3.0,
        "the disk is waited for inside the fence: {windows:?}"
    );
}

#[test]
fn killed_at_every_journal_line_and_resumed() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let inventory = deployment.inventory();
    let operator = Replctl::new().inventory(&inventory);
    let mut load = Load::plain(&deployment.ports());
    load.per_second = Some(500);
    let writer = Writer::start(load);
    let mut target = 0;
    let mut deaths = 0;
    for line in 1.. {
        target = (target + 1) % 3;
        let name = NAMES[target];
        let started = Instant::now();
        let mut command = operator.command(&["promote", name, "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = crate::support::process::run(&mut command, Duration::from_mins(1));
        if ran.code == Some(0) {
            break;
        }
        assert_eq!(
            ran.code, None,
            "it was not killed but failed at line {line}: {}",
            ran.stderr
        );
        deaths += 1;
        // Another operation is refused until this one is settled; looking at it says so.
        if [3, 11, 19].contains(&line) {
            operator
                .run(&["promote", "master", "--yes"])
                .code(3)
                .says("stopped half-way");
            operator.run(&["status", "--no-ssh"]).says("replctl resume");
        }
        let resumed = operator.run(&["resume", "--yes"]).ok();
        // What the killed run had done counts in the proof, too.
        assert!(!resumed.stdout.contains("NOT"), "{resumed}");
        deployment.assert_primary(target);
        operator.run(&["resume"]).ok().says("Nothing to do");
        assert!(started.elapsed() < Duration::from_mins(1));
    }
    assert!(deaths > 25, "only {deaths} lines");
    deployment.assert_primary(target);
    let tally = writer.stop();
    tally.nothing_lost(deployment.servers[target].address());
    figure(&format!(
        "promote: killed at each of {deaths} journal lines and resumed, {} acknowledged writes, 0 lost",
        tally.acknowledged()
    ));
}

#[test]
fn killed_and_rolled_back_keeps_the_old_primary() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    let writer = Writer::start(Load {
        per_second: Some(500),
        ..Load::plain(&deployment.ports())
    });
    let mut back = 0;
    for line in 1..40 {
        writer.await_more(50, Duration::from_secs(20));
        let mut command = operator.command(&["promote", "slave1", "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        crate::support::process::run(&mut command, Duration::from_mins(1));
        let ran = operator.run(&["rollback", "--yes"]);
        if ran.code == Some(0) {
            back += 1;
            deployment.assert_primary(0);
        } else {
            // Past the point of no return it is refused, and says how to go on.
            ran.code(3).says("replctl resume");
            operator.run(&["resume", "--yes"]).ok();
            deployment.assert_primary(1);
            break;
        }
    }
    assert!(back > 10, "only {back} rollbacks");
    writer.stop().nothing_lost(deployment.servers[1].address());
}

#[test]
fn a_dry_run_changes_nothing_and_two_operators_exclude_each_other() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[]);
    let operator = deployment.operator();
    operator
        .run(&["promote", "slave1", "--dry-run"])
        .ok()
        .says("make it primary");
    deployment.assert_primary(0);
    operator.run(&["promote", "slave1"]).code(3).says("--yes");
    deployment.assert_primary(0);
    // The first one waits at its question and holds the lock.
    let mut first = operator.terminal(20, &["promote", "slave1"]);
    first.exp_string("Do this?").unwrap();
    operator
        .run(&["promote", "slave2", "--yes"])
        .code(3)
        .says("another operation");
    first.send("y").unwrap();
    first.flush().unwrap();
    first.exp_string("is the primary").unwrap();
    first.exp_eof().unwrap();
    deployment.assert_primary(1);
    operator
        .run(&["promote", "slave1", "--yes"])
        .ok()
        .says("Nothing to do");
}

#[test]
fn a_frozen_primary_is_replaced_only_with_a_word_when_it_cannot_be_stopped() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[]);
    let operator = deployment.operator();
    deployment.servers[0].pause();
    operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("--accept-split-brain");
    operator
        .run(&["promote", "slave1", "--yes", "--accept-split-brain"])
        .ok()
        .says("may be lost");
    assert_eq!(deployment.role(1), "master");
    operator.run(&["status", "--no-ssh"]).code(4).says("master");
    deployment.servers[0].resume();
    // It comes back as a primary: that is seen, and not repaired by guessing.
    await_that("the old primary to thaw", Duration::from_secs(5), || {
        deployment.role(0) == "master"
    });
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("primaries");
    operator
        .run(&["promote", "slave2", "--yes"])
        .code(3)
        .says("primaries");
}

#[test]
fn a_killed_primary_without_ssh() {
    each_family(|_, family| {
        let deployment = Trio::start(family, &[]);
        let operator = deployment.operator();
        assert_eq!(
            deployment.servers[0]
                .client()
                .command(&["SET", "k", "v"])
                .text(),
            "OK"
        );
        deployment.await_in_sync();
        await_that("the key on the replicas", Duration::from_secs(5), || {
            deployment.servers[1..]
                .iter()
                .all(|s| s.client().command(&["GET", "k"]).text() == "v")
        });
        deployment.servers[0].kill9();
        operator
            .run(&["promote", "slave2", "--yes"])
            .code(3)
            .says("cannot be stopped");
        operator
            .run(&["promote", "slave2", "--yes", "--accept-split-brain"])
            .ok()
            .says("Clients must now write to");
        assert_eq!(deployment.role(2), "master");
        assert_eq!(
            deployment.servers[2].client().command(&["GET", "k"]).text(),
            "v"
        );
        await_that("slave1 to follow", Duration::from_secs(10), || {
            deployment.servers[1].client().info("replication")["master_link_status"] == "up"
        });
        operator.run(&["status", "--no-ssh"]).code(4).says("master");
    });
}
