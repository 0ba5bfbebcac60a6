//! `sentinel forget`: no Sentinel knows removed nodes any more, and all know the others.

use crate::sentinel_setup::group::Group;
use crate::sentinel_setup::{NOTHING, SET_UP};
use crate::support::process::{run, signal};
use crate::support::{await_that, figure};
use std::time::{Duration, Instant};

/// Stops the server of a node permanently.
fn stop(group: &Group, node: usize) {
    let mut client = group.bench.client(node);
    client.try_command(&["SHUTDOWN", "NOSAVE"]).ok();
    await_that("the server's end", Duration::from_secs(5), || {
        !group.bench.answers(node)
    });
}

/// The number of known items by a field, for each Sentinel.
fn known(group: &Group, field: &str) -> Vec<String> {
    let live = (0..group.ports.len()).filter(|n| group.connect(*n).is_some());
    live.map(|n| group.field(n, field)).collect()
}

#[test]
fn a_node_that_left_is_forgotten_by_all_one_after_the_other() {
    let Some(group) = Group::new(None) else {
        return;
    };
    let bench = &group.bench;
    bench.run(&SET_UP).ok();
    // While it is there, nobody is made to forget it.
    bench
        .run(&["sentinel", "forget", "slave2", "--yes"])
        .code(3)
        .says("`slave2` still replicates from `master`");
    bench
        .run(&["sentinel", "forget", "master", "--yes"])
        .code(3)
        .says("`master` is the primary");
    stop(&group, 2);
    await_that("its death to be seen", Duration::from_secs(20), || {
        bench
            .run(&["sentinel", "status"])
            .stdout
            .contains("(+1 gone)")
    });
    let dry = bench
        .run(&["sentinel", "forget", "slave2", "--dry-run"])
        .ok();
    assert_eq!(dry.stdout.matches("SENTINEL RESET").count(), 3, "{dry}");
    assert_eq!(known(&group, "num-slaves"), ["2", "2", "2"]);

    let begun = Instant::now();
    bench
        .run(&["sentinel", "forget", "slave2", "--yes"])
        .ok()
        .says("have forgotten slave2")
        .says("1 replicas and 2 other Sentinels");
    figure(&format!(
        "sentinel forget with three Sentinels: {:?}",
        begun.elapsed()
    ));
    assert_eq!(known(&group, "num-slaves"), ["1", "1", "1"]);
    assert_eq!(known(&group, "num-other-sentinels"), ["2", "2", "2"]);
    bench
        .run(&["sentinel", "forget", "slave2", "--yes"])
        .ok()
        .says(NOTHING);
    // What comes back is found again, and they can still change the primary.
    bench.run(&["setup", "--yes"]).ok();
    await_that("it to be known again", Duration::from_secs(30), || {
        known(&group, "num-slaves") == ["2", "2", "2"]
    });
    group.run(&["promote", "slave2", "--yes"]).ok();
    group.assert_watched(2);
}

#[test]
fn a_sentinel_that_left_counts_no_more() {
    let Some(group) = Group::new(None) else {
        return;
    };
    let bench = &group.bench;
    bench.run(&SET_UP).ok();
    let lost = format!("127.0.0.1:{}", group.ports[2]);
    bench
        .run(&["sentinel", "forget", &lost, "--yes"])
        .code(3)
        .says("still answers");
    signal(group.pid(2), libc::SIGKILL);
    await_that("its death to be seen", Duration::from_secs(20), || {
        let ran = bench.run(&["sentinel", "status"]);
        ran.stdout.matches("hears nothing from").count() == 2
    });
    bench
        .run(&["sentinel", "status"])
        .code(4)
        .says(&format!("replctl sentinel forget {lost}"));
    bench.run(&["sentinel", "reset", &lost, "--yes"]).ok();
    assert_eq!(known(&group, "num-other-sentinels"), ["1", "1"]);
    assert_eq!(known(&group, "num-slaves"), ["2", "2"]);
}

#[test]
fn killed_between_two_and_resumed() {
    let Some(group) = Group::new(None) else {
        return;
    };
    let bench = &group.bench;
    bench.run(&SET_UP).ok();
    stop(&group, 2);
    // Its plan, three Sentinels of two steps with a line before and after each: it dies with the
    // second one told.
    let mut command = bench
        .operator
        .command(&["sentinel", "forget", "slave2", "--yes"]);
    command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", "6");
    let ran = run(&mut command, Duration::from_mins(1));
    assert_eq!(ran.signal, Some(libc::SIGKILL), "{ran}");
    bench
        .run(&["rollback", "--yes"])
        .code(3)
        .says("replctl resume");
    bench.run(&["resume", "--yes"]).ok();
    assert_eq!(known(&group, "num-slaves"), ["1", "1", "1"]);
    assert_eq!(known(&group, "num-other-sentinels"), ["2", "2", "2"]);
}

#[test]
fn a_node_that_is_removed_is_forgotten_after_it_was_stopped() {
    let Some(mut group) = Group::new(None) else {
        return;
    };
    let ran = group.bench.run(&["remove", "slave2", "--yes"]).code(3);
    ran.says("a Sentinel that the inventory names runs on the host of `slave2`");
    // By their addresses, they are nobody's.
    let hosts = group.bench.sshds.hosts().iter().zip(&group.ports);
    let entries: Vec<String> = hosts
        .map(|(host, port)| {
            let ssh = host.port;
            format!("{{ address = \"127.0.0.1:{port}\", ssh = \":{ssh}\" }}")
        })
        .collect();
    group.name(&entries);
    let bench = &group.bench;
    bench.run(&SET_UP).ok();
    let dry = bench.run(&["remove", "slave2", "--dry-run"]).ok();
    assert_eq!(dry.stdout.matches("SENTINEL RESET").count(), 3, "{dry}");
    let order = [
        "stop the server",
        "lists slave2",
        "out of",
        "SENTINEL RESET",
    ];
    let places: Vec<usize> = order.iter().map(|w| dry.stdout.find(w).unwrap()).collect();
    assert!(places.is_sorted(), "{dry}");
    let begun = Instant::now();
    let ran = group.run(&["remove", "slave2", "--yes"]).ok();
    ran.says("Sentinels have forgotten it");
    figure(&format!(
        "remove with three Sentinels: {:?}",
        begun.elapsed()
    ));
    assert_eq!(known(&group, "num-slaves"), ["1", "1", "1"]);
    assert_eq!(known(&group, "num-other-sentinels"), ["2", "2", "2"]);
    bench.run(&["sentinel", "status"]).ok();
}
