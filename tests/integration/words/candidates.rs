//! `promote` without a node: the shown candidates, the proposed one, and the question.

use crate::support::{Family, Replctl, Trio, await_that};
use std::time::Duration;

#[test]
fn without_a_node_the_candidates_are_shown_and_the_best_is_named() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let operator = trio.operator();
    all_is_well(&trio, &operator);
    the_master_is_dead(&trio, &operator);
    // What is named is done, with the risk that it names.
    operator
        .run(&["promote", "slave2"])
        .code(3)
        .says("replctl promote slave2 --accept-split-brain");
    operator
        .run(&["promote", "slave2", "--accept-split-brain", "--yes"])
        .ok();
    assert_eq!(trio.role(2), "master");
    // Nobody is left to take over once all others are gone.
    trio.servers[1].kill9();
    operator
        .run(&["promote"])
        .code(3)
        .says("no node can be promoted")
        .says("`slave1`");
}

/// Both replicas are in sync: the first is proposed, shown, and asked about.
fn all_is_well(trio: &Trio, operator: &Replctl<'_>) {
    let ran = operator.run(&["promote"]).code(2);
    assert!(ran.stdout.is_empty(), "{ran}");
    assert!(
        !ran.stderr.contains(" master "),
        "the primary is none: {ran}"
    );
    let hint = ran.stderr.lines().last().unwrap().to_owned();
    assert!(hint.starts_with(" hint: replctl promote slave"), "{ran}");
    // On a terminal the best is taken by pressing Enter, and the plan is shown and asked about as
    // ever.
    let mut terminal = operator.terminal(20, &["promote"]);
    terminal.exp_string("best:").unwrap();
    terminal.exp_string("Which is to be the primary?").unwrap();
    terminal.send("\r").unwrap();
    terminal.flush().unwrap();
    terminal.exp_string("Do this?").unwrap();
    terminal.send("n").unwrap();
    terminal.flush().unwrap();
    terminal
        .exp_string("not confirmed; nothing was touched")
        .unwrap();
    terminal.exp_eof().unwrap();
    trio.assert_primary(0);
}

/// The tutorial's case. slave1 was cut off before, and has less.
fn the_master_is_dead(trio: &Trio, operator: &Replctl<'_>) {
    trio.servers[1]
        .client()
        .command(&["REPLICAOF", "127.0.0.1", "1"]);
    await_that(
        "slave1 to have lost its link",
        Duration::from_secs(5),
        || trio.servers[1].client().info("replication")["master_link_status"] == "down",
    );
    trio.servers[0].client().command(&["SET", "late", "write"]);
    await_that("the write to be on slave2", Duration::from_secs(5), || {
        trio.servers[2].client().command(&["GET", "late"]).text() == "write"
    });
    let port = trio.ports()[0].to_string();
    trio.servers[0].kill9();
    trio.servers[1]
        .client()
        .command(&["REPLICAOF", "127.0.0.1", &port]);
    await_that("the links to be down", Duration::from_secs(10), || {
        let down =
            |i: usize| trio.servers[i].client().info("replication")["master_link_status"] == "down";
        down(1) && down(2)
    });
    let ran = operator.run(&["promote", "--dry-run"]).code(2);
    let line = |name: &str| {
        let named = |l: &&str| l.trim_start_matches(['*', ' ']).starts_with(name);
        ran.stderr
            .lines()
            .find(named)
            .unwrap_or_else(|| panic!("no {name}: {ran}"))
    };
    assert!(line("slave2").contains("best:"), "{ran}");
    assert!(line("slave2").ends_with("it has most data"), "{ran}");
    assert!(line("slave1").contains("cannot: `slave1` is"), "{ran}");
    assert!(line("slave1").contains("behind `slave2`"), "{ran}");
    assert!(
        line("whichever it is").contains("`master` cannot be stopped"),
        "{ran}"
    );
    assert!(
        ran.stderr
            .ends_with(" hint: replctl promote slave2 --dry-run\n"),
        "{ran}"
    );
    let json = operator.run(&["promote", "--json", "--yes"]).code(2);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["best"], "slave2", "{json:#}");
    assert_eq!(json["error"]["hint"], "replctl promote slave2 --yes");
    assert_eq!(json["error"]["changed"], false);
    let best: Vec<bool> = json["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["best"] == true)
        .collect();
    assert_eq!(best, [false, false, true], "{json:#}");
}
