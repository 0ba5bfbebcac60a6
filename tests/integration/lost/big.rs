//! A stream of any length takes a bounded amount of memory.

use super::Pair;
use crate::support::process::Ran;
use crate::support::redis::{RawRedis, encode};
use crate::support::server::Family;
use crate::support::{await_that, figure};
use std::time::Duration;

/// The most memory that `lost` and `rejoin` may use, kB.
const MOST_KB: u64 = 64 << 10;
/// Bytes of one write in the stream: `*3 SET k:0000001 v…`.
const ONE: u64 = 80;
/// Writes that are sent at once.
const AT_ONCE: u64 = 1_000;

/// The length of the stream, MB. At 32 MB its size stands out clearly from what is held in memory.
fn megabytes() -> u64 {
    let given = std::env::var("REPLCTL_LOST_MB").ok();
    given.map_or(32, |n| n.parse().unwrap())
}

fn write(client: &mut RawRedis, from: u64, count: u64) {
    let value = "v".repeat(usize::try_from(ONE).unwrap() - 42);
    for begin in (from..from + count).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let end = (begin + AT_ONCE).min(from + count);
        let mut bytes = Vec::new();
        for n in begin..end {
            encode(&mut bytes, &["SET", &format!("k:{n:08}"), &value]);
        }
        client.send(&bytes).unwrap();
        for _ in begin..end {
            assert_eq!(client.read().unwrap().text(), "OK");
        }
    }
}

/// The end of a run, and the most memory that it used, kB.
fn peak(pair: &Pair, words: &[&str]) -> (Ran, u64) {
    let mut running = pair.operator.start(words);
    let file = format!("/proc/{}/status", running.pid());
    let mut most = 0;
    while !running.has_ended() {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let told = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let number = told.and_then(|t| t.trim().strip_suffix(" kB"));
        most = number.and_then(|n| n.parse().ok()).unwrap_or(0).max(most);
        std::thread::sleep(Duration::from_millis(2));
    }
    let ran = running.wait(Duration::from_mins(5)).ok();
    let what = words.join(" ");
    figure(&format!(
        "{} MB of stream: `{what}` had {} kB at most and took {:.1} s",
        megabytes(),
        most,
        ran.took.as_secs_f64()
    ));
    assert!(most > 1_000, "it was not seen: {what}");
    assert!(most < MOST_KB, "{what}: {most} kB");
    (ran, most)
}

#[test]
fn memory_does_not_grow_with_the_stream() {
    let Some(family) = Family::debian() else {
        return;
    };
    let pair = Pair::start(family, &["repl-backlog-size 2gb", "save \"\""]);
    pair.part();
    let writes = megabytes() * 1_000_000 / ONE;
    write(&mut pair.master.client(), 0, writes);
    // Of the new primary's writes only two are of the same keys.
    write(&mut pair.slave.client(), writes - 2, 100_000);
    let folder = pair.folder.path().to_owned();
    let (ran, _) = peak(&pair, &["lost", "master"]);
    let told = format!("has {writes} commands that `slave1` has not");
    assert!(ran.stdout.contains(&told), "{ran}");
    let told = format!("{writes} keys.");
    assert!(ran.stdout.contains(&told), "{ran}");
    assert!(ran.stdout.contains("in conflict:    2\n"), "{ran}");
    let file = folder.join("rescued");
    peak(
        &pair,
        &["lost", "master", "--output", file.to_str().unwrap()],
    );
    let lines = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        text.matches("SET\r\n").count() as u64
    };
    assert_eq!(
        (lines("rescued"), lines("rescued.conflicts")),
        (writes - 2, 2)
    );
    let backup = folder.join("backup");
    let place = backup.to_str().unwrap();
    peak(&pair, &["rejoin", "master", "--backup-dir", place, "--yes"]);
    await_that("the new primary's data", Duration::from_mins(1), || {
        let all = pair.master.client().command(&["DBSIZE"]).text();
        all == pair.slave.client().command(&["DBSIZE"]).text()
    });
    let made = std::fs::read_dir(&backup).unwrap().next().unwrap().unwrap();
    let made = made.path();
    let (ran, _) = peak(
        &pair,
        &["lost", "master", "--backup", made.to_str().unwrap()],
    );
    let told = format!("safe to replay: {} ", writes - 2);
    assert!(ran.stdout.contains(&told), "{ran}");
}
