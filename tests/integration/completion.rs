//! Node names after TAB, in the shells themselves: bash, zsh and fish, where they are installed.
//!
//! Completing must not use the network, must not complain, and must not be felt.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::support::{InventoryText, NodeText, Replctl, figure, not_run, user_id};
use rexpect::session::{PtySession, spawn_command};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// An operator's folder with replctl on the PATH, and two inventories that a test may name.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("replctl-desk-")
            .tempdir()
            .unwrap();
        for name in ["bin", "work"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        symlink(Replctl::binary(), folder.path().join("bin/replctl")).unwrap();
        let desk = Self { folder };
        // Names and addresses that nothing answers for: who asked a resolver or a server would be
        // seen by the time it takes.
        desk.inventory("orders.toml", &["master", "slave1", "slave2"]);
        desk.inventory("other.toml", &["alpha", "beta", "gamma"]);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    fn inventory(&self, file: &str, names: &[&str]) {
        let mut text = InventoryText::new(file.trim_end_matches(".toml"));
        for (n, name) in names.iter().enumerate() {
            let node = NodeText::new(name, &format!("{name}.example.invalid"));
            text = text.node(if n == 0 {
                node
            } else {
                node.replicaof(names[0])
            });
        }
        std::fs::write(self.path(file), text.text()).unwrap();
    }

    /// A program with this desk's environment, in a network of its own without any interface where
    /// the caller may have one.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = if user_id() == 0 {
            let mut command = Command::new("unshare");
            command.args(["--net", "--", program]);
            command
        } else {
            Command::new(program)
        };
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(arguments)
            .env_clear()
            .env(
                "PATH",
                format!("{}:{path}", self.folder.path().join("bin").display()),
            )
            .env("HOME", self.folder.path())
            .env("TERM", "dumb")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.folder.path().join("work"));
        command
    }

    /// The completions of a line without any shell, and the time they take.
    fn ask(&self, words: &[&str]) -> (String, Duration) {
        let mut command = Command::new(Replctl::binary());
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("COMPLETE", "fish")
            .current_dir(self.folder.path().join("work"))
            .arg("--")
            .args(words);
        let begun = Instant::now();
        let out = command.output().unwrap();
        let took = begun.elapsed();
        assert!(out.stderr.is_empty(), "{out:?}");
        (String::from_utf8(out.stdout).unwrap(), took)
    }
}

fn installed(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        not_run(&format!("{program} is not installed"));
    }
    there
}

/// A shell on a terminal, with the completion of replctl loaded.
struct Shell {
    session: PtySession,
}

const PROMPT: &str = "PROMPT> ";

impl Shell {
    fn bash(desk: &Desk) -> Self {
        let mut command = desk.command("bash", &["--norc", "--noprofile", "-i"]);
        command.env("PS1", PROMPT);
        let mut shell = Self {
            session: spawn_command(command, Some(20_000)).unwrap(),
        };
        // The terminal comes without echo, and readline shows nothing on such a one.
        shell.run("stty echo");
        shell.run("bind 'set enable-bracketed-paste off'; bind 'set show-all-if-ambiguous on'");
        shell.run("source <(replctl completions bash)");
        shell
    }

    fn zsh(desk: &Desk) -> Self {
        Self::zsh_with(desk, "source <(replctl completions zsh)")
    }

    /// A zsh that loads the completion by itself, from a folder of its `fpath`, where packages put
    /// it.
    fn zsh_by_folder(desk: &Desk) -> Self {
        Self::zsh_with(desk, "compinit -D -u")
    }

    fn zsh_with(desk: &Desk, last: &str) -> Self {
        let out = desk.command("replctl", &["completions", "zsh"]).output();
        std::fs::write(desk.path("_replctl"), out.unwrap().stdout).unwrap();
        let mut command = desk.command("zsh", &["-f", "-i"]);
        command.env("PS1", PROMPT);
        let mut shell = Self {
            session: spawn_command(command, Some(20_000)).unwrap(),
        };
        shell.run("stty echo");
        shell.run("unsetopt beep prompt_sp; autoload -Uz compinit; compinit -D -u");
        shell.run("fpath=($PWD $fpath)");
        shell.run(last);
        shell
    }

    /// Runs a line; what it prints.
    fn run(&mut self, line: &str) -> String {
        self.session.send(line).unwrap();
        self.end_line("")
    }

