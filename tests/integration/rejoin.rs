//! The return of an old primary on real servers of every family. Its divergence is in the backup,
//! up to the last acknowledged write, and it becomes a replica in sync. Nothing unique is
//! discarded, wherever replctl dies.

#![allow(clippy::unwrap_used)]

use crate::support::rotation::each_family;
use crate::support::server::{Family, LocalServer};
use crate::support::trio::{NAMES, Trio};
use crate::support::writer::{Load, Style, Writer};
use crate::support::{Replctl, await_that, figure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const BACKLOG: &str = "repl-backlog-size 64mb";

/// The backups that are whole, the oldest first.
fn backups(operator: &Replctl<'_>) -> Vec<PathBuf> {
    let base = operator.home().join(".local/state/replctl/orders/backup");
    let entries = std::fs::read_dir(base).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    folders.sort();
    folders
}

fn manifest(folder: &Path) -> Value {
    let text = std::fs::read(folder.join("manifest.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Asserts that no other user can read the backup, and that every file matches the manifest.
fn is_whole(folder: &Path) -> Value {
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    let manifest = manifest(folder);
    assert_eq!(manifest["format"], 1);
    let mut named = BTreeSet::from(["manifest.json".to_owned()]);
    for file in manifest["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let hash = Sha256::digest(&bytes)
            .iter()
            .fold(String::new(), |mut out, b| {
                let _ = write!(out, "{b:02x}");
                out
            });
        assert_eq!(file["bytes"], bytes.len());
        assert_eq!(file["sha256"], hash);
        named.insert(name.to_owned());
    }
    let there = std::fs::read_dir(folder).unwrap().flatten();
    let there: BTreeSet<String> = there
        .inspect(|e| assert_eq!(mode(&e.path()), 0o600))
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    assert_eq!(there, named);
    manifest
}

/// Makes two primaries: the old one does not know that it was replaced.
fn part(trio: &Trio, operator: &Replctl<'_>) {
    trio.servers[0].pause();
    operator
        .run(&[
            "promote",
            "slave1",
            "--yes",
            "--accept-split-brain",
            // The other replica may have heard a little more.
            "--allow-data-loss",
        ])
        .ok();
    trio.servers[0].resume();
    await_that("the old primary to thaw", Duration::from_secs(10), || {
        trio.role(0) == "master"
    });
}

fn pipe(file: &Path, port: u16) {
    let mut client = Command::new("redis-cli");
    client
        .args(["-p", &port.to_string(), "--pipe"])
        .stdin(std::fs::File::open(file).unwrap());
    let output = client.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("errors: 0"), "{said}");
}

#[test]
fn under_load_the_backup_has_every_write_that_only_the_old_primary_acknowledged() {
    each_family(|n, family| {
        // Both ways in which a server sends its dump.
        let diskless = if n % 2 == 0 { "yes" } else { "no" };
        let diskless = format!("repl-diskless-sync {diskless}");
        let trio = Trio::start(family, &[BACKLOG, &diskless]);
        let operator = trio.operator();
        let mut load = Load::plain(&[trio.servers[0].port]);
        load.styles.push(Style::Transaction);
        // They wait for the frozen primary, as clients do that know no other.
        load.patience = Duration::from_secs(40);
        load.per_second = Some(1_000);
        let writer = Writer::start(load);
        writer.await_more(1_000, Duration::from_secs(20));
        part(&trio, &operator);
        writer.await_more(2_000, Duration::from_secs(20));
        operator
            .run(&["status", "--no-ssh"])
            .code(4)
            .says("hint: replctl rejoin master");
        let ran = operator
            .run(&["rejoin", "master", "--dry-run"])
            .ok()
            .says("safe to replay on `slave1`")
            .says("that only `master` has (backed up first)");
        assert!(!ran.stdout.is_empty() && trio.role(0) == "master");
        assert!(backups(&operator).is_empty(), "a dry run");
        // The clients go on writing while it returns.
        let ran = operator
            .run(&["rejoin", "master", "--yes"])
            .ok()
            .says("master is a replica again")
            .says("in sync with slave1 by a full resync");
        let tally = writer.stop();
        trio.assert_primary(1);
        operator.run(&["status", "--no-ssh"]).ok();
        let folders = backups(&operator);
        assert_eq!(folders.len(), 1);
        let manifest = is_whole(&folders[0]);
        assert_eq!(manifest["files"][2]["dump"]["checksum"], true);
        let lost: BTreeSet<String> = tally.lost(trio.servers[1].address()).into_iter().collect();
        assert!(lost.len() >= 2_000);
        let loaded = family.start_with(&folders[0].join("dump.rdb"));
        tally.nothing_lost(loaded.address());
        let only = &manifest["only_there"]["commands"];
        assert_eq!(only["safe"], only["commands"], "nothing else was written");
        pipe(&folders[0].join("lost.resp"), trio.servers[1].port);
        tally.nothing_lost(trio.servers[1].address());
        await_that("the replayed writes", Duration::from_secs(10), || {
            tally.lost(trio.servers[0].address()).is_empty()
        });
        figure(&format!(
            "rejoin, {} ({diskless}): {} acknowledged writes, {} of them only on the old primary, all in the backup; {} commands replayed, 0 lost; {:.1} s",
            family.name,
            tally.acknowledged(),
            lost.len(),
            only["commands"],
            ran.took.as_secs_f64()
        ));
    });
}

#[test]
fn where_nothing_diverged_no_backup_is_made() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[BACKLOG]);
        let operator = trio.operator();
        let before = trio.servers[1].client().info("stats")["sync_full"].clone();
        part(&trio, &operator);
        operator
            .run(&["rejoin", "master", "--yes"])
            .ok()
            .says("`slave1` has all that `master` has")
            .says("no backup is needed")
            .says("by a partial resync");
        assert!(backups(&operator).is_empty());
        trio.assert_primary(1);
        assert_eq!(trio.servers[1].client().info("stats")["sync_full"], before);
        operator.run(&["status", "--no-ssh"]).ok();
        operator
            .run(&["rejoin", "master", "--yes"])
            .ok()
            .says("Nothing to do");
    });
}

