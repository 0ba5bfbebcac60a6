//! `error.reason` in JSON, `error.changed` with it, and options that exclude each other on both
//! sides of the command.

use crate::support::{Family, Replctl, Trio, await_that};
use rexpect::session::spawn_command;
use serde_json::Value;
use std::fs::File;
use std::process::Command;
use std::time::Duration;

/// Runs a line with `--json`, and gives its document.
#[track_caller]
fn told(operator: &Replctl<'_>, line: &str, code: i32) -> Value {
    let words: Vec<&str> = line.split(' ').chain(["--json"]).collect();
    let ran = operator.run(&words).code(code);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"))
}

/// Runs a line that fails. Returns `error.reason`, and whether something changed.
#[track_caller]
fn fails(operator: &Replctl<'_>, line: &str, code: i32) -> (String, Value) {
    let document = told(operator, line, code);
    let error = &document["error"];
    let reason = error["reason"].as_str().unwrap().to_owned();
    (reason, error["changed"].clone())
}

#[test]
fn each_failure_has_a_word_of_its_own() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let operator = trio.operator();
    let is = |line: &str, code: i32, reason: &str| {
        let (told, changed) = fails(&operator, line, code);
        assert_eq!(told, reason, "{line}");
        assert_eq!(changed, false, "{line}");
    };
    is("status --nosuch", 2, "usage");
    is("promote nobody --yes", 2, "usage");
    is("status --inventory nosuch.toml", 2, "inventory");
    is("promote slave1", 3, "no_terminal");
    is("move master --under slave1 --yes", 3, "role");
    is("move slave1 --under slave1 --yes", 3, "topology");
    exclusive(&operator);
    interrupted(&trio, &operator);

    operator.run(&["promote", "slave1", "--yes"]).ok();
    operator.run(&["promote", "master", "--yes"]).ok();
    let lock = operator.home().join(".local/state/replctl/orders/lock");
    let lock = File::options().write(true).open(lock).unwrap();
    lock.lock().unwrap();
    is("promote slave1 --yes", 3, "locked");
    drop(lock);
    others(&trio, &operator);

    trio.servers[2].kill9();
    is("promote slave2 --yes", 3, "unreachable");
    trio.servers[0].kill9();
    await_that("the link to be down", Duration::from_secs(10), || {
        trio.servers[1].client().info("replication")["master_link_status"] == "down"
    });
    is("promote slave1 --yes", 3, "split_brain");
    is("endpoint", 4, "problems");
}

/// Options that clap refuses side by side are also refused with the command between them.
fn exclusive(operator: &Replctl<'_>) {
    for (line, both) in [
        ("-q status -v", ["--quiet", "--verbose"]),
        ("status -q -v", ["--quiet", "--verbose"]),
        ("--json endpoint --format env", ["--json", "--format"]),
        ("endpoint --json --format env", ["--json", "--format"]),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = operator.run(&words).code(2);
        assert!(both.iter().all(|one| ran.stderr.contains(one)), "{ran}");
        assert!(ran.stderr.contains("cannot be used with"), "{ran}");
        if line.contains("--json") {
            let json: Value = serde_json::from_str(&ran.stdout).unwrap();
            assert_eq!(json["error"]["reason"], "usage", "{ran}");
        }
    }
}

/// Ctrl-C at each question ends with a document.
fn interrupted(trio: &Trio, operator: &Replctl<'_>) {
    for (line, question) in [
        ("promote slave1 --json", "Do this?"),
        ("promote --json", "Which is to be the primary?"),
        ("init --json --output new.toml", "name of the deployment"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let mut terminal = operator.terminal(20, &words);
        terminal.exp_string(question).unwrap();
        terminal.send_control('c').unwrap();
        let said = terminal.exp_eof().unwrap();
        let end = terminal.process().wait().unwrap();
        assert!(format!("{end:?}").contains("130"), "{line}: {end:?}");
        let begin = said
            .find("{\r\n")
            .unwrap_or_else(|| panic!("{line}: {said}"));
        let json: Value = serde_json::from_str(&said[begin..]).unwrap();
        assert_eq!(json["error"]["reason"], "interrupted", "{line}: {json:#}");
        assert_eq!(json["error"]["exit"], 130, "{line}");
        assert_eq!(json["error"]["changed"], false, "{line}");
    }
    trio.assert_primary(0);
}

/// Another operator's claim that `--take-over` ends: this is a change, whatever the command's
/// result.
fn others(trio: &Trio, operator: &Replctl<'_>) {
    let claim = || {
        let mut other = trio.servers[0].client();
        let name = "replctl:promote%20slave2:bob@elsewhere:0123456789abcdef";
        other.command(&["CLIENT", "SETNAME", name]);
        other.command(&["SUBSCRIBE", "replctl"]);
        other
    };
    let held = claim();
    let (reason, changed) = fails(operator, "move slave1 --under slave1 --yes", 3);
    assert_eq!((reason.as_str(), changed), ("claimed", Value::from(false)));
    let line = "move slave1 --under slave1 --yes --take-over";
    let document = told(operator, line, 3);
    drop(held);
    assert_eq!(document["error"]["reason"], "topology", "{document:#}");
    assert_eq!(document["error"]["changed"], true, "{document:#}");
    let warnings = document["warnings"].to_string();
    assert!(
        warnings.contains("`promote slave2` by bob@elsewhere was ended"),
        "{document:#}"
    );
    let (_, changed) = fails(operator, line, 3);
    assert_eq!(changed, false, "nobody was there");
}

/// After Ctrl-C at a password prompt, the terminal shows typed text again.
#[test]
fn a_terminal_shows_what_is_typed_after_an_interrupted_password() {
    const LINE: &str =
        "trap : INT; stty echo; \"$R\" promote master --json; echo \"exit=$?\"; stty -a";
    let home = tempfile::tempdir().unwrap();
    let inventory = "[deployment]\nname = \"orders\"\npassword = { prompt = true }\n\
                     [[node]]\nname = \"master\"\naddress = \"127.0.0.1\"\nport = 1\n";
    std::fs::write(home.path().join("inventory.toml"), inventory).unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", LINE])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("TERM", "xterm")
        .env("R", Replctl::binary())
        .current_dir(home.path());
    let mut terminal = spawn_command(command, Some(20_000)).unwrap();
    terminal.exp_string("password of the servers").unwrap();
    terminal.send_control('c').unwrap();
    let said = terminal.exp_eof().unwrap();
    assert!(said.contains("exit=130"), "{said}");
    let modes: Vec<&str> = said.split_whitespace().collect();
    assert!(modes.contains(&"echo"), "{said}");
}
