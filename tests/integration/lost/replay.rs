//! The replay of an old primary's divergence on the new one: each command once, whoever dies or
//! writes in between.

use crate::lost::{Family, Pair, words};
use crate::support::process::run;
use crate::support::redis::encode;
use crate::support::rotation::each_family;
use crate::support::writer::{Load, Style, Writer};
use crate::support::{Ran, await_that, figure};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The command that replays everything that is safe.
const REPLAY: [&str; 4] = ["lost", "master", "--replay", "--yes"];

/// Writes counters: they show a command that runs twice or not at all.
fn count(pair: &Pair, keys: usize, times: usize) {
    let mut old = pair.master.client();
    for _ in 0..times {
        let mut bytes = Vec::new();
        for key in 0..keys {
            encode(&mut bytes, &["INCR", &format!("count:{key}")]);
        }
        old.send(&bytes).unwrap();
        for _ in 0..keys {
            assert!(!old.read().unwrap().failed());
        }
    }
}

fn counts(pair: &Pair, keys: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut new = pair.slave.client();
    for key in 0..keys {
        let value = new.command(&["GET", &format!("count:{key}")]).text();
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// Replays while a client of the new primary writes these keys. Returns the keys that it has
/// written.
fn replayed_beside_a_client(pair: &Pair, keys: &[&String]) -> (Ran, Vec<String>) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut written = Vec::new();
            let mut client = pair.slave.client();
            for key in keys {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                client.command(&["SET", key, "theirs"]);
                written.push((*key).clone());
                std::thread::sleep(Duration::from_micros(500));
            }
            written
        });
        let ran = pair.operator.run(&REPLAY).ok();
        stop.store(true, Ordering::Relaxed);
        (ran, client.join().unwrap())
    })
}

#[test]
fn under_load_all_that_is_safe_is_done_once_and_no_write_of_a_client_is_undone() {
    each_family(|_, family| {
        let pair = Pair::start(family, &["repl-backlog-size 64mb"]);
        let mut load = Load::plain(&[pair.master.port]);
        load.styles = vec![Style::Set, Style::Transaction, Style::Lua];
        load.patience = Duration::from_secs(40);
        load.per_second = Some(1_000);
        let writer = Writer::start(load);
        writer.await_more(500, Duration::from_secs(20));
        pair.part();
        writer.await_more(1_000, Duration::from_secs(20));
        count(&pair, 10, 50);
        let tally = writer.stop();
        let missing = tally.lost(pair.slave.address());
        assert!(missing.len() >= 900, "{}", missing.len());
        // While it is replayed, a client of the new primary writes many of the same keys.
        let theirs: Vec<&String> = missing.iter().step_by(3).collect();
        let (ran, written) = replayed_beside_a_client(&pair, &theirs);
        let mut client = pair.slave.client();
        for key in &written {
            assert_eq!(
                client.command(&["GET", key]).text(),
                "theirs",
                "{key}: {ran}"
            );
        }
        let still = tally.lost(pair.slave.address());
        // Keys that are tied by one command or transaction are left out together.
        assert!(
            still.len() <= written.len() * 8,
            "{} of {}",
            still.len(),
            written.len()
        );
        assert_eq!(counts(&pair, 10), BTreeMap::from([("50".to_owned(), 10)]));
        // All the others are done by the first run, in smaller portions where a client comes in
        // between.
        let again = pair.operator.run(&REPLAY).ok();
        assert!(again.stdout.contains("Nothing to do"), "{again}");
        assert_eq!(counts(&pair, 10), BTreeMap::from([("50".to_owned(), 10)]));
        let report = pair.lost();
        assert!(
            report["replayed"].as_u64().unwrap() >= 500,
            "{}",
            report["replayed"]
        );
        figure(&format!(
            "replay, {}: {} lost, {} keys written by a client meanwhile and all of them kept, {} commands replayed once",
            family.name,
            missing.len(),
            written.len(),
            report["replayed"]
        ));
    });
}

#[test]
fn killed_at_any_moment_and_run_again_nothing_is_done_twice() {
    let Some(family) = Family::debian() else {
        return;
    };
    let (keys, times) = (4_000, 3);
    let pair = Pair::start(family, &["repl-backlog-size 64mb"]);
    pair.part();
    count(&pair, keys, times);
    let mut deaths = 0;
    for line in 1..40 {
        let mut command = pair.operator.command(&REPLAY);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = run(&mut command, Duration::from_mins(1));
        if ran.code == Some(0) {
            break;
        }
        deaths += 1;
        let found = counts(&pair, keys);
        assert!(
            found.keys().all(|v| ["$-1", "", "3"].contains(&v.as_str())),
            "{found:?}"
        );
    }
    // In the midst of it, too: as soon as the first transactions are through.
    count(&pair, keys, times);
    let mut halves = 0;
    for part in 0..4 {
        let mut running = pair.operator.start(&REPLAY);
        let mut new = pair.slave.client();
        let key = format!("count:{}", part * 350);
        await_that("a part to be through", Duration::from_secs(20), || {
            new.command(&["GET", &key]).text() == "6"
        });
        running.kill9();
        deaths += 1;
        let found = counts(&pair, keys);
        assert!(
            found.keys().all(|v| ["3", "6"].contains(&v.as_str())),
            "{found:?}"
        );
        halves += usize::from(found.len() == 2);
    }
    assert!(halves > 0, "it was never in the midst of it");
    pair.operator.run(&REPLAY).ok();
    assert_eq!(
        counts(&pair, keys),
        BTreeMap::from([("6".to_owned(), keys)])
    );
    let unfinished = pair.operator.run(&["resume", "--yes"]);
    assert_eq!(unfinished.code, Some(0), "{unfinished}");
    assert_eq!(
        counts(&pair, keys),
        BTreeMap::from([("6".to_owned(), keys)])
    );
    figure(&format!(
        "replay: killed {deaths} times, {halves} of them in the midst of it, and every command done once"
    ));
}

