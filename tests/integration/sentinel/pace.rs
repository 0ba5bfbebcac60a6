//! How soon Sentinels see the node to promote: replctl makes them look more often for the time of
//! the promotion, and restores that on every way out.

mod figures;

use super::{NAMES, Watched};
use crate::support::process::Running;
use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::sentinel::{LocalSentinel, NAME};
use crate::support::server::Family;
use crate::support::{await_that, process};
use std::process::Command;
use std::time::Duration;

/// The `INFO` period that a Sentinel reports, ms; nothing if it has no such command.
fn period(sentinel: &LocalSentinel) -> Option<u64> {
    let words = sentinel.ask(&["SENTINEL", "DEBUG"]);
    let crate::support::redis::Reply::Array(Some(all)) = words else {
        return None;
    };
    let all: Vec<String> = all.iter().map(crate::support::redis::Reply::text).collect();
    let found = all.chunks(2).find(|pair| pair[0] == "INFO-PERIOD")?;
    found[1].parse().ok()
}

fn periods(watched: &Watched) -> Vec<Option<u64>> {
    watched.sentinels.iter().map(period).collect()
}

fn set_period(sentinel: &LocalSentinel, ms: u64) {
    let said = sentinel.ask(&["SENTINEL", "DEBUG", "INFO-PERIOD", &ms.to_string()]);
    assert!(!said.failed(), "{said:?}");
}

fn is_old(family: &Family) -> bool {
    family.name.starts_with("redis-6")
}

/// Redis 6.2 has no such command, and a user may lack the right to it: the plan says so, with the
/// time.
#[test]
fn who_cannot_be_told_to_look_more_often_is_told_of_in_the_plan() {
    each_family(|_, family| {
        let watched = Watched::start_slow(family, 20_000);
        let ran = watched
            .operator()
            .run(&["promote", "slave1", "--dry-run"])
            .ok();
        let ran = ran.says("the whole command takes 6 to 16 s");
        if is_old(family) {
            ran.says("is older than 7.0 and has no SENTINEL DEBUG");
            return;
        }
        let ran = ran.says("does not let its user run SENTINEL DEBUG");
        // The hint works as it stands, but for the name of the user where the Sentinel does not say
        // it.
        for sentinel in &watched.sentinels {
            let at = format!("redis-cli -h 127.0.0.1 -p {} ACL SETUSER ", sentinel.port);
            let line = ran
                .stderr
                .lines()
                .chain(ran.stdout.lines())
                .find_map(|l| l.split_once(&at));
            let (_, rest) = line.unwrap_or_else(|| panic!("{ran}"));
            let user = rest.split(' ').next().unwrap();
            assert!(["default", "USER"].contains(&user), "{rest}");
            paste(&format!("{at}{}", rest.replace("USER", "default")));
        }
        let ran = watched
            .operator()
            .run(&["promote", "slave1", "--dry-run"])
            .ok();
        assert!(
            ran.stdout.contains("let 3 Sentinels read INFO every 0.5 s"),
            "{ran}"
        );
        // One process reads the INFO of all deployments that it watches as often.
        let other = watched.servers[2].port.to_string();
        let said =
            watched.sentinels[0].ask(&["SENTINEL", "MONITOR", "o", "127.0.0.1", &other, "2"]);
        assert!(!said.failed(), "{said:?}");
        let ran = watched.operator().run(&["promote", "slave1", "--dry-run"]);
        let said = ran.stdout.contains("watches 1 other deployment too")
            || ran.stderr.contains("under several names");
        assert!(said, "{ran}");
    });
}

/// Runs a hint as an operator pastes it.
fn paste(line: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    process::run(&mut command, Duration::from_secs(10))
        .ok()
        .says("OK");
}

const BEFORE: [Option<u64>; 3] = [Some(10_000), Some(7_000), Some(10_000)];

/// After a death, every way to go on restores each Sentinel's period. Until then replctl reports
/// the changed one.
#[test]
fn killed_at_every_line_before_the_demotion_the_periods_are_told_and_put_back() {
    let Some(family) = Family::debian() else {
        return;
    };
    let left: usize = std::thread::scope(|s| {
        let ways: Vec<_> = ["rollback", "abandon", "--abandon-unfinished", "resume"]
            .into_iter()
            .map(|way| s.spawn(move || killed_and(way, family)))
            .collect();
        ways.into_iter().map(|way| way.join().unwrap()).sum()
    });
    assert!(left >= 8, "only {left} deaths left something");
}

