//! `sentinel setup` over real sshds of this machine: from nodes without Sentinels to three that
//! watch, again, and after changes. Refusals and failures are in `sentinel_setup/trouble.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::setup_sshd::bench;
mod forget;
pub mod group;
mod remove;
mod tls;
mod trouble;

use crate::support::server::{Family, families};
use crate::support::{await_that, figure};
use bench::{PASSWORD, listing, mode};
use group::Group;
use std::net::SocketAddr;
use std::time::Duration;

const NOTHING: &str = "Nothing to do";
const SET_UP: [&str; 3] = ["sentinel", "setup", "--yes"];

#[test]
fn three_sentinels_come_to_watch_and_act_by_themselves() {
    let Some(group) = Group::new(None) else {
        return;
    };
    let bench = &group.bench;
    let before = listing(&bench.db());
    let dry = bench.run(&["sentinel", "setup", "--dry-run"]).ok();
    assert!(!dry.stdout.contains(PASSWORD), "{dry}");
    bench.run(&["sentinel", "setup"]).code(3).says("--yes");
    assert_eq!(listing(&bench.db()), before, "a dry run changed something");

    let first = bench
        .run(&SET_UP)
        .ok()
        .says("3 Sentinels watch `loop`")
        .says("its 2 replicas and 2 other Sentinels");
    assert!(!first.stdout.contains(PASSWORD) && !first.stderr.contains(PASSWORD));
    group.assert_watched(0);
    files_are_beside_those_of_the_servers(&group);
    let before = listing(&bench.db());
    let second = bench.run(&SET_UP).ok().says(NOTHING);
    assert_eq!(
        listing(&bench.db()),
        before,
        "a second run changed something"
    );
    bench
        .run(&["sentinel", "status"])
        .ok()
        .says("3 of 3 Sentinels answer");
    bench.run(&["setup", "--yes"]).ok().says(NOTHING);
    figure(&format!(
        "sentinel setup of three behind sshds: first {:?}, second {:?}",
        first.took, second.took
    ));

    a_planned_change_goes_through_them(&group);
    they_replace_a_dead_primary(&group);
}

/// Afterwards their settings are still those that setup wants.
fn a_planned_change_goes_through_them(group: &Group) {
    let bench = &group.bench;
    let writer = group.writer();
    let ran = bench
        .operator
        .run_within(Duration::from_mins(1), &["promote", "slave1", "--yes"])
        .ok();
    assert!(
        ran.stdout.contains("no acknowledged write is lost"),
        "{ran}"
    );
    group.assert_watched(1);
    bench.run(&SET_UP).ok().says(NOTHING);
    let tally = writer.stop();
    bench.in_sync(1);
    tally.nothing_lost(SocketAddr::from(([127, 0, 0, 1], bench.port(1))));
}

/// The primary dies, and they replace it by themselves.
fn they_replace_a_dead_primary(group: &Group) {
    let bench = &group.bench;
    let pid: i32 = bench.client(1).info("server")["process_id"]
        .parse()
        .unwrap();
    crate::support::process::signal(pid, libc::SIGKILL);
    let chosen = group.await_other(1);
    await_that("status to show it", Duration::from_secs(10), || {
        let ran = bench.run(&["status"]).code(4).says("slave1");
        ran.stdout.contains("3 Sentinels watch")
            && ran
                .stdout
                .contains(&format!("primary {}", bench::NAMES[chosen]))
    });
    let said = bench.run(&["sentinel", "status"]);
    assert!(
        said.stdout
            .contains(&format!("{} (127.0.0.1:", bench::NAMES[chosen])),
        "{said}"
    );
    // Back again it is a replica, and the group is whole.
    bench.run(&["setup", "--yes"]).ok();
    bench.in_sync(chosen);
    await_that("the Sentinels to be well", Duration::from_secs(30), || {
        bench.run(&["sentinel", "status"]).code == Some(0)
    });
    bench.run(&SET_UP).ok().says(NOTHING);
}

/// The paths, the access rights and the content of the files.
fn files_are_beside_those_of_the_servers(group: &Group) {
    for (n, port) in group.ports.iter().enumerate() {
        assert_eq!(mode(&group.file(n)), 0o600);
        assert_eq!(mode(&group.folder(n)), 0o750);
        let text = std::fs::read_to_string(group.file(n)).unwrap();
        let plain = text.replace('"', "");
        let folder = group.folder(n).display().to_string();
        for line in [
            "daemonize yes".to_owned(),
            format!("port {port}"),
            format!("dir {folder}"),
            format!("pidfile {folder}/pid/sentinel_{port}.pid"),
            format!("logfile {folder}/logs/sentinel_{port}.log"),
            "protected-mode yes".to_owned(),
            "sentinel announce-ip 127.0.0.1".to_owned(),
            format!("sentinel announce-port {port}"),
            format!("sentinel monitor loop 127.0.0.1 {} 2", group.bench.port(0)),
            format!("sentinel auth-pass loop {PASSWORD}"),
            "sentinel down-after-milliseconds loop 2000".to_owned(),
            "sentinel failover-timeout loop 20000".to_owned(),
        ] {
            assert!(
                plain.lines().any(|l| l.trim_end_matches('/') == line),
                "{n} lacks `{line}`:\n{text}"
            );
        }
        let command = std::fs::read_to_string(format!("/proc/{}/cmdline", group.pid(n))).unwrap();
        assert!(!command.contains(PASSWORD), "{command}");
    }
}

