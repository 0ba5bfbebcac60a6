//! What the parser accepts. Its messages are in `tests/messages.rs`, hostile input is in
//! `tests/hostile.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod hostile;
mod messages;

use super::parse::parse;
use super::*;
use secrecy::ExposeSecret;
use std::path::Path;

pub const EXAMPLE: &str = include_str!("../../inventory.toml.example");

/// The inventory in `text`; anything wrong with it fails the test.
pub fn good(text: &str) -> Inventory {
    parse(Path::new("inventory.toml"), text).unwrap_or_else(|problems| {
        panic!(
            "{}",
            problems
                .iter()
                .map(crate::error::Problem::text)
                .collect::<Vec<_>>()
                .join("\n")
        )
    })
}

/// One node on loopback with `extra` lines, after `head`.
fn one(head: &str, extra: &str) -> Inventory {
    good(&format!(
        "[deployment]\nname = \"x\"\n{head}\n[[node]]\nname = \"a\"\naddress = \"127.0.0.1\"\n{extra}\n"
    ))
}

#[test]
fn the_example_is_the_address_table() {
    let inventory = good(EXAMPLE);
    assert_eq!(inventory.name, "orders");
    assert!(
        matches!(&inventory.auth, Auth::Password(SecretSource::File(file)) if file == Path::new("orders.password"))
    );
    assert_eq!(inventory.server.source, ServerSource::Embedded);
    assert_eq!(
        (
            inventory.server.directory.as_str(),
            inventory.server.databases
        ),
        ("/db/redis", 16)
    );
    assert_eq!(
        (inventory.server.user.as_str(), inventory.server.hostnames),
        ("redis", false)
    );
    let table: Vec<_> = inventory
        .nodes
        .iter()
        .map(|node| {
            (
                node.name.0.as_str(),
                node.address.to_string(),
                node.replicaof.as_ref().map(|name| name.0.as_str()),
            )
        })
        .collect();
    assert_eq!(
        table,
        [
            ("master", "192.168.0.120:6379".to_owned(), None),
            ("slave1", "192.168.0.130:6379".to_owned(), Some("master")),
            ("slave2", "192.168.0.140:6379".to_owned(), Some("master")),
        ]
    );
}

#[test]
fn the_examples_settings_reach_every_node() {
    let inventory = good(EXAMPLE);
    for node in &inventory.nodes {
        assert_eq!(
            node.ssh,
            SshSettings {
                user: Some("root".to_owned()),
                ..SshSettings::default()
            }
        );
        assert_eq!(
            node.config,
            [("maxmemory".to_owned(), vec!["1gb".to_owned()])].into()
        );
        assert_eq!(
            (node.via, node.priority, node.announced()),
            (Via::Auto, None, &node.address)
        );
    }
    let (line, column) = inventory.nodes[1].line;
    assert_eq!(
        EXAMPLE
            .lines()
            .nth(line - 1)
            .unwrap()
            .find("\"192.168.0.130\""),
        Some(column - 1)
    );
}

/// The parser takes every option that the example shows in comments.
#[test]
fn the_examples_comments_are_true() {
    let (_, comments) = EXAMPLE.split_once("or an example.\n").unwrap();
    let mut section = String::new();
    let mut tried = 0;
    for line in comments
        .lines()
        .map(|line| line.trim_start_matches('#').trim())
    {
        if line.starts_with('[') {
            line.split(" #")
                .next()
                .unwrap()
                .trim()
                .clone_into(&mut section);
            continue;
        }
        if !line.contains(" = ") || line.starts_with('`') || section.is_empty() {
            continue;
        }
        let line = line.replace('…', &"0".repeat(64));
        let needs = match line.split(" #").next().unwrap().trim() {
            "source = \"tarball\"" => {
                "file = \"f\"\nsha256 = \"0000000000000000000000000000000000000000000000000000000000000000\""
            }
            "source = \"binary\"" => "file = \"f\"",
            text if text.starts_with("file = ") => "source = \"binary\"",
            text if text.starts_with("sha256 = ") => "source = \"tarball\"\nfile = \"f\"",
            text if text.starts_with("user = \"replctl") => "password = { env = \"P\" }",
            text if text.starts_with("masteruser") => "masterauth = { env = \"P\" }",
            text if text.starts_with("cert = ") => "key = \"k\"",
            text if text.starts_with("key = ") => "cert = \"c\"",
            text if text.starts_with("server_cert = ") => "server_key = \"k\"",
            text if text.starts_with("server_key = ") => "server_cert = \"c\"",
            _ => "",
        };
        match section.as_str() {
            "[deployment]" => drop(one(&format!("{needs}\n{line}"), "")),
            "[[node]]" if line.starts_with("name") => drop(good(&format!(
                "[deployment]\nname = \"x\"\n[[node]]\n{line}\naddress = \"::1\""
            ))),
            "[[node]]" if line.starts_with("address") => drop(good(&format!(
                "[deployment]\nname = \"x\"\nauth = \"none\"\n[[node]]\nname = \"a\"\n{line}"
            ))),
            "[[node]]" if line.starts_with("replicaof") => {
                drop(one(
                    "",
                    "[[node]]\nname = \"slave1\"\naddress = \"127.0.0.2\"\nreplicaof = \"a\"\n[[node]]\nname = \"b\"\naddress = \"127.0.0.3\"\nreplicaof = \"slave1\"",
                ));
            }
            "[[node]]" => drop(one("auth = \"none\"", &line)),
            "[node.config]" => drop(one("", &format!("[node.config]\n{line}"))),
            other => drop(one(&format!("{other}\n{needs}\n{line}"), "")),
        }
        tried += 1;
    }
    assert!(
        tried >= 24,
        "only {tried} options were found in the comments"
    );
}

