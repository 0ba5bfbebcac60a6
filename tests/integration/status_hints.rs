//! Problems of servers that all answer: each is named, and its pasted hint repairs it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::support::deployed::PASSWORD;
use crate::support::{Deployed, Flavour, Lab, await_that};
use std::time::Duration;

#[test]
fn each_hint_pasted_puts_it_right() {
    let Some(lab) = Lab::of_three(Flavour::Light) else {
        return;
    };
    let deployed = Deployed::set_up(&lab);
    writable_and_never_promoted(&deployed);
    a_replica_of_a_replica(&deployed);
    a_circle(&deployed);
    a_wrong_masterauth(&deployed);
    a_file_that_cannot_be_written(&deployed);
    one_that_loads(&deployed);
}

fn writable_and_never_promoted(deployed: &Deployed<'_>) {
    deployed.ask("slave1", &["CONFIG", "SET", "replica-read-only", "no"]);
    deployed.ask("slave2", &["CONFIG", "SET", "replica-priority", "0"]);
    deployed
        .status("writable, and priority 0", 4)
        .says("`slave1` is a replica and takes writes")
        .says("`slave2` has priority 0");
    for (node, name) in [("slave1", "writable-replica"), ("slave2", "priority-0")] {
        deployed
            .operator
            .run(&["promote", node, "--yes"])
            .code(3)
            .says(&format!("replctl promote {node} --ignore {name}"));
    }
    deployed.paste("writable-replica").ok();
    deployed.paste("priority-0").ok();
    deployed.status("after the hints", 0);
}

fn a_replica_of_a_replica(deployed: &Deployed<'_>) {
    deployed.ask("slave2", &["REPLICAOF", "192.168.0.130", "6379"]);
    await_that("slave2 under slave1", Duration::from_secs(10), || {
        deployed.info("slave2", "master_link_status") == "up"
    });
    deployed
        .status("chain", 4)
        .says("`slave2` replicates from `slave1`, which is a replica itself");
    deployed.paste("replica-of-replica").ok();
    deployed.await_primary("master", &["slave1", "slave2"]);
    deployed.status("after the hint", 0);
}

fn a_circle(deployed: &Deployed<'_>) {
    deployed.ask("master", &["REPLICAOF", "192.168.0.140", "6379"]);
    deployed.ask("slave2", &["REPLICAOF", "192.168.0.120", "6379"]);
    deployed
        .status("circle", 4)
        .says("NO PRIMARY")
        .says("`master` and `slave2` replicate from each other: no write reaches them");
    deployed.paste("loop").ok();
    deployed.await_healthy();
    // Whoever it was, the rest of the story has the master on top.
    deployed.operator.run(&["promote", "master", "--yes"]).ok();
    deployed.await_primary("master", &["slave1", "slave2"]);
    // A role that somebody changed by hand and wrote nowhere.
    deployed.ask("slave1", &["REPLICAOF", "NO", "ONE"]);
    deployed.ask("slave1", &["CONFIG", "REWRITE"]);
    deployed.ask("slave1", &["REPLICAOF", "192.168.0.120", "6379"]);
    deployed.await_primary("master", &["slave1"]);
    deployed.status("role in no file", 4).says(
        "`slave1` follows `master`, but not by its configuration file: restarted, it is a primary",
    );
    deployed.paste("unpersisted-role").ok();
    deployed.await_healthy();
}

fn a_wrong_masterauth(deployed: &Deployed<'_>) {
    deployed.ask("slave1", &["CONFIG", "SET", "masterauth", "wrong"]);
    deployed
        .status("masterauth wrong, link still up", 4)
        .says("warning: `masterauth` of `slave1` is not what the inventory says");
    // The others are promoted all the same, and the one that cannot follow is named, with its
    // reason.
    let ran = deployed
        .operator
        .run(&["promote", "slave2", "--yes"])
        .code(5)
        .says("`slave1` needs more work; the other nodes are done")
        .says("its masterauth is not what the inventory says")
        .says("replctl setup slave1");
    let left = |l: &str| l.contains("slave1") && l.contains("replica, NOT in sync");
    assert!(ran.stdout.lines().any(left), "{ran}");
    deployed.await_primary("slave2", &["master"]);
    deployed
        .status("masterauth wrong", 4)
        .says("the link of `slave1` to `slave2` has been down for");
    let ran = deployed.paste("link-down").ok();
    assert!(!format!("{ran}").contains(PASSWORD), "{ran}");
    deployed.await_primary("slave2", &["master", "slave1"]);
    deployed.await_healthy();
    deployed.operator.run(&["promote", "master", "--yes"]).ok();
}

/// The service user may not write in the folder of the file, so that CONFIG REWRITE fails.
fn a_file_that_cannot_be_written(deployed: &Deployed<'_>) {
    let folder = "/db/redis/6379/conf";
    let lock = format!("chown root {folder} && chmod 755 {folder}");
    deployed.lab.inside("slave2", &lock).ok();
    deployed
        .operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("`slave2` will not keep its role after a restart")
        .says("let its user write in /db/redis/6379/conf")
        .says("or accept it: replctl promote slave1 --ignore read-only-config");
    let accepted = ["promote", "slave1", "--yes", "--ignore", "read-only-config"];
    deployed.operator.run(&accepted).ok();
    deployed.await_primary("slave1", &["master", "slave2"]);
    deployed
        .status("role not in the file", 4)
        .says("`slave2` follows `slave1`, but by its configuration file it follows `master`: restarted, it does")
        .says("hint: let its user write in /db/redis/6379/conf");
    let unlock = format!("chown redis {folder} && chmod 750 {folder}");
    deployed.lab.inside("slave2", &unlock).ok();
    deployed.paste("unpersisted-role").ok();
    assert_eq!(deployed.persisted("slave2"), "replicaof 192.168.0.130 6379");
    deployed.status("after the hint", 0);
    deployed.operator.run(&["promote", "master", "--yes"]).ok();
}

/// A restart with data that takes its time to load.
fn one_that_loads(deployed: &Deployed<'_>) {
    let keys = "for i = 1, 20000 do redis.call('SET', i, i) end";
    deployed.ask("master", &["EVAL", keys, "0"]);
    await_that("the keys on slave1", Duration::from_secs(10), || {
        deployed.ask("slave1", &["DBSIZE"]) == "20000"
    });
    deployed.ask("slave1", &["SAVE"]);
    deployed.signal("slave1", "-KILL");
    // 20,000 keys at 200 µs each are four seconds.
    let start = "setsid runuser -u redis -- /db/redis/server/current-6379/redis-server /db/redis/6379/conf/redis.cnf --key-load-delay 200 --loading-process-events-interval-bytes 1024 </dev/null >/dev/null 2>&1 &";
    deployed.lab.inside("slave1", start);
    await_that("the server to load", Duration::from_secs(10), || {
        let ran = deployed.operator.run(&["status", "--json"]);
        ran.stdout.contains("\"loading\"")
    });
    deployed
        .status("a replica that loads", 4)
        .says("`slave1` is loading its data");
    deployed
        .operator
        .run(&["promote", "slave1", "--yes"])
        .code(3)
        .says("`slave1` is still loading its data");
    deployed.await_healthy();
}
