//! The order of the journals under wrong clocks: no journal hides another.

use crate::journals::{CUT, DONE, dies, fixture, history, journals, newest_name, put, unfinished};
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, Trio};
use std::fs;

/// One that was finished, dated in 2099 by its name and by what is in it.
fn future() -> (String, Vec<u8>) {
    let text = String::from_utf8(fixture(DONE)).unwrap();
    let text = text.replace("2025-11-01T", "2099-11-01T");
    (DONE.replace("2025", "2099"), text.into_bytes())
}

/// K7.2.
#[test]
fn one_that_is_dated_in_the_future_hides_none() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    let (id, text) = future();
    put(&operator, &id, &text);
    operator.run(&["status", "--no-ssh"]).ok();
    // Of two that an earlier replctl wrote.
    let cut = put(&operator, CUT, &fixture(CUT));
    operator.run(&["status", "--no-ssh"]).code(4).says(CUT);
    assert_eq!(unfinished(&operator), [CUT]);
    fs::remove_file(cut).unwrap();
    // And of one that this one writes.
    dies(&operator, 12, &["promote", "slave1", "--yes"]);
    let [mine] = &unfinished(&operator)[..] else {
        panic!("{}", history(&operator));
    };
    assert!(mine.ends_with("-promote-slave1") && *mine != id);
    operator.run(&["status", "--no-ssh"]).code(4).says(mine);
    operator
        .run(&["promote", "slave2", "--yes"])
        .code(3)
        .says(mine);
    operator.run(&["resume", "--yes"]).ok();
    deployment.assert_primary(1);
    operator.run(&["status", "--no-ssh"]).ok();
    // What its name alone says is not believed either.
    put(
        &operator,
        "20990101T000000.000Z-promote-slave2",
        &fixture(DONE),
    );
    dies(&operator, 12, &["promote", "master", "--yes"]);
    assert_eq!(unfinished(&operator).len(), 1);
    operator.run(&["rollback", "--yes"]).ok();
    deployment.assert_primary(1);
}

/// K7.2.
#[test]
fn a_clock_that_is_put_back_hides_none() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    operator.run(&["promote", "slave1", "--yes"]).ok();
    // As if the clock had been years ahead then.
    let folder = journals(&operator);
    let id = newest_name(&folder);
    let text = fs::read_to_string(folder.join(format!("{id}.jsonl"))).unwrap();
    let ahead = format!("2099{}", &id[4..]);
    let year = &text[9..13];
    let text = text.replace(&format!("\"time\":\"{year}"), "\"time\":\"2099");
    put(&operator, &ahead, text.as_bytes());
    fs::remove_file(folder.join(format!("{id}.jsonl"))).unwrap();
    dies(&operator, 12, &["promote", "master", "--yes"]);
    let seen = history(&operator);
    assert_eq!(
        seen["operations"][1]["id"],
        ahead.as_str(),
        "the newest is first: {seen}"
    );
    assert_eq!(seen["operations"][0]["unfinished"], true);
    operator
        .run(&["report", "last"])
        .ok()
        .says("promote master");
    operator
        .run(&["status", "--no-ssh"])
        .code(4)
        .says("stopped half-way");
    operator.run(&["resume", "--yes"]).ok();
    deployment.assert_primary(0);
    // Each has its own place in the order.
    let sequence = |id: &str| {
        let text = fs::read_to_string(folder.join(format!("{id}.jsonl"))).unwrap();
        let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        first["sequence"].as_u64().unwrap()
    };
    let seen = history(&operator);
    assert_eq!(sequence(seen["operations"][0]["id"].as_str().unwrap()), 2);
    assert_eq!(sequence(&ahead), 1);
}

/// An abandoned operation is neither resumed nor rolled back after a later one.
#[test]
fn one_that_was_left_behind_is_not_gone_on_with() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    dies(&operator, 12, &["promote", "slave1", "--yes"]);
    let [behind] = &unfinished(&operator)[..] else {
        panic!("{}", history(&operator));
    };
    operator
        .run(&["promote", "slave2", "--yes", "--abandon-unfinished"])
        .ok();
    deployment.assert_primary(2);
    for command in ["resume", "rollback"] {
        operator
            .run(&[command])
            .ok()
            .says("no operation is unfinished");
        operator
            .run(&[command, behind])
            .code(3)
            .says("other operations came after it");
    }
    operator
        .run(&["report", behind])
        .ok()
        .says("It was never finished");
    deployment.assert_primary(2);
}