#[test]
fn nodes_overlay_the_general_settings() {
    let inventory = one(
        "auth = \"none\"\n[ssh]\nuser = \"root\"\nport = 22\nidentity_file = \"~/.ssh/id\"\nsudo = false\n\
         [server.config]\nmaxmemory = \"1gb\"\nsave = [\"3600 1\", \"300 100\"]\nslave-read-only = true\ntimeout = 0x10",
        "ssh = \"admin@bastion:2222\"\nannounce = \"203.0.113.7\"\nport = 7001\n[node.config]\nMaxMemory = \"2gb\"\nreplica-read-only = false\n\
         [[node]]\nname = \"b\"\naddress = \"[::1]:7002\"\nslaveof = \"a\"\nslave-priority = 0\nvia = \"ssh\"\n\
         [node.ssh]\nidentity_file = [\"k1\", \"k2\"]\nknown_hosts = \"kh\"\nsudo = true",
    );
    let [a, b] = inventory.nodes.as_slice() else {
        panic!("two nodes")
    };
    assert_eq!(a.ssh.user.as_deref(), Some("admin"));
    assert_eq!(
        (a.ssh.host.as_deref(), a.ssh.port, a.ssh.sudo),
        (Some("bastion"), Some(2222), Some(false))
    );
    assert_eq!(a.announced(), &Address::new("203.0.113.7", 7001));
    assert_eq!(a.config["maxmemory"], ["2gb"]);
    assert_eq!(a.config["save"], ["3600 1", "300 100"]);
    assert_eq!(
        (&a.config["replica-read-only"], &a.config["timeout"]),
        (&vec!["no".to_owned()], &vec!["16".to_owned()])
    );
    assert_eq!(b.address, Address::new("::1", 7002));
    assert_eq!(
        (b.replicaof.as_ref(), b.priority, b.via),
        (Some(&NodeName::from("a")), Some(0), Via::Ssh)
    );
    assert_eq!(
        b.ssh.identity_files,
        [PathBuf::from("k1"), PathBuf::from("k2")]
    );
    assert_eq!(
        (b.ssh.user.as_deref(), b.ssh.port, b.ssh.sudo),
        (Some("root"), Some(22), Some(true))
    );
    assert_eq!(b.config["replica-read-only"], ["yes"]);
}

#[test]
fn short_ssh_forms() {
    let ssh = |text: &str| one("", &format!("ssh = \"{text}\"")).nodes[0].ssh.clone();
    let parts = |ssh: SshSettings| (ssh.user, ssh.host, ssh.port);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        parts(ssh("root@db1:2222")),
        (some("root"), some("db1"), Some(2222))
    );
    assert_eq!(parts(ssh("root@")), (some("root"), None, None));
    assert_eq!(parts(ssh("db1")), (None, some("db1"), None));
    assert_eq!(parts(ssh(":2222")), (None, None, Some(2222)));
    assert_eq!(
        parts(ssh("a@corp@[::1]:22")),
        (some("a@corp"), some("::1"), Some(22))
    );
}