/// How many of the deaths left something at a Sentinel.
fn killed_and(way: &str, family: &Family) -> usize {
    let watched = Watched::start(family, 10_000, None);
    set_period(&watched.sentinels[1], 7_000);
    let operator = watched.operator();
    let (mut target, mut left) = (1, 0);
    for line in 3..16 {
        let mut command = operator.command(&["promote", NAMES[target], "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = process::run(&mut command, Duration::from_mins(1));
        assert_eq!(ran.code, None, "it was not killed; {ran}");
        let what = format!("died after {line} lines, {way}");
        let stays = periods(&watched) != BEFORE;
        if stays {
            left += 1;
            let told = operator.run(&["sentinel", "status"]).code(4);
            assert_eq!(
                told.stdout.matches("has INFO-PERIOD 500").count(),
                3,
                "{told}"
            );
            let ports = watched.sentinels.iter().map(|s| s.port);
            for (port, before) in ports.zip(BEFORE) {
                let hint = format!(
                    "redis-cli -h 127.0.0.1 -p {port} SENTINEL DEBUG INFO-PERIOD {}",
                    before.unwrap()
                );
                assert!(told.stdout.contains(&hint), "{hint}: {told}");
                // The hint works as well; what it has put back is put back by no other way.
                if left == 3 && port == watched.sentinels[0].port {
                    paste(&hint);
                }
            }
        }
        let within = Duration::from_mins(1);
        if way.starts_with('-') || way == "abandon" {
            for server in &watched.servers {
                server
                    .client()
                    .command(&["CONFIG", "SET", "replica-priority", "100"]);
            }
        }
        if way == "--abandon-unfinished" {
            operator
                .run_within(within, &["promote", NAMES[target], "--yes", way])
                .ok();
        } else if way == "abandon" {
            let id = last_id(&operator);
            let ran = operator.run_within(within, &["abandon", &id, "--yes"]).ok();
            assert!(!stays || ran.stderr.contains("INFO-PERIOD: "), "{ran}");
        } else {
            operator.run_within(within, &[way, "--yes"]).ok();
        }
        assert_eq!(periods(&watched), BEFORE, "{what}");
        if way == "resume" || way == "--abandon-unfinished" {
            watched.assert_primary(target);
            target = (target + 1) % 3;
        }
    }
    left
}

fn last_id(operator: &Replctl<'_>) -> String {
    let told = operator.run(&["history", "--json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let all = json["operations"]
        .as_array()
        .unwrap_or_else(|| panic!("{told}"));
    all[0]["id"].as_str().unwrap().to_owned()
}

/// Waits until the Sentinel has the short period; `false`: the command ended before that was seen.
fn hastened(sentinel: &LocalSentinel, running: &mut Running) -> bool {
    while !running.has_ended() {
        if period(sentinel) == Some(500) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

/// replctl reports the period that it could not restore. The next resume or rollback restores it.
#[test]
fn a_sentinel_that_does_not_answer_the_put_back_is_told() {
    let Some(family) = Family::debian() else {
        return;
    };
    for _ in 0..6 {
        let watched = Watched::start(family, 20_000, None);
        let operator = watched.operator();
        let mut running = operator.start(&["promote", "slave1", "--yes"]);
        if !hastened(&watched.sentinels[0], &mut running) {
            continue;
        }
        watched.sentinels[0].pause();
        let ran = running.wait(Duration::from_mins(1));
        watched.sentinels[0].resume();
        if ran.code == Some(0) {
            continue; // it had been put back
        }
        let port = watched.sentinels[0].port;
        let ran = ran.code(5).says(&format!(
            "the Sentinel 127.0.0.1:{port} does not say that its INFO-PERIOD is 10000 again, and it may be 500"
        ));
        ran.says(&format!(
            "redis-cli -h 127.0.0.1 -p {port} SENTINEL DEBUG INFO-PERIOD 10000"
        ));
        assert_eq!(watched.info(0, "role"), "master");
        for server in &watched.servers {
            assert_eq!(server.client().config("replica-priority"), "100");
        }
        if period(&watched.sentinels[0]) == Some(500) {
            operator
                .run(&["status", "--no-ssh"])
                .code(4)
                .says("has INFO-PERIOD 500");
        }
        operator.run(&["rollback", "--yes"]).ok();
        assert_eq!(periods(&watched), [Some(10_000); 3]);
        return;
    }
    panic!("it had been put back each time before it was frozen");
}

/// The value is in no file: it ends with the process.
#[test]
fn a_sentinel_that_dies_meanwhile_keeps_nothing_and_nothing_stays_at_the_others() {
    let Some(family) = Family::debian() else {
        return;
    };
    for _ in 0..6 {
        let watched = Watched::start(family, 20_000, None);
        let operator = watched.operator();
        let mut running = operator.start(&["promote", "slave1", "--yes", "--verbose"]);
        if !hastened(&watched.sentinels[2], &mut running) {
            continue;
        }
        watched.sentinels[2].kill9();
        let ran = running.wait(Duration::from_mins(1));
        assert_eq!(period(&watched.sentinels[0]), Some(10_000), "{ran}");
        assert_eq!(period(&watched.sentinels[1]), Some(10_000), "{ran}");
        if ran.code == Some(1) {
            ran.says("all was put back");
            assert_eq!(watched.info(0, "role"), "master");
            return;
        }
        // It had seen the priority before it died: it is waited for in vain at the end.
        assert!(matches!(ran.code, Some(0 | 5)), "{ran}");
    }
    panic!("it had seen the priority each time before it died");
}

/// Somebody else's failover while they look more often: replctl reports its real outcome.
#[test]
fn the_failover_of_somebody_else_meanwhile_leaves_nothing_at_sentinels() {
    each_family(|n, family| {
        if is_old(family) {
            return;
        }
        let watched = Watched::start(family, 20_000, None);
        let operator = watched.operator();
        let mut running = operator.start(&["promote", "slave1", "--yes"]);
        hastened(&watched.sentinels[n % 3], &mut running);
        let said = watched.sentinels[n % 3].ask(&["SENTINEL", "FAILOVER", NAME]);
        let ran = running.wait(Duration::from_mins(2));
        assert_eq!(periods(&watched), [Some(10_000); 3], "{said:?} {ran}");
        let one = || {
            let is = |i: &usize| watched.info(*i, "role") == "master";
            (0..3).filter(is).count() == 1
        };
        await_that("one primary", Duration::from_secs(30), one);
        for server in &watched.servers {
            assert_eq!(server.client().config("replica-priority"), "100", "{ran}");
        }
    });
}
