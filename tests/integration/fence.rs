//! The fence of servers before 6.2 does not end by itself: what lifts it if replctl dies or freezes
//! inside it.

#![allow(clippy::unwrap_used)]

use crate::support::process::{run, signal};
use crate::support::program::Replctl;
use crate::support::redis::RawRedis;
use crate::support::server::{Family, families};
use crate::support::trio::{BACKLOG, NAMES, Trio};
use crate::support::{await_that, figure, not_run};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A server that has no `CLIENT PAUSE … WRITE`.
fn old() -> Option<&'static Family> {
    let found = families().iter().find(|f| f.name == "redis-6.0");
    if found.is_none() {
        not_run("the fence of servers before 6.2: there is no Redis 6.0 here");
    }
    found
}

fn fence(trio: &Trio, i: usize) -> String {
    trio.servers[i].client().config("min-replicas-to-write")
}

/// Whether the newest journal says that the fence was raised, and not that it was lifted.
fn died_inside(operator: &Replctl<'_>) -> bool {
    let folder = operator.home().join(".local/state/replctl/orders/journal");
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let newest = files.map(|e| e.path()).max().unwrap();
    let text = std::fs::read_to_string(newest).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let stages = lines[0]["plan"]["stages"].as_array().unwrap();
    let of = |to_write: u64| {
        let sets = |step: &Value| step["action"]["require-replicas"]["to_write"] == to_write;
        let places = stages.iter().enumerate().flat_map(|(stage, s)| {
            let steps = s["steps"].as_array().unwrap().iter().enumerate();
            steps.map(move |(step, it)| (stage, step, it))
        });
        let (stage, step, _) = places.into_iter().find(|(_, _, it)| sets(it)).unwrap();
        serde_json::json!({ "stage": stage, "step": step })
    };
    let says =
        |event: &str, at: &Value| lines.iter().any(|l| l["event"] == event && l["at"] == *at);
    says("started", &of(1000)) && !says("done", &of(0))
}

#[test]
fn killed_at_every_line_of_the_journal_it_ends_without_anybody() {
    let Some(family) = old() else { return };
    let trio = Trio::start(family, &[BACKLOG, "min-replicas-to-write 0"]);
    let operator = trio.operator();
    let (mut target, mut inside, mut longest) = (0, 0, Duration::ZERO);
    for line in 1.. {
        target = (target + 1) % 3;
        let mut command = operator.command(&["promote", NAMES[target], "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = run(&mut command, Duration::from_mins(1));
        if ran.code == Some(0) {
            break;
        }
        let died = Instant::now();
        await_that("the fence to end", Duration::from_secs(5), || {
            (0..3).all(|i| fence(&trio, i) == "0")
        });
        if died_inside(&operator) {
            inside += 1;
            longest = longest.max(died.elapsed());
        }
        operator.run(&["resume", "--yes"]).ok();
        trio.assert_primary(target);
    }
    assert!(inside >= 5, "it never died while the fence stood");
    figure(&format!(
        "fence of Redis 6.0: replctl killed {inside} times while it stood; lifted by itself after {} ms at most",
        longest.as_millis()
    ));
}

#[test]
fn frozen_inside_it_ends_after_five_seconds_and_the_thawed_one_does_no_harm() {
    let Some(family) = old() else { return };
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    let mut caught = false;
    for n in 0..40 {
        let (old, new) = (n % 2, (n + 1) % 2);
        let running = operator.start(&["promote", NAMES[new], "--yes"]);
        let pid = running.pid();
        let mut client = trio.servers[old].client();
        let stands = |client: &mut RawRedis| client.config("min-replicas-to-write") == "1000";
        let end = Instant::now() + Duration::from_secs(20);
        while !stands(&mut client) && Instant::now() < end && trio.role(old) == "master" {}
        signal(pid, libc::SIGSTOP);
        let frozen = Instant::now();
        caught = stands(&mut client) && trio.role(old) == "master";
        if caught {
            await_that("the fence to end", Duration::from_secs(15), || {
                !stands(&mut client)
            });
            let after = frozen.elapsed();
            assert!(after > Duration::from_secs(3), "{after:?}: too early");
            let key = ["SET", "meanwhile", "1"];
            assert_eq!(client.command(&key).text(), "OK");
            figure(&format!(
                "fence of Redis 6.0: replctl frozen inside it; lifted after {} ms",
                after.as_millis()
            ));
        }
        signal(pid, libc::SIGCONT);
        let ran = running.wait(Duration::from_mins(1));
        let primary = (0..3).find(|i| trio.role(*i) == "master").unwrap();
        trio.assert_primary(primary);
        assert!((0..3).all(|i| fence(&trio, i) == "0"), "{ran}");
        if caught {
            let value = || {
                trio.servers[primary]
                    .client()
                    .command(&["GET", "meanwhile"])
            };
            assert_eq!(value().text(), "1", "{ran}");
            break;
        }
        if primary == old {
            operator.run(&["promote", NAMES[new], "--yes"]).ok();
        }
    }
    assert!(caught, "it was never caught inside");
}

#[test]
fn a_return_whose_backup_takes_long_keeps_it_and_a_dead_one_lifts_it() {
    let Some(family) = old() else { return };
    // The dump waits for this long; the fence must stand all the while.
    let delay = "repl-diskless-sync-delay 8";
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    trio.servers[0].pause();
    let promote = ["promote", "slave1", "--yes", "--accept-split-brain"];
    operator
        .run(&[&promote[..], &["--allow-data-loss"]].concat())
        .ok();
    trio.servers[0].resume();
    let words: Vec<&str> = ["CONFIG", "SET"]
        .into_iter()
        .chain(delay.split(' '))
        .collect();
    trio.servers[0].client().command(&words);
    trio.servers[0]
        .client()
        .command(&["CONFIG", "SET", "repl-diskless-sync", "yes"]);
    trio.servers[0].client().command(&["SET", "own", "1"]);
    let mut running = operator.start(&["rejoin", "master", "--yes"]);
    await_that("the fence", Duration::from_secs(20), || {
        fence(&trio, 0) == "1000"
    });
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(fence(&trio, 0), "1000", "it ended during the backup");
    running.kill9();
    await_that("the fence to end", Duration::from_secs(5), || {
        fence(&trio, 0) == "0"
    });
    operator.run(&["resume", "--yes"]).ok();
    trio.assert_primary(1);
    assert_eq!(fence(&trio, 0), "0");
}