#[test]
fn the_ways_to_name_a_password() {
    let auth = |line: &str| one(line, "").auth;
    assert!(matches!(auth(""), Auth::None));
    assert!(matches!(auth("auth = \"none\""), Auth::None));
    assert!(
        matches!(auth("password = { env = \"$PW\" }"), Auth::Password(SecretSource::Env(name)) if name == "PW")
    );
    assert!(
        matches!(auth("password.file = \"a/b\""), Auth::Password(SecretSource::File(file)) if file == Path::new("a/b"))
    );
    assert!(
        matches!(auth("password = { command = \"pass x\" }"), Auth::Password(SecretSource::Command(line)) if line == "pass x")
    );
    assert!(matches!(
        auth("password = { prompt = true }"),
        Auth::Password(SecretSource::Prompt)
    ));
}

#[test]
fn a_password_in_the_file_is_warned_about_and_never_shown() {
    let inventory = one("password = \"hunter2hunter2\"", "");
    assert!(
        matches!(&inventory.auth, Auth::Password(SecretSource::Inline(secret)) if secret.expose_secret() == "hunter2hunter2")
    );
    assert_eq!(
        inventory.warnings(),
        [
            "the password of `x` stands in inventory.toml itself; `password = { file = \"x.password\" }` keeps it apart"
        ]
    );
    assert!(!format!("{inventory:?}").contains("hunter2"));
    assert!(one("", "").warnings().is_empty());
}

#[test]
fn sources_of_the_server() {
    let source = |lines: &str| one(&format!("[server]\n{lines}"), "").server.source;
    assert_eq!(source("source = \"package\""), ServerSource::Package(None));
    assert_eq!(
        source("source = \"package:valkey-server\""),
        ServerSource::Package(Some("valkey-server".to_owned()))
    );
    assert_eq!(
        source("source = \"binary\"\nfile = \"./redis-server\""),
        ServerSource::Binary(PathBuf::from("./redis-server"))
    );
    let sum = "AB".repeat(32);
    assert_eq!(
        source(&format!(
            "source = \"tarball\"\nfile = \"r.tgz\"\nsha256 = \"{sum}\""
        )),
        ServerSource::Tarball {
            file: PathBuf::from("r.tgz"),
            sha256: sum.to_lowercase()
        }
    );
    assert_eq!(
        one("[server]\ndirectory = \"/srv//redis/\"", "")
            .server
            .directory,
        "/srv/redis"
    );
}

#[test]
fn a_byte_order_mark_and_crlf_are_no_trouble() {
    let inventory = good(
        "\u{feff}[deployment]\r\nname = \"x\"\r\n[[node]]\r\nname = \"a\"\r\naddress = \"::1\"\r\n",
    );
    assert_eq!(inventory.nodes[0].line, (5, 11));
}

#[test]
fn how_a_server_of_others_is_run() {
    let said = |lines: &str| one("auth = \"none\"", lines).nodes.remove(0).service;
    let all = said(
        "managed = false\nunit = \"redis-server@a.service\"\nconfig_file = \"/etc/redis/redis.conf\"",
    );
    assert_eq!(all.managed, Some(false));
    assert_eq!(all.unit.as_deref(), Some("redis-server@a.service"));
    assert_eq!(all.config_file.as_deref(), Some("/etc/redis/redis.conf"));
    assert_eq!(said(""), ServiceSettings::default());
    let wrong = |lines: &str| {
        let text = format!(
            "[deployment]\nname = \"x\"\nauth = \"none\"\n[[node]]\nname = \"a\"\naddress = \"127.0.0.1\"\n{lines}\n"
        );
        let problems = parse(Path::new("inventory.toml"), &text).unwrap_err();
        let texts: Vec<String> = problems.iter().map(crate::error::Problem::text).collect();
        texts.join("\n")
    };
    for unit in [
        "redis-server",
        "-x.service",
        "a b.service",
        "x@.service",
        ".service",
        "../x.service",
    ] {
        let told = wrong(&format!("unit = \"{unit}\""));
        assert!(told.contains("is no systemd service"), "{unit}: {told}");
    }
    for file in ["redis.conf", "/etc/", "/etc/../x", "/a\\nb"] {
        let told = wrong(&format!("config_file = \"{file}\""));
        assert!(told.contains("`config_file` of node `a`"), "{file}: {told}");
    }
    assert!(wrong("managed = \"no\"").contains("`true` or `false`"));
}
