//! The return of a stopped old primary, on hosts behind real sshds of this machine: its file gets
//! the replica role before its start, and unique data on its disk is copied first.

#![allow(clippy::unwrap_used)]

use crate::setup_sshd::bench;

use crate::support::process::{living_in, run, signal};
use crate::support::server::Family;
use crate::support::{await_that, figure};
use bench::{Bench, PASSWORD};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

fn backups(bench: &Bench) -> Vec<PathBuf> {
    let base = bench.operator.home();
    let name = std::fs::read_dir(base.join(".local/state/replctl"));
    let state = name.unwrap().flatten().find(|e| e.path().is_dir()).unwrap();
    let entries = std::fs::read_dir(state.path().join("backup"));
    let mut folders: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    folders.sort();
    folders
}

fn stopped(bench: &Bench, n: usize) {
    await_that("the server's end", Duration::from_secs(10), || {
        living_in(&bench.db().join(bench.port(n).to_string())).is_empty()
    });
}

/// Makes a node a primary with its own key on its disk, and stops it.
fn strays(bench: &Bench, n: usize, key: &str) {
    let mut own = bench.client(n);
    assert_eq!(own.command(&["REPLICAOF", "NO", "ONE"]).text(), "OK");
    assert_eq!(own.command(&["SET", key, "1"]).text(), "OK");
    assert_eq!(own.command(&["SAVE"]).text(), "OK");
    let _ = own.try_command(&["SHUTDOWN", "NOSAVE"]);
    stopped(bench, n);
}

/// Whether the newest backup has the key.
fn holds(folder: &std::path::Path, key: &str) -> bool {
    let text = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&text).unwrap();
    assert!(manifest["up_to"].is_null());
    let files = manifest["files"].as_array().unwrap();
    let dump = files
        .iter()
        .map(|f| f["name"].as_str().unwrap())
        .find(|name| {
            std::path::Path::new(name)
                .extension()
                .is_some_and(|e| e == "rdb")
        })
        .unwrap();
    let loaded = Family::debian().unwrap().start_with(&folder.join(dump));
    loaded.client().command(&["EXISTS", key]).text() == "1"
}

#[test]
fn one_that_ended_in_order_returns_by_a_partial_resync_and_without_a_backup() {
    let Some(bench) = Bench::new(3) else { return };
    bench.run(&["setup", "--yes"]).ok();
    bench.client(0).command(&["SET", "before", "1"]);
    bench.in_sync(0);
    let _ = bench.client(0).try_command(&["SHUTDOWN", "SAVE"]);
    stopped(&bench, 0);
    bench.run(&["promote", "slave1", "--yes"]).ok();
    bench
        .run(&["status"])
        .code(4)
        .says("hint: replctl rejoin master");
    let before = bench.client(1).info("stats")["sync_full"].clone();
    bench
        .run(&["rejoin", "master", "--yes"])
        .ok()
        .says("its dump ends before `slave1` took over")
        .says("master is a replica again");
    bench.in_sync(1);
    assert_eq!(bench.client(1).info("stats")["sync_full"], before);
    assert!(backups(&bench).is_empty());
    bench.run(&["status"]).ok();
}

#[test]
fn what_only_the_disk_of_a_stopped_one_holds_is_copied_first() {
    let (Some(bench), Some(_)) = (Bench::new(3), Family::debian()) else {
        return;
    };
    bench.run(&["setup", "--yes"]).ok();
    bench.client(0).command(&["SET", "right", "1"]);
    bench.in_sync(0);
    strays(&bench, 2, "own");
    bench
        .run(&["rejoin", "slave2", "--dry-run"])
        .ok()
        .says("discarded: what only `slave2` has on its disk (backed up first)");
    let ran = bench
        .run(&["rejoin", "slave2", "--yes"])
        .ok()
        .says("their hashes compared");
    assert!(!ran.stdout.contains(PASSWORD) && !ran.stderr.contains(PASSWORD));
    bench.in_sync(0);
    let folders = backups(&bench);
    assert_eq!(folders.len(), 1);
    assert!(holds(&folders[0], "own"));
    let mut client = bench.client(2);
    assert_eq!(client.command(&["EXISTS", "own", "right"]).text(), "1");
    bench.run(&["status"]).ok();
    // Without a backup only where it is named.
    strays(&bench, 2, "again");
    let discard = ["rejoin", "slave2", "--discard-data", "slave2", "--yes"];
    bench
        .run(&discard)
        .ok()
        .says("what only `slave2` has on its disk (WITHOUT a backup)");
    bench.in_sync(0);
    assert_eq!(backups(&bench).len(), 1);
}

#[test]
fn a_frozen_process_is_not_stopped_unless_that_is_asked_for() {
    let Some(bench) = Bench::new(3) else { return };
    bench.run(&["setup", "--yes"]).ok();
    bench.client(0).command(&["SET", "right", "1"]);
    bench.in_sync(0);
    let mut own = bench.client(2);
    assert_eq!(own.command(&["REPLICAOF", "NO", "ONE"]).text(), "OK");
    assert_eq!(own.command(&["SET", "own", "1"]).text(), "OK");
    let pid = living_in(&bench.db().join(bench.port(2).to_string()))[0];
    signal(pid, libc::SIGSTOP);
    bench
        .run(&["rejoin", "slave2", "--yes"])
        .code(3)
        .says("cannot be backed up")
        .says("kill -CONT");
    signal(pid, libc::SIGCONT);
    // It runs again and took over by itself, as far as can be seen: the other has to be named.
    bench
        .run(&["rejoin", "slave2", "--yes"])
        .code(3)
        .says("took over from `master`");
    bench
        .run(&["rejoin", "slave2", "--under", "master", "--yes"])
        .ok()
        .says("its checksum compared")
        .says("read back from");
    bench.in_sync(0);
    assert_eq!(
        bench.client(2).command(&["REPLICAOF", "NO", "ONE"]).text(),
        "OK"
    );
    signal(pid, libc::SIGSTOP);
    bench
        .run(&["rejoin", "slave2", "--discard-data", "slave2", "--yes"])
        .ok()
        .says("in its memory and on its disk (WITHOUT a backup)");
    bench.in_sync(0);
    bench.run(&["status"]).ok();
}

#[test]
fn killed_at_every_journal_line_a_stopped_one_returns_all_the_same() {
    let (Some(bench), Some(_)) = (Bench::new(2), Family::debian()) else {
        return;
    };
    bench.run(&["setup", "--yes"]).ok();
    bench.client(0).command(&["SET", "right", "1"]);
    bench.in_sync(0);
    let mut deaths = 0;
    for line in 1.. {
        let key = format!("own-{line}");
        strays(&bench, 1, &key);
        let mut command = bench.operator.command(&["rejoin", "slave1", "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = run(&mut command, Duration::from_mins(1));
        if ran.code != Some(0) {
            assert_eq!(ran.signal, Some(libc::SIGKILL), "line {line}: {ran}");
            deaths += 1;
            bench.run(&["resume", "--yes"]).ok();
        }
        bench.in_sync(0);
        let folders = backups(&bench);
        assert!(holds(folders.last().unwrap(), &key), "line {line}");
        if ran.code == Some(0) {
            break;
        }
        // A backup's name has the second in it.
        std::thread::sleep(Duration::from_millis(1100));
    }
    assert!(deaths > 10, "only {deaths} lines");
    figure(&format!(
        "rejoin of a stopped node: killed at each of {deaths} journal lines and resumed, its keys in a backup each time"
    ));
}
