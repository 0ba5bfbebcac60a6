//! Changes by others at the same time, and servers whose fence lets scripts write. Each case is
//! forced to happen, on real servers.

#![allow(clippy::unwrap_used)]

use crate::support::process::run;
use crate::support::program::Replctl;
use crate::support::redis::RawRedis;
use crate::support::rotation::each_family;
use crate::support::server::{Family, families};
use crate::support::trio::{BACKLOG, NAMES, Trio};
use crate::support::writer::{Load, Style, Writer};
use crate::support::{await_that, figure, not_run};
use std::time::{Duration, Instant};

/// A server whose fence lets scripts write.
fn old() -> Option<&'static Family> {
    let found = families().iter().find(|f| f.name == "redis-6.0");
    if found.is_none() {
        not_run("scripts that write past the fence: there is no Redis 6.0 here");
    }
    found
}

fn ok(trio: &Trio, node: usize, words: &[&str]) {
    assert_eq!(trio.servers[node].client().command(words).text(), "OK");
}

/// replctl dies after the demotion and before the promotion: there is no primary.
fn headless(trio: &Trio, operator: &Replctl<'_>) {
    for line in 1..60 {
        let mut command = operator.command(&["promote", NAMES[1], "--yes"]);
        command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
        let ran = run(&mut command, Duration::from_mins(1));
        assert_eq!(ran.code, None, "line {line}: {ran}");
        if (0..3).all(|i| trio.role(i) == "slave") {
            return;
        }
        operator.run(&["rollback", "--yes"]).ok();
        trio.await_in_sync();
    }
    panic!("it never died between the two");
}

/// A person promotes a third node meanwhile. Resume and rollback would each make a second primary;
/// the message leads out of this state.
#[test]
fn a_third_primary_is_named_and_the_hint_leads_to_one_primary() {
    each_family(|_, family| made_by_hand(family, 2));
}

/// The same with the node that was to be promoted. It may lack writes of the old primary, and the
/// journal does not say that this operation promoted it.
#[test]
fn a_target_that_a_person_promoted_first_is_named_and_the_hint_leads_to_one_primary() {
    each_family(|_, family| made_by_hand(family, 1));
}

fn made_by_hand(family: &Family, node: usize) {
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    ok(&trio, 0, &["SET", "before", "1"]);
    headless(&trio, &operator);
    ok(&trio, node, &["REPLICAOF", "NO", "ONE"]);
    ok(&trio, node, &["SET", "after", "1"]);
    let ran = operator.run(&["resume", "--yes"]).code(5);
    let name = NAMES[node];
    let who = if node == 1 {
        ", and the journal of this operation does not say that it made it one"
    } else {
        ": somebody else has made it one"
    };
    let told = format!("`{name}` is a primary now{who}");
    assert!(ran.stderr.contains(&told), "{}: {ran}", family.name);
    for (i, _) in NAMES.iter().enumerate() {
        let role = if i == node { "master" } else { "slave" };
        assert_eq!(trio.role(i), role, "{}: {ran}", family.name);
    }
    let hint = ran.stderr.split("choose: ").nth(1).unwrap();
    let hint = hint.lines().next().unwrap();
    // As it would be pasted.
    for command in hint.split(" && ") {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let ran = operator.run(&words);
        assert_eq!(ran.code, Some(0), "{}: `{command}`: {ran}", family.name);
    }
    operator.run(&["repair", "--keep", name, "--yes"]).ok();
    // A replica that still follows the old primary is well, too: it is brought where the others are
    // looked for.
    if node == 1 {
        operator
            .run(&["move", NAMES[2], "--under", name, "--yes"])
            .ok();
    }
    trio.assert_primary(node);
    for key in ["before", "after"] {
        let has = trio.servers[node].client().command(&["GET", key]).text();
        assert_eq!(has, "1", "{}: {key} is gone", family.name);
    }
}

/// A first attempt was rolled back, and another operator's claim blocks the second one. The message
/// must not say that nothing was touched.
#[test]
fn what_was_put_back_once_is_not_called_untouched_afterwards() {
    let Some(family) = old() else { return };
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    let load = Load::plain(&trio.ports()).styles(&[Style::Lua; 4]);
    let writer = Writer::start(load);
    let mut seen = false;
    for round in 1..=12 {
        trio.await_in_sync();
        let target = NAMES[round % 2];
        let mut running = operator.start(&["promote", target, "--yes"]);
        let mut claim: Option<RawRedis> = None;
        let end = Instant::now() + Duration::from_mins(1);
        while !running.has_ended() && Instant::now() < end {
            if claim.is_none() && running.so_far().1.contains("Trying again") {
                let mut other = trio.servers[2].client();
                other.command(&["CLIENT", "SETNAME", "replctl:setup:ann%40ops@b:77"]);
                claim = Some(other);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let ran = running.wait(Duration::from_secs(5));
        drop(claim);
        if ran.stderr.contains("An earlier attempt was put back") {
            seen = true;
            assert!(ran.stderr.contains("`setup` by ann@ops@b"), "{ran}");
            assert_eq!(ran.code, Some(1), "{ran}");
            break;
        }
        // It was done; or scripts slipped past all six times; or the other one came when the second
        // attempt had begun.
        let back = ran.code == Some(1) && ran.stderr.contains("all was put back");
        assert!(ran.code == Some(0) || back, "{ran}");
    }
    let primary = (0..3).find(|i| trio.role(*i) == "master").unwrap();
    writer.stop().nothing_lost(trio.servers[primary].address());
    assert!(seen, "no script slipped past the fence in 12 promotions");
}

/// n2 under n1 under n0, while scripts write: each can be promoted, and nothing is lost.
#[test]
fn a_replica_of_a_replica_is_brought_straight_under_an_old_primary_first() {
    let Some(family) = old() else { return };
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    let mut load = Load::plain(&trio.ports()).styles(&[Style::Lua; 4]);
    // As many as there can be slip past every time.
    load.per_second = Some(100);
    let writer = Writer::start(load);
    let mut moved = 0;
    for round in 0..6 {
        let primary = (0..3).find(|i| trio.role(*i) == "master").unwrap();
        let (middle, leaf) = ((primary + 1) % 3, (primary + 2) % 3);
        let under = ["move", NAMES[leaf], "--under", NAMES[middle], "--yes"];
        operator.run(&under).ok();
        let port = |i: usize| trio.servers[i].client().info("replication")["master_port"].clone();
        await_that("the chain", Duration::from_secs(10), || {
            port(leaf) == trio.servers[middle].port.to_string()
        });
        let ran = operator.run(&["promote", NAMES[leaf], "--yes"]);
        assert!(
            ran.stderr
                .contains(&format!("it is moved under `{}` first", NAMES[primary])),
            "round {round}: {ran}"
        );
        // Where scripts slip past each time, all is put back and it stays where it was moved.
        assert!(matches!(ran.code, Some(0 | 1)), "{ran}");
        moved += usize::from(ran.code == Some(0));
        let after = if ran.code == Some(0) { leaf } else { primary };
        trio.assert_primary(after);
    }
    figure(&format!(
        "{moved} of 6 promotions from the end of a chain on Redis 6.0, under scripts that write"
    ));
    let primary = (0..3).find(|i| trio.role(*i) == "master").unwrap();
    writer.stop().nothing_lost(trio.servers[primary].address());
    assert!(moved > 0);
}