#[test]
fn a_history_that_cannot_be_compared_is_backed_up_whole() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[]);
        let operator = trio.operator();
        // Begun anew, with keys of its own in two databases.
        let mut own = trio.servers[2].client();
        own.command(&["REPLICAOF", "NO", "ONE"]);
        own.command(&["CONFIG", "SET", "repl-backlog-ttl", "1"]);
        await_that(
            "the history to be forgotten",
            Duration::from_secs(20),
            || trio.servers[2].client().info("replication")["repl_backlog_active"] == "0",
        );
        own.command(&["SET", "own", "1"]);
        own.command(&["SELECT", "7"]);
        own.command(&["SET", "seven", "7"]);
        operator
            .run(&["rejoin", "slave2", "--yes"])
            .code(3)
            .says("`master` holds no key, and `slave2` 2");
        trio.servers[0].client().command(&["SET", "right", "1"]);
        operator
            .run(&["rejoin", "slave2", "--yes"])
            .ok()
            .says("what only `slave2` has cannot be listed")
            .says("discarded: what only `slave2` has among its 2 keys (backed up first)");
        trio.assert_primary(0);
        let folders = backups(&operator);
        let manifest = is_whole(&folders[0]);
        assert!(manifest["only_there"]["unknown"]["why"].is_string());
        assert_eq!(manifest["node"]["server"]["keys"], 2);
        let loaded = family.start_with(&folders[0].join("dump.rdb"));
        let mut client = loaded.client();
        assert_eq!(client.command(&["GET", "own"]).text(), "1");
        client.command(&["SELECT", "7"]);
        assert_eq!(client.command(&["GET", "seven"]).text(), "7");
        assert_eq!(own.command(&["EXISTS", "seven"]).text(), "0");
    });
}

#[test]
fn nothing_is_discarded_where_the_backup_fails_unless_that_is_asked_for() {
    let Some(family) = Family::debian() else {
        return;
    };
    // It gives nobody its data.
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    part(&trio, &operator);
    let mut old = trio.servers[0].client();
    old.command(&["SET", "own", "1"]);
    old.command(&["ACL", "SETUSER", "default", "-psync", "-sync"]);
    operator
        .run(&["rejoin", "master", "--yes"])
        .code(3)
        .says("may not run PSYNC on `master`")
        .says("replctl rejoin master --discard-data master");
    assert_eq!(trio.role(0), "master");
    assert_eq!(
        old.command(&["SET", "own", "2"]).text(),
        "OK",
        "no fence is left"
    );
    assert!(backups(&operator).is_empty());
    // A folder that cannot be made.
    let file = operator.home().join("file");
    std::fs::write(&file, "").unwrap();
    old.command(&["ACL", "SETUSER", "default", "+psync", "+sync"]);
    operator
        .run(&["rejoin", "master", "--yes", "--backup-dir", "file/below"])
        .code(1)
        .says("cannot be written");
    assert_eq!(old.command(&["GET", "own"]).text(), "2");
    operator
        .run(&["rejoin", "master", "--discard-data", "slave1", "--yes"])
        .code(2);
    operator
        .run(&["rejoin", "master", "--discard-data", "master", "--yes"])
        .ok()
        .says("2 commands that only `master` has (WITHOUT a backup)");
    trio.assert_primary(1);
    assert!(backups(&operator).is_empty());
    operator.run(&["status", "--no-ssh"]).ok();
}