#[test]
fn conflicts_only_where_asked_and_the_plan_first() {
    each_family(|_, family| {
        let pair = Pair::start(family, &[]);
        pair.part();
        let (mut old, mut new) = (pair.master.client(), pair.slave.client());
        for (key, value) in [("a", "old"), ("b", "old")] {
            old.command(&["SET", key, value]);
        }
        old.command(&["SELECT", "3"]);
        old.command(&["RPUSH", "list", "1", "2"]);
        new.command(&["SET", "b", "new"]);
        let value = |key: &str| pair.slave.client().command(&["GET", key]).text();
        pair.operator
            .run(&["lost", "master", "--replay", "--dry-run"])
            .ok()
            .says("replay 2 commands of master, each once")
            .says("1 command in conflict");
        assert_ne!(value("a"), "old");
        pair.operator
            .run(&["lost", "master", "--replay"])
            .code(3)
            .says("no terminal to confirm");
        pair.operator
            .run(&REPLAY)
            .ok()
            .says("2 commands in 2 transactions");
        assert_eq!((value("a"), value("b")), ("old".into(), "new".into()));
        // A list that is replayed twice has four.
        let length = || {
            let mut client = pair.slave.client();
            client.command(&["SELECT", "3"]);
            client.command(&["LLEN", "list"]).text()
        };
        assert_eq!(length(), "2");
        pair.operator
            .run(&REPLAY)
            .ok()
            .says("replctl lost master --replay --with-conflicts");
        let all = ["lost", "master", "--replay", "--with-conflicts", "--yes"];
        pair.operator
            .run(&all)
            .ok()
            .says("what clients wrote to `slave1` since");
        assert_eq!((value("b"), length()), ("old".into(), "2".into()));
        let list = pair.lost()["list"].as_array().unwrap().clone();
        assert!(
            list.iter().all(|unit| unit["conflict"] == "replayed"),
            "{list:?}"
        );
        assert_eq!(words(&list[2], 0)[0], "RPUSH");
        pair.operator.run(&all).ok().says("Nothing to do");
        pair.operator
            .run(&["undo", "last", "--yes"])
            .code(3)
            .says("an undo does not remove them");
        report_of(&pair, &pair.operator.run(&["report", "last"]).ok());
    });
}

fn report_of(pair: &Pair, ran: &Ran) {
    assert!(ran.stdout.contains("PUBLISH replctl:replay"), "{ran}");
    pair.operator
        .run(&["history"])
        .ok()
        .says("lost master --replay --with-conflicts");
}

#[test]
fn out_of_a_backup_after_the_old_primary_gave_it_up() {
    each_family(|_, family| {
        let pair = Pair::start(family, &[]);
        pair.part();
        let (mut old, mut new) = (pair.master.client(), pair.slave.client());
        old.command(&["INCR", "n"]);
        old.command(&["INCR", "n"]);
        old.command(&["SET", "both", "old"]);
        new.command(&["SET", "both", "new"]);
        pair.operator.run(&["rejoin", "master", "--yes"]).ok();
        let base = pair
            .operator
            .home()
            .join(".local/state/replctl/orders/backup");
        let folder = std::fs::read_dir(base)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let folder = folder.to_str().unwrap();
        let lost = ["lost", "master", "--backup", folder];
        let ran = pair.operator.run(&lost).ok();
        assert!(ran.stdout.contains("safe to replay: 2"), "{ran}");
        assert!(ran.stdout.contains("in conflict:    1"), "{ran}");
        let replay = [&lost[..], &["--replay", "--yes"]].concat();
        pair.operator.run(&replay).ok().says("arrived on  master");
        let value = |key: &str| pair.master.client().command(&["GET", key]).text();
        await_that("the replica to have it", Duration::from_secs(5), || {
            value("n") == "2"
        });
        pair.operator.run(&replay).ok().says("Nothing to do");
        assert_eq!((value("n"), value("both")), ("2".into(), "new".into()));
        pair.operator
            .run(&["lost", "slave1", "--backup", folder])
            .code(1)
            .says("it is of `master`");
        let file = format!("{folder}/lost.resp");
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[6] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        pair.operator
            .run(&lost)
            .code(1)
            .says("was changed since it was written");
    });
}
