//! Differences between a real node and its primary are refused by name, and accepted one by one.

#![allow(clippy::unwrap_used)]

use crate::support::rotation::each_family;
use crate::support::trio::{BACKLOG, Trio};

#[test]
fn each_difference_is_accepted_by_its_own_name() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[BACKLOG]);
        let operator = trio.operator();
        let mut node = trio.servers[1].client();
        for (name, value) in [("maxmemory", "2mb"), ("min-replicas-to-write", "5")] {
            let set = node.command(&["CONFIG", "SET", name, value]);
            assert_eq!(set.text(), "OK", "{}", family.name);
        }
        let mut old = trio.servers[0].client();
        assert_eq!(
            old.command(&["SET", "k", &"v".repeat(4 << 20)]).text(),
            "OK"
        );
        operator
            .run(&["promote", "slave1", "--yes"])
            .code(3)
            .says("replctl promote slave1 --ignore memory-limit")
            .says("replctl promote slave1 --ignore min-replicas");
        let ran = operator
            .run(&["promote", "slave1", "--yes", "--ignore", "min-replicas"])
            .code(3)
            .says("replctl promote slave1 --ignore min-replicas --ignore memory-limit");
        assert_eq!(ran.stderr.matches("error: ").count(), 1, "{ran}");
        trio.assert_primary(0);
        // The names of all of them are in the help and in the error about a wrong one.
        operator
            .run(&["promote", "slave1", "--ignore", "memory"])
            .code(2)
            .says("memory-limit");
        let both = ["--ignore", "min-replicas", "--ignore", "memory-limit"];
        let arguments: Vec<&str> = ["promote", "slave1", "--yes"]
            .into_iter()
            .chain(both)
            .collect();
        operator
            .run(&arguments)
            .ok()
            .says("warning: `slave1` has maxmemory 2.0 MiB")
            .says("warning: `slave1` has min-replicas-to-write 5");
        trio.assert_primary(1);
        operator
            .run(&["history"])
            .ok()
            .says("promote slave1 --ignore min-replicas --ignore memory-limit");
        // And back: what the others lack is none of theirs.
        operator.run(&["promote", "master", "--yes"]).ok();
    });
}
