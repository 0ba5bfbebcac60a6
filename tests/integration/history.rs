//! What the journals show people: every operation of a deployment with its end, on real servers and
//! without any network.

#![allow(clippy::unwrap_used)]

use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, Trio};
use crate::support::{Ran, await_some, figure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder with an operator's journals of `orders`.
fn journals(operator: &Replctl<'_>) -> PathBuf {
    operator.home().join(".local/state/replctl/orders/journal")
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

fn json(operator: &Replctl<'_>, arguments: &[&str]) -> Value {
    let ran = operator
        .run(&[&["history", "--json"], arguments].concat())
        .ok();
    let json: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"));
    assert_eq!(json["format"], 1);
    json
}

/// Dies after that many lines of its journal.
fn dies(operator: &Replctl<'_>, line: usize, arguments: &[&str]) {
    let mut command = operator.command(arguments);
    command.env("REPLCTL_DIE_AFTER_JOURNAL_LINES", line.to_string());
    let ran = crate::support::process::run(&mut command, Duration::from_mins(1));
    assert_eq!(ran.code, None, "{ran}");
}

/// The table has one row for each of these operations, with its end and who did it.
fn lists(seen: &Ran, operations: &[(&str, &str)]) {
    let rows: Vec<&str> = seen.stdout.lines().skip(1).collect();
    assert_eq!(rows.len(), operations.len(), "{seen}");
    for (row, (what, end)) in rows.iter().zip(operations) {
        assert!(
            row.contains(&format!("  {what}  ")) && row.ends_with(end),
            "{row}"
        );
        assert!(row.contains('@'), "{row}");
    }
}

#[test]
fn each_operation_is_listed_with_its_end_newest_first() {
    let Some(family) = Family::debian() else {
        return;
    };
    let mut deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    operator
        .run(&["history"])
        .ok()
        .says("No such operation on `orders`");
    deployment.servers[0].client().command(&["SET", "k", "v"]);
    operator.run(&["promote", "slave1", "--yes"]).ok();
    // What is refused was no operation.
    operator.run(&["detach", "slave1", "--yes"]).code(3);
    dies(&operator, 7, &["promote", "master", "--yes"]);
    let seen = operator.run(&["history"]).ok();
    let id = json(&operator, &[])["operations"][0]["id"].clone();
    let id = id.as_str().unwrap();
    seen.clone().says("cut short ").says(&format!(
        " hint: replctl resume {id}, or: replctl rollback {id}"
    ));
    operator.run(&["rollback", "--yes"]).ok();
    dies(
        &operator,
        9,
        &["move", "slave2", "--under", "master", "--yes"],
    );
    operator.run(&["resume", "--yes"]).ok();
    operator.run(&["detach", "slave2", "--yes"]).ok();
    // The servers are not asked: they may all be gone.
    deployment.servers.clear();
    let seen = operator.run(&["history"]).ok();
    assert!(!seen.stdout.contains("hint:"), "{seen}");
    lists(
        &seen,
        &[
            ("detach slave2", "done"),
            ("move slave2 --under master", "done"),
            ("promote master", "rolled back"),
            ("promote slave1", "done"),
        ],
    );
    let all = json(&operator, &[]);
    let operations = all["operations"].as_array().unwrap();
    assert_eq!(operations[1]["runs"].as_array().unwrap().len(), 2);
    assert_eq!(operations[2]["outcome"], "rolled-back");
    assert_eq!(operations[3]["operation"]["promote"]["node"], "slave1");
    assert!(operations[3]["took_ms"].as_f64().unwrap() > 0.0);
    assert!(operations.iter().all(|o| o["unfinished"] == false));
    assert_eq!(all["running"], Value::Null);
    // The newest of those that a node took part in.
    let chosen = json(&operator, &["slave2", "--limit", "1"]);
    assert_eq!(chosen["operations"][0]["line"], "detach slave2");
    assert_eq!(chosen["older"], 3, "it was repointed by both promotions");
    assert_eq!(
        json(&operator, &["nobody"])["operations"],
        Value::Array(vec![])
    );
    operator
        .run(&["history", "--limit", "1"])
        .ok()
        .says("3 older: --limit 0 lists all");
}

#[test]
fn who_has_left_an_operation_as_it_is_is_told_with_the_time() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    dies(&operator, 7, &["promote", "slave1", "--yes"]);
    let listed = || json(&operator, &[])["operations"][0].clone();
    assert_eq!(listed()["left_as_it_is"], Value::Null);
    let id = listed()["id"].as_str().unwrap().to_owned();
    let before = operator.run(&["history"]).ok();
    assert!(!before.stdout.contains("left as it is"), "{before}");
    let begun = std::time::SystemTime::now();
    operator.run(&["abandon", &id, "--yes"]).ok();
    let seen = operator.run(&["history"]).ok();
    let row = seen.stdout.lines().find(|l| l.contains(&id)).unwrap();
    let (_, left) = row.split_once("left as it is by ").unwrap();
    assert!(left.contains('@') && left.contains(" on 20"), "{row}");
    assert!(left.contains("cut short"), "{row}");
    let listed = listed();
    assert_eq!(listed["unfinished"], false);
    let left = &listed["left_as_it_is"];
    assert_eq!(left["who"], listed["who"]);
    let since: jiff::Timestamp = left["since"].as_str().unwrap().parse().unwrap();
    let took = begun.elapsed().unwrap().as_secs();
    let ago = jiff::Timestamp::now().duration_since(since).as_secs();
    assert!(ago >= 0 && ago.unsigned_abs() <= took + 1, "{ago}");
}

#[test]
fn an_operation_that_runs_is_told_from_one_that_was_cut_short() {
    let Some(family) = Family::debian() else {
        return;
    };
    let deployment = Trio::start(family, &[BACKLOG]);
    let operator = deployment.operator();
    for n in 0..10 {
        let target = ["slave1", "master"][n % 2];
        let mut running = operator.start(&["promote", target, "--yes"]);
        let begun = journals(&operator);
        await_some("its journal", Duration::from_secs(20), || {
            (count(&begun) > n || running.has_ended()).then_some(())
        });
        running.signal(libc::SIGSTOP);
        let seen = json(&operator, &[]);
        running.signal(libc::SIGCONT);
        running.wait(Duration::from_mins(1)).ok();
        assert_eq!(json(&operator, &[])["operations"][0]["outcome"], "done");
        if seen["operations"][0]["outcome"] == "running" {
            assert_eq!(seen["operations"][0]["unfinished"], false);
            assert_eq!(
                seen["running"],
                seen["operations"][0]["runs"][0]["who"]
                    .as_str()
                    .map_or(Value::Null, |who| format!(
                        "{who}, process {}",
                        seen["operations"][0]["runs"][0]["process"]
                    )
                    .into())
            );
            return;
        }
        // It was quicker than the signal, or its journal had no name yet.
        let first = n == 0 && seen["operations"][0].is_null();
        let before = &seen["operations"][0]["outcome"];
        assert!(first || before == "done", "{seen:#}");
    }
    panic!("ten promotions were all over before they could be stopped");
}

/// The command uses neither servers nor secrets, and a journal's content cannot control a terminal.
#[test]
fn it_needs_nothing_but_the_journals() {
    let operator = Replctl::new();
    let mark = operator.home().join("asked");
    let file = operator.home().join("inventory.toml");
    let text = format!(
        "[deployment]\nname = \"orders\"\npassword = {{ command = \"touch {}\" }}\n[[node]]\nname = \"master\"\naddress = \"127.0.0.1:1\"\n",
        mark.display()
    );
    std::fs::write(&file, text).unwrap();
    let operator = operator.inventory(&file);
    let folder = journals(&operator);
    std::fs::create_dir_all(&folder).unwrap();
    let hostile = r#"{"time":"2025-11-01T10:00:00Z","event":"planned","format":1,"deployment":"orders","who":"ann\u001b[2J@ops","plan":{"operation":{"promote":{"node":"a\u001b]0;x\u0007","accept":[]}},"stages":[],"warnings":[],"may_lose":null}}
{"time":"2025-11-01T10:00:01Z","event":"ended","outcome":{"outcome":"stopped","at":{"stage":0,"step":0},"why":"\u202egnp"}}"#;
    std::fs::write(folder.join("20251101T100000.000Z-promote-a.jsonl"), hostile).unwrap();
    std::fs::write(
        folder.join("20251101T110000.000Z-setup.jsonl"),
        "\u{0}\u{1}",
    )
    .unwrap();
    let ran = operator
        .run(&["history"])
        .ok()
        .says("its journal cannot be read");
    assert!(
        !ran.stdout.chars().any(|c| c != '\n' && c.is_control()),
        "{ran}"
    );
    let as_json = operator.run(&["history", "--json"]).ok();
    assert!(
        !as_json.stdout.contains(['\u{202e}', '\u{1b}']),
        "{as_json}"
    );
    assert!(!mark.exists(), "the password was asked for");
    figure(&format!("history: {:.0} ms", ran.took.as_secs_f64() * 1e3));
}
