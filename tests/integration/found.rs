//! `replctl init --from`: running deployments, found from one of their servers or from a Sentinel.
//! The written inventory is used unchanged, and no server is changed.

#![allow(clippy::unwrap_used)]

mod forwards;
mod hostile;
mod merge;
mod sentinels;

use crate::support::inventory::write_password;
use crate::support::process::Ran;
use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::server::{Family, LocalServer};
use crate::support::{Encrypted, Trio, repository};
use std::path::{Path, PathBuf};

/// An operator without an inventory, in a home of its own.
pub struct Finder {
    /// Who runs replctl.
    pub operator: Replctl<'static>,
}

impl Finder {
    /// Nothing is written yet.
    pub fn new() -> Self {
        Self {
            operator: Replctl::new(),
        }
    }

    /// `init --from` on loopback, where no host can be asked.
    pub fn run(&self, from: &str, more: &[&str]) -> Ran {
        let words = [&["init", "--from", from, "--no-ssh"], more].concat();
        self.operator.run(&words)
    }

    /// Where the inventory is written.
    pub fn file(&self) -> PathBuf {
        self.operator.home().join("inventory.toml")
    }

    /// What was written.
    #[track_caller]
    pub fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// Its nodes: port, and the port of its upstream.
    #[track_caller]
    pub fn nodes(&self) -> Vec<(u16, Option<u16>)> {
        let table: toml::Table = self.text().parse().unwrap();
        let nodes = table["node"].as_array().unwrap().clone();
        let port = |node: &toml::Value| u16::try_from(node["port"].as_integer().unwrap()).unwrap();
        let named = |name: &str| {
            let node = nodes.iter().find(|n| n["name"].as_str() == Some(name));
            port(node.unwrap())
        };
        let up = |node: &toml::Value| node.get("replicaof").map(|n| named(n.as_str().unwrap()));
        nodes.iter().map(|node| (port(node), up(node))).collect()
    }