#[test]
fn it_asks_and_refuses_what_would_be_the_wrong_way_round() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    let refused = |arguments: &[&str]| operator.run(arguments).code(3);
    refused(&["rejoin", "master", "--yes"]).says("is the only primary");
    operator
        .run(&["rejoin", "slave2", "--yes"])
        .ok()
        .says("Nothing to do");
    operator.run(&["rejoin", "nobody"]).code(2);
    part(&trio, &operator);
    let mut old = trio.servers[0].client();
    old.command(&["SET", "own", "1"]);
    refused(&["rejoin", "slave1", "--yes"]).says("took over from `master`");
    refused(&["rejoin", "master"]).says("--yes");
    refused(&["rejoin", "master", "--under", "slave2", "--yes"]).says("no other primary");
    refused(&["promote", "slave1", "--yes"]).says("replctl rejoin master --under slave1");
    let mut terminal = operator.terminal(20, &["rejoin", "master"]);
    terminal
        .exp_string("Discard 1 command that only `master` has (backed up first)?")
        .unwrap();
    terminal.send_line("n").unwrap();
    terminal.exp_string("not confirmed").unwrap();
    terminal.exp_eof().unwrap();
    assert_eq!(old.command(&["GET", "own"]).text(), "1");
    assert!(backups(&operator).is_empty());
    // The other way round, where it is named: what slave1 has is replaced.
    operator
        .run(&["rejoin", "slave1", "--under", "master", "--yes"])
        .ok();
    assert_eq!(trio.role(1), "slave");
    operator
        .run(&["rejoin", "slave2", "--yes"])
        .ok()
        .says("Nothing to do");
}

/// Writes between two deaths exist nowhere else: each must be on the primary or in a backup.
fn somewhere(family: &Family, operator: &Replctl<'_>, key: &str, primary: &LocalServer) -> bool {
    if primary.client().command(&["EXISTS", key]).text() == "1" {
        return true;
    }
    let dumps = backups(operator).into_iter().rev();
    dumps
        .filter(|f| f.join("manifest.json").exists())
        .any(|folder| {
            let loaded = family.start_with(&folder.join("dump.rdb"));
            loaded.client().command(&["EXISTS", key]).text() == "1"
        })
}

#[test]
fn killed_at_every_journal_line_and_resumed() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    // Each in turn is the one that takes over.
    let (mut old, mut new) = (0, 1);
    let mut deaths = 0;
    for line in 1.. {
        assert_eq!(
            trio.servers[new]
                .client()
                .command(&["REPLICAOF", "NO", "ONE"])
                .text(),
            "OK"
        );
        let mut client = trio.servers[old].client();
        let keys = [format!("before-{line}"), format!("meanwhile-{line}")];
        client.command(&["SET", &keys[0], "1"]);
        let mut command = operator.command(&["rejoin", NAMES[old], "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = crate::support::process::run(&mut command, Duration::from_mins(1));
        let ended = ran.code == Some(0);
        assert!(ended || ran.code.is_none(), "line {line}: {}", ran.stderr);
        if !ended {
            deaths += 1;
            // A client that comes in between, where the fence does not hold it.
            client.command(&["CLIENT", "UNPAUSE"]);
            let wrote = client.command(&["SET", &keys[1], "1"]).text() == "OK";
            operator.run(&["resume", "--yes"]).ok();
            if wrote {
                let kept = somewhere(family, &operator, &keys[1], &trio.servers[new]);
                assert!(kept, "{} is lost, died at line {line}", keys[1]);
            }
        }
        let kept = somewhere(family, &operator, &keys[0], &trio.servers[new]);
        assert!(kept, "{} is lost, died at line {line}", keys[0]);
        await_that("it to be a replica", Duration::from_secs(10), || {
            let info = trio.servers[old].client().info("replication");
            info["role"] == "slave"
                && info["master_port"] == trio.servers[new].port.to_string()
                && info["master_link_status"] == "up"
        });
        operator.run(&["resume"]).ok().says("Nothing to do");
        if ended {
            break;
        }
        (old, new) = (new, old);
    }
    assert!(deaths > 10, "only {deaths} lines");
    figure(&format!(
        "rejoin: killed at each of {deaths} journal lines and resumed, every write on the primary or in a backup"
    ));
}
