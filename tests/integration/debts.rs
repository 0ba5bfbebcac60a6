//! An old primary that was replaced by hand while it was down: the next change notes it, it is
//! demoted as soon as its host can be worked on, and the note goes when it follows again.

#![allow(clippy::unwrap_used)]

use crate::setup_sshd::bench;

use crate::support::await_that;
use crate::support::process::living_in;
use crate::support::rotation::each_family;
use crate::support::trio::{BACKLOG, Trio};
use bench::Bench;
use std::time::Duration;

const NOT_TOLD: &str = "`master` was replaced by `slave1` on";

#[test]
fn one_that_was_replaced_by_hand_is_noted_until_it_follows_again() {
    each_family(|_, family| {
        let trio = Trio::start(family, &[BACKLOG]);
        let operator = trio.operator();
        trio.servers[0].pause();
        // As the tutorial does it.
        let by_hand = |n: usize, words: &[&str]| {
            assert_eq!(trio.servers[n].client().command(words).text(), "OK");
        };
        by_hand(1, &["REPLICAOF", "NO", "ONE"]);
        let port = trio.servers[1].port.to_string();
        by_hand(2, &["REPLICAOF", "127.0.0.1", &port]);
        let before = operator.run(&["status", "--no-ssh"]).code(4);
        assert!(!before.stdout.contains(NOT_TOLD), "{before}");
        operator
            .run(&["promote", "slave1", "--dry-run"])
            .ok()
            .says("note that it was replaced");
        operator
            .run(&["promote", "slave1", "--yes"])
            .ok()
            .says("note that it was replaced");
        operator
            .run(&["status", "--no-ssh"])
            .code(4)
            .says(NOT_TOLD)
            .says("if it comes back it takes writes that are lost later");
        // Once is enough.
        operator
            .run(&["promote", "slave1", "--yes"])
            .ok()
            .says("Nothing to do");
        trio.servers[0].resume();
        await_that("the old primary to thaw", Duration::from_secs(10), || {
            trio.role(0) == "master"
        });
        operator
            .run(&["status", "--no-ssh"])
            .code(4)
            .says(NOT_TOLD)
            .says("hint: replctl rejoin master");
        operator.run(&["rejoin", "master", "--yes"]).ok();
        trio.assert_primary(1);
        let after = operator.run(&["status", "--no-ssh"]).ok();
        assert!(!after.stdout.contains(NOT_TOLD), "{after}");
        let notes = operator
            .home()
            .join(".local/state/replctl/orders/debts.json");
        assert_eq!(std::fs::read_to_string(notes).unwrap().trim(), "[]");
    });
}

#[test]
fn it_is_told_with_the_next_change_once_its_host_answers_and_owes_nothing_when_it_is_back() {
    let Some(mut bench) = Bench::new(3) else {
        return;
    };
    bench.run(&["setup", "--yes"]).ok();
    bench.client(0).command(&["SET", "a", "1"]);
    bench.in_sync(0);
    bench.sshds.hosts()[0].kill();
    let _ = bench.client(0).try_command(&["SHUTDOWN", "SAVE"]);
    await_that("the server's end", Duration::from_secs(10), || {
        living_in(&bench.db().join(bench.port(0).to_string())).is_empty()
    });
    bench
        .run(&["promote", "slave1", "--yes", "--accept-split-brain"])
        .ok();
    bench.run(&["status"]).code(4).says(NOT_TOLD);
    let file = |bench: &Bench| std::fs::read_to_string(bench.config(0)).unwrap();
    assert!(!file(&bench).contains("replicaof"));
    // Nothing to be done about it from here, and nothing is done.
    bench
        .run(&["move", "slave2", "--under", "slave1", "--yes"])
        .ok()
        .says("Nothing to do");
    bench.sshds.restart(0);
    bench
        .run(&["move", "slave2", "--under", "slave1", "--yes"])
        .ok()
        .says("master  write `replicaof");
    let told = format!("replicaof 127.0.0.1 {}", bench.port(1));
    assert!(file(&bench).contains(&told), "{}", file(&bench));
    bench
        .run(&["status"])
        .code(4)
        .says("its file says that it returns as a replica");
    // Its host starts it, without replctl.
    let data = bench.db().join(bench.port(0).to_string());
    let line = format!(
        "{}/server/current-{}/redis-server {}/conf/redis.cnf",
        bench.db().display(),
        bench.port(0),
        data.display()
    );
    bench.sshds.ssh(&bench.sshds.hosts()[0], &line).ok();
    await_that("it to follow", Duration::from_secs(20), || {
        bench.answers(0)
            && bench
                .client(0)
                .info("replication")
                .get("master_link_status")
                == Some(&"up".to_owned())
    });
    // Any change closes it, not only a look.
    bench
        .run(&["move", "slave2", "--under", "slave1", "--yes"])
        .ok()
        .says("Nothing to do");
    let base = bench.operator.home().join(".local/state/replctl");
    let notes = std::fs::read_dir(base)
        .unwrap()
        .flatten()
        .find_map(|e| std::fs::read_to_string(e.path().join("debts.json")).ok());
    assert_eq!(notes.unwrap().trim(), "[]");
    bench.run(&["status"]).ok();
}

#[test]
fn a_resumed_operation_tells_it_too() {
    let Some(mut bench) = Bench::new(3) else {
        return;
    };
    bench.run(&["setup", "--yes"]).ok();
    bench.client(0).command(&["SET", "a", "1"]);
    bench.in_sync(0);
    told_by_a_resumed_operation(&mut bench);
    bench.in_sync(1);
    bench.run(&["status"]).ok();
}

/// A detached node is a primary, too, and no part of the deployment.
#[test]
fn a_resumed_operation_tells_it_beside_a_detached_node() {
    let Some(mut bench) = Bench::new(3) else {
        return;
    };
    bench.run(&["setup", "--yes"]).ok();
    bench.client(0).command(&["SET", "a", "1"]);
    bench.in_sync(0);
    bench.run(&["detach", "slave2", "--yes"]).ok();
    told_by_a_resumed_operation(&mut bench);
    assert_eq!(bench.client(2).info("replication")["role"], "master");
}

/// The primary dies with its host. The promotion dies after it has promoted. Then the host comes
/// back.
fn told_by_a_resumed_operation(bench: &mut Bench) {
    bench.sshds.hosts()[0].kill();
    let _ = bench.client(0).try_command(&["SHUTDOWN", "SAVE"]);
    await_that("the server's end", Duration::from_secs(10), || {
        living_in(&bench.db().join(bench.port(0).to_string())).is_empty()
    });
    let promote = ["promote", "slave1", "--yes", "--accept-split-brain"];
    let mut command = bench.operator.command(&promote);
    command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", "12");
    let ran = crate::support::process::run(&mut command, Duration::from_mins(1));
    assert_eq!(ran.code, None, "{ran}");
    bench.sshds.restart(0);
    bench
        .run(&["resume", "--yes"])
        .ok()
        .says("master  write `replicaof");
    let text = std::fs::read_to_string(bench.config(0)).unwrap();
    assert!(text.contains("replicaof"), "{text}");
    bench.run(&["rejoin", "master", "--yes"]).ok();
}