    /// The shell's whole answer to TAB after `line`. The line is then discarded.
    fn tab(&mut self, line: &str) -> String {
        self.session.send(line).unwrap();
        self.session.send("\t").unwrap();
        // Ctrl-A, Ctrl-K: the shell reads them when it has completed.
        self.end_line("\u{1}\u{b}")
    }

    fn end_line(&mut self, before: &str) -> String {
        self.session.send(before).unwrap();
        let mark = if before.is_empty() { "; echo" } else { "echo" };
        self.session
            .send(&format!("{mark} DONE$((40+2))\r"))
            .unwrap();
        self.session.flush().unwrap();
        self.session.exp_string("DONE42").unwrap()
    }

    /// The words that TAB after `line` lists.
    fn candidates(&mut self, line: &str) -> Vec<String> {
        let shown = self.tab(line);
        let list = shown
            .split_once(line)
            .map_or(shown.as_str(), |(_, after)| after);
        // Between the typed line and the next prompt.
        let list = list.split(PROMPT).next().unwrap_or_default();
        list.split_once('\n')
            .map_or("", |(_, list)| list)
            .split_whitespace()
            .map(|word| word.trim_matches(|c: char| c.is_control()).to_owned())
            .filter(|word| !word.is_empty())
            .collect()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Interactive shells do not end at the SIGTERM that the session would send for as long as
        // its reads may take.
        self.session.process_mut().set_kill_timeout(Some(0));
    }
}

#[test]
fn bash_lists_the_nodes_replicas_first() {
    let desk = Desk::new();
    let mut bash = Shell::bash(&desk);
    let file = desk.path("orders.toml");
    std::fs::copy(&file, desk.path("inventory.toml")).unwrap();
    assert_eq!(
        bash.candidates("replctl promote "),
        ["slave1", "slave2", "master"]
    );
    // What is typed already narrows them, and is carried as far as they agree.
    assert_eq!(bash.candidates("replctl promote sl"), ["slave1", "slave2"]);
    let one = bash.tab("replctl promote ma");
    assert!(one.contains("replctl promote master "), "{one:?}");
    // The order of the inventory where the role is not what matters.
    assert_eq!(
        bash.candidates("replctl setup "),
        ["master", "slave1", "slave2"]
    );
    assert_eq!(
        bash.candidates("replctl setup --discard-data "),
        ["master", "slave1", "slave2"]
    );
}

#[test]
fn bash_takes_the_inventory_that_is_named() {
    let desk = Desk::new();
    std::fs::copy(desk.path("orders.toml"), desk.path("inventory.toml")).unwrap();
    std::fs::copy(
        desk.path("other.toml"),
        desk.folder.path().join("home.toml"),
    )
    .unwrap();
    let mut bash = Shell::bash(&desk);
    let other = ["beta", "gamma", "alpha"];
    for line in [
        "replctl --inventory other.toml promote ",
        "replctl --inventory=other.toml promote ",
        "replctl promote --inventory other.toml ",
        "replctl -i other.toml promote ",
        "replctl -iother.toml promote ",
        "replctl promote -ni other.toml ",
        "replctl -i ~/home.toml promote ",
    ] {
        assert_eq!(bash.candidates(line), other, "{line}");
    }
    bash.run("export REPLCTL_INVENTORY=other.toml");
    assert_eq!(bash.candidates("replctl promote "), other);
    assert_eq!(
        bash.candidates("replctl -i orders.toml promote "),
        ["slave1", "slave2", "master"],
        "the command line wins over the environment"
    );
}

#[test]
fn bash_says_nothing_where_there_is_no_inventory() {
    let desk = Desk::new();
    let mut bash = Shell::bash(&desk);
    std::fs::write(desk.path("broken.toml"), "[deployment\nname = 3").unwrap();
    bash.run("mkfifo pipe.toml");
    // Options are all that is left to offer, --inventory among them.
    let options = |words: &[String]| {
        words.contains(&"--inventory".to_owned()) && words.iter().all(|w| w.starts_with('-'))
    };
    for line in [
        "replctl promote ",
        "replctl -i nowhere.toml promote ",
        "replctl -i broken.toml promote ",
        "replctl -i pipe.toml promote ",
        "replctl -i / promote ",
        "replctl resume ",
        "replctl -i orders.toml resume ",
    ] {
        let words = bash.candidates(line);
        assert!(options(&words), "{line}: {words:?}");
    }
    assert!(
        !desk.folder.path().join(".local").exists(),
        "completing made a folder"
    );
}