#[test]
fn every_family_can_be_the_sentinel_too() {
    let one = |family: &Family| {
        let Some(group) = Group::new(Some(&family.server)) else {
            return;
        };
        let ran = group.bench.run(&SET_UP).ok();
        group.assert_watched(0);
        group.bench.run(&SET_UP).ok().says(NOTHING);
        group.bench.run(&["sentinel", "status"]).ok();
        figure(&format!(
            "sentinel setup of three with {}: {:?}",
            family.name, ran.took
        ));
    };
    let programs: Vec<_> = families().iter().filter(|f| f.is_one_file()).collect();
    assert!(programs.len() >= 2, "{programs:?}");
    // Few at a time: each has six servers.
    for some in programs.chunks(2) {
        std::thread::scope(|s| {
            for family in some {
                s.spawn(|| one(family));
            }
        });
    }
}

#[test]
fn changed_settings_are_told_to_those_that_run() {
    let Some(mut group) = Group::new(None) else {
        return;
    };
    group.bench.run(&SET_UP).ok();
    let pids: Vec<i32> = (0..3).map(|n| group.pid(n)).collect();
    group.lines = "quorum = 3\ndown-after-milliseconds = 2500\nfailover-timeout = 20000\nparallel-syncs = 2\n".to_owned();
    group.write();
    let ran = group.bench.run(&["sentinel", "setup", "--dry-run"]).ok();
    for set in [
        "set quorum 3",
        "set down-after-milliseconds 2500",
        "set parallel-syncs 2",
    ] {
        assert_eq!(ran.stdout.matches(set).count(), 3, "{ran}");
    }
    assert!(!ran.stdout.contains("failover-timeout"), "{ran}");
    assert_eq!(group.field(0, "quorum"), "2");
    group.bench.run(&SET_UP).ok().says("(quorum 3)");
    for n in 0..3 {
        let of = |name: &str| group.field(n, name);
        assert_eq!(of("quorum"), "3");
        assert_eq!(of("down-after-milliseconds"), "2500");
        assert_eq!(of("parallel-syncs"), "2");
        let text = std::fs::read_to_string(group.file(n)).unwrap();
        assert!(text.contains("down-after-milliseconds loop 2500"), "{text}");
        assert_eq!(mode(&group.file(n)), 0o600);
    }
    group.bench.run(&SET_UP).ok().says(NOTHING);
    let after: Vec<i32> = (0..3).map(|n| group.pid(n)).collect();
    assert_eq!(after, pids, "a Sentinel was restarted");

    // What takes a restart is said, not done.
    group
        .lines
        .push_str("password = { env = \"OF_SENTINEL\" }\n");
    group.write();
    group.secret = Some("s3ntinel");
    let ran = group
        .run(&SET_UP)
        .ok()
        .says("its own")
        .says("but what the warnings say");
    assert!(!ran.stderr.contains("s3ntinel"), "{ran}");
}

#[test]
fn one_that_was_stopped_comes_back_as_who_it_was() {
    let Some(group) = Group::new(None) else {
        return;
    };
    group.bench.run(&SET_UP).ok();
    let who = group.ask(2, &["SENTINEL", "MYID"]).text();
    crate::support::process::signal(group.pid(2), libc::SIGKILL);
    await_that("the Sentinel's end", Duration::from_secs(5), || {
        group.connect(2).is_none()
    });
    // What it sleeps through, the others tell it.
    group.bench.run(&["sentinel", "status"]).code(4);
    let ran = group.bench.run(&["promote", "slave2", "--yes"]);
    ran.ok();
    let ran = group.bench.run(&SET_UP).ok().says("3 Sentinels watch");
    assert_eq!(ran.stderr.matches("start the Sentinel").count(), 2, "{ran}");
    assert_eq!(group.ask(2, &["SENTINEL", "MYID"]).text(), who);
    group.assert_watched(2);
    // One that was told to watch nothing is told anew, and not restarted.
    let pid = group.pid(0);
    assert_eq!(group.ask(0, &["SENTINEL", "REMOVE", "loop"]).text(), "OK");
    group.bench.run(&SET_UP).ok().says("3 Sentinels watch");
    group.assert_watched(2);
    assert_eq!(group.pid(0), pid);
    let text = std::fs::read_to_string(group.file(0)).unwrap();
    assert!(text.contains("down-after-milliseconds loop 2000"), "{text}");
}

#[test]
fn a_password_of_their_own_is_theirs_alone() {
    let Some(mut group) = Group::new(None) else {
        return;
    };
    group
        .lines
        .push_str("password = { env = \"OF_SENTINEL\" }\n");
    (group.secret, group.password) = (Some("s3ntinel"), Some("s3ntinel"));
    group.write();
    let ran = group.run(&["sentinel", "setup", "--yes", "--verbose"]).ok();
    assert!(
        !ran.stdout.contains("s3ntinel") && !ran.stderr.contains("s3ntinel"),
        "{ran}"
    );
    group.assert_watched(0);
    group.run(&SET_UP).ok().says(NOTHING);
    group.run(&["sentinel", "status"]).ok();
    let text = std::fs::read_to_string(group.file(1)).unwrap();
    assert!(text.contains("sentinel sentinel-pass s3ntinel"), "{text}");
    // Without it nobody is let in.
    group.password = None;
    let refused = group.ask(1, &["SENTINEL", "MASTERS"]);
    assert!(refused.text().contains("NOAUTH"), "{refused:?}");
    group.run(&["promote", "slave1", "--yes"]).ok();
    group.password = Some("s3ntinel");
    group.assert_watched(1);
}
