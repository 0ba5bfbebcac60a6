//! Refusals of `sentinel setup`, and the state of hosts on which it fails.

use crate::sentinel_setup::group::Group;
use crate::sentinel_setup::{NOTHING, SET_UP};
use crate::support::process::run;
use crate::support::{await_that, figure};
use std::net::SocketAddr;
use std::net::TcpListener;
use std::time::Duration;

#[test]
fn a_host_that_fails_is_put_back_and_the_others_stay() {
    let Some(group) = Group::new(None) else {
        return;
    };
    // A directory where the third one's log belongs: its program ends at once.
    let log = group
        .folder(2)
        .join(format!("logs/sentinel_{}.log", group.ports[2]));
    std::fs::create_dir_all(&log).unwrap();
    let ran = group
        .bench
        .run(&SET_UP)
        .code(5)
        .says("`sentinel@slave2` failed and was put back as it was")
        .says("the other nodes stay as they are now")
        .says("replctl sentinel setup");
    assert_eq!(ran.stderr.matches("error:").count(), 1, "{ran}");
    assert!(group.connect(2).is_none());
    assert!(!group.file(2).exists(), "its file was left");
    for n in 0..2 {
        await_that("the others to watch", Duration::from_secs(10), || {
            group.field(n, "num-other-sentinels") == "1"
        });
    }
    group.bench.in_sync(0);
    // What was wrong is mended: the rest is done.
    std::fs::remove_dir(&log).unwrap();
    group.bench.run(&SET_UP).ok();
    group.assert_watched(0);
    group.bench.run(&SET_UP).ok().says(NOTHING);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_touched() {
    let Some(mut group) = Group::new(None) else {
        return;
    };
    // Somebody's port.
    let holder = TcpListener::bind(("127.0.0.1", group.ports[1])).unwrap();
    group.bench.run(&SET_UP).code(3).says(&format!(
        "port {} of the host of `sentinel@slave1` is taken",
        group.ports[1]
    ));
    drop(holder);
    // A host that cannot be reached.
    let third = format!(
        "{{ address = \"127.0.0.1:{}\", ssh = \":1\" }}",
        group.ports[2]
    );
    let named = |group: &Group, n: usize| {
        format!(
            "\"{}:{}\"",
            crate::sentinel_setup::bench::NAMES[n],
            group.ports[n]
        )
    };
    let entries = [named(&group, 0), named(&group, 1), third];
    group.name(&entries);
    group
        .bench
        .run(&SET_UP)
        .code(3)
        .says("cannot look at the host of `sentinel@127.0.0.1`");
    // A place in the file.
    group.name(&["\"mastr:26379:1\"".to_owned()]);
    let ran = group.bench.run(&SET_UP).code(2).says("inventory.toml:");
    assert!(ran.stderr.contains("`nodes` in `[sentinel]`"), "{ran}");
    // No nodes at all.
    group.name(&[]);
    group.bench.run(&SET_UP).code(2).says("names no Sentinels");
    // Two primaries.
    let entries: Vec<String> = (0..3).map(|n| named(&group, n)).collect();
    group.name(&entries);
    let mut stray = group.bench.client(1);
    assert_eq!(stray.command(&["REPLICAOF", "NO", "ONE"]).text(), "OK");
    group
        .bench
        .run(&SET_UP)
        .code(3)
        .says("are primaries")
        .says("replctl status");
    for n in 0..3 {
        assert!(!group.folder(n).exists(), "something was made");
    }
}

#[test]
fn too_few_are_set_up_with_a_word_about_it() {
    let Some(mut group) = Group::new(None) else {
        return;
    };
    let two: Vec<String> = (0..2)
        .map(|n| {
            format!(
                "\"{}:{}\"",
                crate::sentinel_setup::bench::NAMES[n],
                group.ports[n]
            )
        })
        .collect();
    group.name(&two);
    group
        .bench
        .run(&SET_UP)
        .ok()
        .says("two Sentinels cannot outvote a failure");
    group
        .bench
        .run(&SET_UP)
        .ok()
        .says("but what the warnings say");
    // A third one joins them, and the quorum stays a majority.
    let three: Vec<String> = (0..3)
        .map(|n| {
            format!(
                "\"{}:{}\"",
                crate::sentinel_setup::bench::NAMES[n],
                group.ports[n]
            )
        })
        .collect();
    group.name(&three);
    group.bench.run(&SET_UP).ok();
    group.assert_watched(0);
}

#[test]
fn a_replica_of_a_replica_is_moved_and_promoted_in_one() {
    let group = Group::with(None, |bench| {
        bench.text.node_mut("slave2").replicaof = Some("slave1".to_owned());
    });
    let Some(group) = group else { return };
    let bench = &group.bench;
    bench
        .run(&SET_UP)
        .ok()
        .says("`slave2` replicates from `slave1`");
    bench
        .run(&["promote", "slave2", "--dry-run"])
        .ok()
        .says("it is moved under `master` first")
        .says("move slave2 under master");
    // Killed on its way, and gone on with.
    let writer = group.writer();
    for line in [6, 11] {
        let ran = run(
            bench
                .operator
                .command(&["promote", "slave2", "--yes", "--abandon-unfinished"])
                .env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string()),
            Duration::from_mins(1),
        );
        assert_eq!(ran.signal, Some(libc::SIGKILL), "{line}: {ran}");
    }
    bench.run(&["resume", "--yes"]).ok();
    group.assert_watched(2);
    let tally = writer.stop();
    bench.in_sync(2);
    tally.nothing_lost(SocketAddr::from(([127, 0, 0, 1], bench.port(2))));
}

#[test]
fn killed_at_journal_lines_and_resumed() {
    let Some(group) = Group::new(None) else {
        return;
    };
    let mut deaths = 0;
    for line in (1..).step_by(7) {
        let mut command = group.bench.operator.command(&SET_UP);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = run(&mut command, Duration::from_mins(1));
        if ran.code == Some(0) {
            break;
        }
        assert_eq!(
            ran.signal,
            Some(libc::SIGKILL),
            "it failed at line {line}: {ran}"
        );
        deaths += 1;
        if deaths % 2 == 0 {
            group.bench.run(&["resume", "--yes"]).ok();
        } else {
            group.bench.run(&SET_UP).ok();
        }
        group.assert_watched(0);
        group.bench.run(&SET_UP).ok().says(NOTHING);
        strip(&group);
    }
    assert!(deaths > 3, "only {deaths} deaths");
    figure(&format!(
        "sentinel setup: killed at {deaths} journal lines and gone on with"
    ));
}

/// Ends the Sentinels and removes all of them.
fn strip(group: &Group) {
    for n in 0..group.ports.len() {
        crate::support::process::signal(group.pid(n), libc::SIGKILL);
        await_that("the Sentinel's end", Duration::from_secs(5), || {
            group.connect(n).is_none()
        });
        std::fs::remove_dir_all(group.folder(n)).unwrap();
    }
}