#[test]
fn bash_completes_the_unfinished_operation() {
    let desk = Desk::new();
    let journal = desk
        .folder
        .path()
        .join(".local/state/replctl/orders/journal");
    std::fs::create_dir_all(&journal).unwrap();
    let planned = |node: &str| {
        let plan = format!(
            r#"{{"operation":{{"promote":{{"node":"{node}","accept":[]}}}},"stages":[],"warnings":[],"may_lose":null}}"#
        );
        format!(
            r#"{{"time":"2026-01-02T03:04:05Z","event":"planned","format":1,"deployment":"orders","who":"me@here","plan":{plan}}}"#
        )
    };
    for (id, node) in [
        ("20260101-000000-promote-slave2", "slave2"),
        ("20260102-030405-promote-slave1", "slave1"),
    ] {
        std::fs::write(journal.join(format!("{id}.jsonl")), planned(node) + "\n").unwrap();
    }
    let mut bash = Shell::bash(&desk);
    let shown = bash.tab("replctl -i orders.toml resume 2");
    assert!(
        shown.contains("resume 20260102-030405-promote-slave1"),
        "{shown:?}"
    );
}

#[test]
fn zsh_lists_the_nodes() {
    if !installed("zsh") {
        return;
    }
    let desk = Desk::new();
    let mut zsh = Shell::zsh(&desk);
    let words = zsh.candidates("replctl -i orders.toml promote ");
    let names: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|w| ["master", "slave1", "slave2"].contains(w))
        .collect();
    assert_eq!(names, ["slave1", "slave2", "master"], "{words:?}");
    let none = zsh.tab("replctl promote ");
    // Options only, which all begin with two dashes.
    assert!(none.contains("replctl promote --"), "{none:?}");
    assert!(!none.contains("error"), "{none:?}");
}

#[test]
fn zsh_lists_the_nodes_at_the_first_tab_where_it_loads_the_script_itself() {
    if !installed("zsh") {
        return;
    }
    let desk = Desk::new();
    let mut zsh = Shell::zsh_by_folder(&desk);
    for time in ["the first time", "the second time"] {
        let words = zsh.candidates("replctl -i orders.toml promote ");
        for node in ["slave1", "slave2", "master"] {
            assert!(words.iter().any(|w| w == node), "{time}: {words:?}");
        }
    }
}

#[test]
fn fish_lists_the_nodes_with_their_addresses() {
    if !installed("fish") {
        return;
    }
    let desk = Desk::new();
    let fish = |line: &str| {
        let script = format!("replctl completions fish | source; complete --do-complete '{line}'");
        let out = desk
            .command("fish", &["--no-config", "--command", &script])
            .output()
            .unwrap();
        assert!(out.stderr.is_empty(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(
        fish("replctl -i orders.toml promote "),
        "slave1\tslave1.example.invalid:6379\nslave2\tslave2.example.invalid:6379\nmaster\tmaster.example.invalid:6379\n"
    );
    let none = fish("replctl promote ");
    assert!(none.lines().all(|l| l.starts_with("--")), "{none}");
}

/// A person does not notice 20 ms. A build without optimization may take three times that.
#[test]
fn it_is_quick() {
    let desk = Desk::new();
    let names: Vec<String> = (1..=1000).map(|n| format!("node{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    desk.inventory("thousand.toml", &names);
    let allowed = Duration::from_millis(if cfg!(debug_assertions) { 60 } else { 20 });
    for (file, first) in [("orders.toml", "slave1\t"), ("thousand.toml", "node2\t")] {
        let words = ["replctl", "-i", file, "promote", ""];
        let mut times: Vec<Duration> = (0..21)
            .map(|_| {
                let (text, took) = desk.ask(&words);
                assert!(text.starts_with(first), "{text}");
                took
            })
            .collect();
        times.sort();
        figure(&format!(
            "completing from {file}: median {:?}, fastest {:?}",
            times[10], times[0]
        ));
        // Other tests run at the same time: the faster quarter says what it takes.
        if file == "orders.toml" {
            assert!(times[5] < allowed, "{times:?}");
        }
    }
}
