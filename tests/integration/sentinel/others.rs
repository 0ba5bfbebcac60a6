//! Other operations under Sentinels: an old primary returns, nodes are moved, and one is detached.

use super::{NAMES, Watched};
use crate::support::server::Family;
use crate::support::{await_that, figure};
use std::time::{Duration, Instant};

/// Freezes the primary until Sentinel has replaced it, then thaws it. Returns the new primary.
fn replaced_meanwhile(watched: &Watched, old: usize) -> usize {
    watched.servers[old].pause();
    let was = watched.servers[old].port.to_string();
    await_that("Sentinel's own failover", Duration::from_secs(40), || {
        watched
            .sentinels
            .iter()
            .all(|s| s.field("flags") == "master" && s.field("port") != was)
    });
    watched.servers[old].resume();
    let chosen = (0..3).find(|i| *i != old && watched.info(*i, "role") == "master");
    chosen.unwrap()
}

/// Both wait for Sentinels most of the time.
#[test]
fn an_old_primary_returns_and_nodes_are_moved_and_let_go() {
    std::thread::scope(|s| {
        s.spawn(an_old_primary_returns_before_sentinels_take_what_only_it_has);
        s.spawn(nodes_are_moved_and_let_go_as_sentinels_allow);
    });
}

fn an_old_primary_returns_before_sentinels_take_what_only_it_has() {
    let Some(family) = Family::debian() else {
        return;
    };
    let watched = Watched::start(family, 2_000, None);
    watched.hurry();
    let operator = watched.operator();
    let new = replaced_meanwhile(&watched, 0);
    let mut client = watched.servers[0].client();
    for i in 0..5 {
        client.command(&["SET", &format!("only:{i}"), "1"]);
    }
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("replctl rejoin master")
        .says("within some ten seconds");
    // The greetings of Sentinels are no data, and many.
    operator
        .run(&["lost", "master"])
        .ok()
        .says("safe to replay: 5")
        .says("in conflict:    0");
    operator
        .run(&["rejoin", "master", "--yes"])
        .ok()
        .says("5 commands (5 safe to replay");
    watched.assert_primary(new);
    // Without a write of its own there is nothing to back up, however much it was greeted.
    let newest = replaced_meanwhile(&watched, new);
    std::thread::sleep(Duration::from_secs(3));
    operator
        .run(&["rejoin", NAMES[new], "--yes"])
        .ok()
        .says("nothing is discarded");
    watched.assert_primary(newest);
    // Left alone, Sentinels do it.
    let last = replaced_meanwhile(&watched, newest);
    let begun = Instant::now();
    await_that(
        "Sentinel to make it a replica",
        Duration::from_secs(40),
        || watched.info(newest, "role") == "slave",
    );
    figure(&format!(
        "an old primary is made a replica by Sentinel after {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    watched.assert_primary(last);
}

fn nodes_are_moved_and_let_go_as_sentinels_allow() {
    let Some(family) = Family::debian() else {
        return;
    };
    let mut watched = Watched::start(family, 2_000, None);
    watched.hurry();
    watched.chain(family, 2);
    let operator = watched.operator();
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("replctl move slave3 --under master");
    operator
        .run(&["move", "slave1", "--under", "slave2", "--yes"])
        .code(3)
        .says("back under the primary");
    operator
        .run(&["move", "slave3", "--under", "master", "--yes"])
        .ok();
    await_that("the Sentinels to find it", Duration::from_secs(10), || {
        let all = watched.sentinels.iter();
        all.map(|s| s.field("num-slaves")).all(|n| n == "3")
    });
    // Nothing stands alone that Sentinels know. What the hint says does it.
    operator
        .run(&["detach", "slave1", "--yes"])
        .code(3)
        .says("replctl sentinel forget slave1");
    watched.servers[1].kill9();
    await_that("them to forget it", Duration::from_secs(30), || {
        let ran = operator.run(&["sentinel", "forget", "slave1", "--yes"]);
        ran.code == Some(0)
    });
    watched.servers[1].restart();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(12) {
        assert_eq!(watched.info(1, "role"), "master", "{:?}", begun.elapsed());
        std::thread::sleep(Duration::from_millis(500));
    }
    // It is not to take over from the primary, although its dump has that one's history.
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("hint: replctl rejoin slave1");
}
