//! `sentinel remove`: the Sentinels end, the nodes stay, and on request nothing of the Sentinels is
//! left.

use crate::sentinel_setup::bench::{PASSWORD, listing};
use crate::sentinel_setup::group::Group;
use crate::sentinel_setup::{NOTHING, SET_UP};
use crate::support::await_that;
use crate::support::process::signal;
use crate::support::redis::Reply;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

const REMOVE: [&str; 3] = ["sentinel", "remove", "--yes"];

/// What is on the hosts besides the Sentinels.
fn of_nodes(group: &Group) -> BTreeMap<PathBuf, String> {
    let mut all = listing(&group.bench.db());
    all.retain(|path, _| (0..3).all(|n| !path.starts_with(group.folder(n))));
    all
}

/// How many Sentinels listen on the first node.
fn listening(group: &Group) -> i64 {
    let mut client = group.bench.client(0);
    let said = client.command(&["PUBSUB", "NUMSUB", "__sentinel__:hello"]);
    let Reply::Array(Some(parts)) = said else {
        panic!("{said:?}");
    };
    let Reply::Integer(count) = parts[1] else {
        panic!("{parts:?}");
    };
    count
}

#[test]
fn they_end_and_the_nodes_stay_as_they_are() {
    let Some(group) = Group::new(None) else {
        return;
    };
    let bench = &group.bench;
    bench.run(&SET_UP).ok();
    let (before, watched) = (of_nodes(&group), listing(&bench.db()));
    let dry = bench.run(&["sentinel", "remove", "--dry-run"]).ok();
    assert_eq!(dry.stdout.matches("stop the Sentinel").count(), 3, "{dry}");
    assert_eq!(listing(&bench.db()), watched, "a dry run changed something");
    group.assert_watched(0);

    // One is frozen: it cannot be told, and ends all the same.
    signal(group.pid(1), libc::SIGSTOP);
    bench
        .run(&REMOVE)
        .ok()
        .says("No Sentinel watches `loop` any more");
    for n in 0..3 {
        assert!(group.connect(n).is_none(), "Sentinel {n} runs");
        assert!(group.file(n).exists());
    }
    assert_eq!(listening(&group), 0);
    assert_eq!(of_nodes(&group), before, "a node was touched");
    bench.in_sync(0);
    bench.run(&["status"]).ok();
    bench.run(&REMOVE).ok().says(NOTHING);

    // Their files say whom they were; so they come back as those.
    bench.run(&["promote", "slave1", "--yes"]).ok();
    bench
        .run(&SET_UP)
        .code(3)
        .says("its file")
        .says("says that 127.0.0.1");
    std::fs::remove_file(group.file(1)).unwrap();
    bench.run(&SET_UP).ok();
    group.assert_watched(1);

    let ran = bench.run(&["sentinel", "remove", "--purge", "--yes"]).ok();
    for n in 0..3 {
        assert!(!group.folder(n).exists(), "{n} has something left; {ran}");
    }
    assert!(
        bench
            .db()
            .join(format!("server/current-{}/redis-server", bench.port(0)))
            .exists()
    );
    bench.in_sync(1);
    let again = ["sentinel", "remove", "--purge", "--yes"];
    bench.run(&again).ok().says(NOTHING);
    // And from nothing again.
    bench.run(&SET_UP).ok();
    group.assert_watched(1);
}

#[test]
fn one_that_watches_others_too_only_leaves_this_deployment() {
    let Some(group) = Group::new(None) else {
        return;
    };
    let bench = &group.bench;
    bench.run(&SET_UP).ok();
    let other = bench.port(0).to_string();
    let said = group.ask(
        0,
        &["SENTINEL", "MONITOR", "other", "127.0.0.1", &other, "1"],
    );
    assert_eq!(said.text(), "OK");
    let said = group.ask(0, &["SENTINEL", "SET", "other", "auth-pass", PASSWORD]);
    assert_eq!(said.text(), "OK");
    await_that("its second ear", Duration::from_secs(10), || {
        listening(&group) == 4
    });
    let pid = group.pid(0);
    let dry = bench
        .run(&["sentinel", "remove", "--purge", "--dry-run"])
        .ok();
    assert_eq!(dry.stdout.matches("stop the Sentinel").count(), 2, "{dry}");
    // It listens on the nodes still, for the other name.
    bench
        .run(&REMOVE)
        .ok()
        .says("1 other Sentinel still watches `loop`");
    assert_eq!(listening(&group), 1);
    assert_eq!(group.pid(0), pid);
    let said = group.ask(0, &["SENTINEL", "CKQUORUM", "other"]).text();
    assert!(said.starts_with("OK"), "{said}");
    assert_eq!(group.field(0, "name"), "");
    assert!(group.connect(1).is_none() && group.connect(2).is_none());
}