    /// Nothing was written.
    #[track_caller]
    pub fn assert_nothing(&self) {
        let left = std::fs::read_dir(self.operator.home()).unwrap();
        let left: Vec<_> = left
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| Path::new(name).extension().is_some_and(|end| end == "toml"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    /// Asserts that the unchanged inventory shows a healthy deployment with that number of
    /// replicas, and promotes.
    #[track_caller]
    pub fn is_used(&self, replicas: usize) {
        let s = if replicas == 1 { "" } else { "s" };
        let said = format!(", {replicas} replica{s} in sync");
        self.operator.run(&["status", "--no-ssh"]).ok().says(&said);
        let table: toml::Table = self.text().parse().unwrap();
        let node = table["node"][1]["name"].as_str().unwrap().to_owned();
        let plan = self.operator.run(&["promote", &node, "--dry-run"]).ok();
        plan.says("hand over from");
    }
}

/// A fingerprint of a server that shows any change.
pub fn print(server: &LocalServer) -> String {
    let mut client = server.client();
    let told = client.command(&["CONFIG", "GET", "*"]).items();
    let mut config: Vec<String> = told
        .chunks(2)
        .map(|pair| format!("{}={}", pair[0].text(), pair[1].text()))
        .collect();
    config.sort_unstable();
    let config = config.join("\n");
    let role = client.info("replication")["role"].clone();
    let keys = client.command(&["DBSIZE"]).text();
    let file = std::fs::read_to_string(server.config_file()).unwrap();
    format!("{config} {role} {keys} {file}")
}

pub fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// The upstream of a server, read by a client that is not ours.
fn told(server: &LocalServer) -> (u16, Option<u16>) {
    let info = server.client().info("replication");
    let up = info.get("master_port").map(|port| port.parse().unwrap());
    (server.port, up)
}

#[test]
fn a_chain_is_found_from_each_of_its_servers_on_every_family() {
    each_family(|_, family| {
        let servers: Vec<LocalServer> = (0..4).map(|_| family.start(&[])).collect();
        for (replica, upstream) in [(1, 0), (2, 1), (3, 0)] {
            servers[replica].follow(&servers[upstream]);
        }
        let before: Vec<String> = servers.iter().map(print).collect();
        let oracle: Vec<(u16, Option<u16>)> = servers.iter().map(told).collect();
        for start in &servers {
            let finder = Finder::new();
            let ran = finder.run(&at(start.port), &[]).ok();
            ran.says("4 servers");
            let mut nodes = finder.nodes();
            assert_eq!(nodes[0], oracle[0], "{}: the primary is first", family.name);
            // Each stands behind whom it follows.
            for (at, (_, up)) in nodes.iter().enumerate().skip(1) {
                assert!(nodes[..at].iter().any(|(port, _)| Some(*port) == *up));
            }
            let mut wanted = oracle.clone();
            nodes.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(nodes, wanted, "{}", family.name);
            finder.is_used(3);
        }
        let after: Vec<String> = servers.iter().map(print).collect();
        assert_eq!(after, before, "{}", family.name);
    });
}

/// Three servers that get a password when they replicate.
fn with_password(family: &Family, password: &str) -> Trio {
    let trio = Trio::start(family, &[]);
    for directive in ["masterauth", "requirepass"] {
        for server in &trio.servers {
            let words = ["CONFIG", "SET", directive, password];
            assert_eq!(server.client().command(&words).text(), "OK");
        }
    }
    trio
}

#[test]
fn passwords_come_from_a_file_or_a_variable_and_are_never_written() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = with_password(family, "hush-servers");
    let start = at(trio.servers[1].port);
    let finder = Finder::new();
    let refused = finder.run(&start, &[]).code(3);
    refused
        .says("it wants a password")
        .says("--password-file FILE");
    let wrong = write_password(finder.operator.home(), "wrong");
    let words = ["--password-file", wrong.to_str().unwrap(), "--yes"];
    let refused = finder.run(&start, &words).code(3);
    refused.says("it refuses the password");
    let secret = write_password(finder.operator.home(), "hush-servers");
    let words = ["--password-file", secret.to_str().unwrap()];
    // Other servers would get it, and nobody can say yes.
    let refused = finder.run(&start, &words).code(3);
    refused
        .says("there is nobody to ask; nothing was written")
        .says(&format!("the addresses are {}", at(trio.servers[0].port)))
        .says("with --yes");
    finder.assert_nothing();
    finder.run(&start, &[&words[..], &["--yes"]].concat()).ok();
    let text = finder.text();
    assert!(!text.contains("hush"), "{text}");
    let name = secret.file_name().unwrap().to_str().unwrap();
    let line = format!("password = {{ file = \"{name}\" }}");
    assert!(text.contains(&line), "{text}");
    finder.is_used(2);

    let by_variable = Finder {
        operator: Replctl::new().env("SECRET", "hush-servers"),
    };
    by_variable
        .run(&start, &["--password-env", "SECRET", "--yes"])
        .ok();
    assert!(
        by_variable
            .text()
            .contains("password = { env = \"SECRET\" }")
    );
    by_variable.is_used(2);
}

#[test]
fn on_a_terminal_the_password_is_asked_for_and_where_it_may_go() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = with_password(family, "hush");
    let start = at(trio.servers[0].port);
    for (answer, nodes) in [("y", 3), ("n", 1)] {
        let finder = Finder::new();
        let words = ["init", "--from", &start, "--no-ssh"];
        let mut terminal = finder.operator.terminal(20, &words);
        terminal.exp_string("wants a password").unwrap();
        terminal.exp_string("password of the servers").unwrap();
        terminal.send_line("hush").unwrap();
        terminal
            .exp_string("the servers name more of them")
            .unwrap();
        terminal.exp_string("with the same password?").unwrap();
        terminal.send(answer).unwrap();
        terminal.flush().unwrap();
        terminal.exp_string("wrote inventory.toml").unwrap();
        terminal.exp_eof().unwrap();
        let text = finder.text();
        assert!(text.contains("password = { prompt = true }"), "{text}");
        assert_eq!(text.matches("\n[[node]]").count(), nodes, "{text}");
        assert_eq!(text.matches("\n# [[node]]").count(), 3 - nodes, "{text}");
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn a_user_of_access_lists_looks_with_what_status_needs() {
    let page = std::fs::read_to_string(repository().join("docs/access-lists.md")).unwrap();
    let (_, rest) = page
        .split_once("ACL SETUSER replctl on '>SECRET' ")
        .unwrap();
    let rule: Vec<&str> = rest
        .split("\n```")
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let rule: Vec<&str> = rule
        .iter()
        .map(|word| word.trim_matches(['\'', '\\']))
        .filter(|word| !word.is_empty())
        .collect();
    let Some(family) = Family::debian() else {
        return;
    };
    let user = format!("user replctl on >hush-replctl {}", rule.join(" "));
    let directives = [
        &user,
        "user repl on >hush-repl -@all +ping +psync +replconf",
        "masteruser repl",
        "masterauth hush-repl",
    ];
    let trio = Trio::start(family, &directives);
    let finder = Finder::new();
    let secret = write_password(finder.operator.home(), "hush-replctl");
    let words = [
        "--login",
        "replctl",
        "--password-file",
        secret.to_str().unwrap(),
        "--yes",
    ];
    finder.run(&at(trio.servers[2].port), &words).ok();
    let text = finder.text();
    assert!(text.contains("user = \"replctl\""), "{text}");
    assert!(text.contains("# masteruser = \"repl\""), "{text}");
    assert!(text.contains("# masterauth = "), "{text}");
    finder.is_used(2);
}

#[test]
fn servers_that_speak_tls_are_found_over_tls() {
    let Some(family) = Family::debian().filter(|family| family.has_tls()) else {
        return;
    };
    let encrypted = Encrypted::start(family, &[]);
    let finder = Finder::new();
    let start = at(encrypted.ports[1]);
    let refused = finder.run(&start, &[]).code(3);
    refused.says("--tls --ca FILE");
    let file = |path: &Path| path.to_str().unwrap().to_owned();
    let (ca, cert, key) = (
        file(&encrypted.ca.cert),
        file(&encrypted.own.cert),
        file(&encrypted.own.key),
    );
    let refused = finder.run(&start, &["--tls", "--ca", &ca]).code(3);
    refused.says("--cert FILE --key FILE");
    finder.assert_nothing();
    let words = ["--tls", "--ca", &ca, "--cert", &cert, "--key", &key];
    finder.run(&start, &words).ok();
    let mut ports: Vec<u16> = finder.nodes().iter().map(|(port, _)| *port).collect();
    let mut wanted = encrypted.ports.clone();
    ports.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(ports, wanted);
    finder.is_used(2);
}

#[test]
fn nothing_is_overwritten_and_stdout_takes_it_too() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    let start = at(trio.servers[0].port);
    let finder = Finder::new();
    std::fs::write(finder.file(), "mine").unwrap();
    let refused = finder.run(&start, &[]).code(3);
    refused.says("is there already and is not overwritten; nothing was written");
    assert_eq!(finder.text(), "mine");
    let printed = finder.run(&start, &["--output", "-"]).ok();
    assert_eq!(printed.stdout.matches("\n[[node]]").count(), 3);
    assert!(printed.stderr.contains("3 servers"), "{printed}");
    assert_eq!(finder.text(), "mine");
    finder
        .run(&start, &["--output", "-", "--json"])
        .code(2)
        .says("both want stdout");
    for wrong in ["root@127.0.0.1", "127.0.0", "127.0.0.1:0"] {
        finder
            .run(wrong, &["--output", "x.toml"])
            .code(2)
            .says("--from");
    }
}

#[test]
fn a_dead_primary_is_written_with_what_is_missing() {
    let Some(family) = Family::debian() else {
        return;
    };
    let trio = Trio::start(family, &[]);
    trio.servers[0].kill9();
    let finder = Finder::new();
    let ran = finder.run(&at(trio.servers[1].port), &[]).ok();
    ran.says("not seen").says("not reached: connection refused");
    let text = finder.text();
    assert!(text.contains("# not reached: connection refused"), "{text}");
    let nodes = finder.nodes();
    let port = |i: usize| trio.servers[i].port;
    // The other replica is named by nobody but the dead one.
    assert_eq!(nodes, [(port(0), None), (port(1), Some(port(0)))]);
    let told = finder.operator.run(&["status", "--no-ssh"]).code(4);
    told.says("refused");
}

#[test]
fn a_circle_has_a_beginning_in_the_inventory() {
    let Some(family) = Family::debian() else {
        return;
    };
    let servers: Vec<LocalServer> = (0..2).map(|_| family.start(&[])).collect();
    for (one, other) in [(0, 1), (1, 0)] {
        let port = servers[other].port.to_string();
        let words = ["REPLICAOF", "127.0.0.1", &port];
        assert_eq!(servers[one].client().command(&words).text(), "OK");
    }
    let finder = Finder::new();
    let ran = finder.run(&at(servers[0].port), &[]).ok();
    ran.says("it is in a circle of replicas");
    let text = finder.text();
    assert!(text.contains("# replicaof = "), "{text}");
    let told = finder.operator.run(&["status", "--no-ssh"]).code(4);
    told.says("replicate from each other");
}
