//! A node with a full disk: it is reported, and not promoted, because it would refuse every write.

#![allow(clippy::unwrap_used)]

use crate::support::await_that;
use crate::support::rotation::each_family;
use crate::support::trio::{NAMES, Trio};
use std::time::Duration;

#[test]
fn a_node_that_cannot_write_to_its_disk_is_not_made_the_primary() {
    each_family(|_, family| {
        let mut directives = vec!["appendonly yes", "auto-aof-rewrite-percentage 0"];
        // From 7.0 on a replica that cannot keep what it is sent ends, unless it is told otherwise.
        if !family.name.starts_with("redis-6") {
            directives.push("replica-ignore-disk-write-errors yes");
        }
        let trio = Trio::start(family, &directives);
        let operator = trio.operator();
        let slave1 = &trio.servers[1];
        at_rest(&trio);
        slave1.disk_full(true);
        trio.servers[0].client().command(&["SET", "a", "b"]);
        await_that("an append to fail", Duration::from_secs(20), || {
            slave1.client().info("persistence")["aof_last_write_status"] == "err"
        });
        operator
            .run(&["status"])
            .code(4)
            .says("would refuse every write as a primary: it cannot write to its append-only file");
        operator
            .run(&["promote", NAMES[1], "--yes"])
            .code(3)
            .says("would refuse every write as a primary");
        assert_eq!(trio.role(0), "master", "{}", family.name);

        slave1.disk_full(false);
        await_that("the append to succeed", Duration::from_secs(20), || {
            trio.servers[0].client().command(&["SET", "a", "c"]);
            slave1.client().info("persistence")["aof_last_write_status"] == "ok"
        });
        operator.run(&["promote", NAMES[1], "--yes"]).ok();
        let written = slave1.client().command(&["SET", "a", "d"]).text();
        assert_eq!(written, "OK", "{}", family.name);

        // A primary without room says so itself.
        slave1.disk_full(true);
        slave1.client().command(&["SET", "a", "e"]);
        await_that("writes to be refused", Duration::from_secs(20), || {
            let answer = slave1.client().command(&["SET", "a", "f"]).text();
            answer.starts_with("MISCONF")
        });
        let seen = operator.run(&["status"]).code(4);
        seen.says("`slave1` refuses every write: it cannot write to its append-only file");
    });
}

/// A replica rewrites its file after its first copy. That must be over before its disk is full.
fn at_rest(trio: &Trio) {
    await_that("the files to be begun", Duration::from_secs(20), || {
        trio.servers.iter().all(|s| {
            let info = s.client().info("persistence");
            [
                "aof_rewrite_in_progress",
                "aof_rewrite_scheduled",
                "rdb_bgsave_in_progress",
            ]
            .iter()
            .all(|key| info[*key] == "0")
        })
    });
}
