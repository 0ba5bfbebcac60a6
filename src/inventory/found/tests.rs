//! The parser reads what this module writes.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::inventory::parse::parse;
use crate::inventory::{Auth, Inventory, SecretSource, Via};
use std::path::Path;

fn read(text: &str) -> Inventory {
    parse(Path::new("i"), text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

fn full() -> (Access, Vec<FoundServer>) {
    let access = Access {
        name: "orders".to_owned(),
        login: Some("ops".to_owned()),
        password: Some(Source::File("a \"file\"".to_owned())),
        masteruser: Some("ops".to_owned()),
        notes: vec!["one\nname = \"evil\"".to_owned()],
        ssh: SshText {
            user: Some("root".to_owned()),
            identity_file: Some("~/.ssh/k".to_owned()),
            known_hosts: Some("/kh".to_owned()),
        },
        tls: Some(TlsText {
            ca: Some("/ca".to_owned()),
            own: Some(("/c".to_owned(), "/k".to_owned())),
            verify: Verify::Ca,
        }),
        directory: Some("/srv/redis".to_owned()),
        sentinel: Some(SentinelText {
            name: "mymaster".to_owned(),
            login: None,
            password: Some(Source::Env("S".to_owned())),
            nodes: vec![
                (Address::new("10.0.0.9", 26379), None),
                (Address::new("127.0.0.1", 26380), Some("gate".to_owned())),
            ],
            quorum: Some(2),
            notes: vec!["three".to_owned()],
        }),
    };
    let mut first = FoundServer::at("a", Address::new("10.0.0.1", 6379));
    first.announce = Some(Address::new("gate.example.org", 7001));
    first.foreign = true;
    first.unit = Some("redis-server.service".to_owned());
    first.config_file = Some("/etc/redis/redis.conf".to_owned());
    first.above = vec!["primary \u{1b}[31m\nport = 1".to_owned()];
    let mut second = FoundServer::at("b", Address::new("::1", 7000));
    second.replicaof = Some("a".to_owned());
    second.priority = Some(0);
    second.ssh_host = Some("db2".to_owned());
    second.direct = true;
    second.below = vec!["config_file = \"/x\"".to_owned()];
    let mut third = FoundServer::at("c", Address::new("10.0.0.3", 6379));
    third.only_comment = true;
    (access, vec![first, second, third])
}

#[test]
fn the_parser_reads_what_is_written() {
    let (access, entries) = full();
    let text = text(&["found".to_owned()], &access, &entries);
    let inventory = read(&text);
    assert_eq!(inventory.name, "orders");
    assert_eq!(inventory.accounts.user.as_deref(), Some("ops"));
    assert_eq!(inventory.accounts.masteruser.as_deref(), Some("ops"));
    assert!(
        matches!(&inventory.auth, Auth::Password(SecretSource::File(file)) if file == Path::new("a \"file\""))
    );
    assert_eq!(inventory.server.directory, "/srv/redis");
    let tls = inventory.tls.as_ref().unwrap();
    assert_eq!((tls.ca.len(), tls.verify), (1, Verify::Ca));
    assert!(tls.own.is_some());
    let sentinel = inventory.sentinel.as_ref().unwrap();
    assert_eq!(
        (sentinel.name.as_str(), sentinel.rules.quorum),
        ("mymaster", 2)
    );
    assert_eq!(sentinel.nodes[0].address, Address::new("10.0.0.9", 26379));
    assert_eq!(sentinel.nodes[1].ssh.host.as_deref(), Some("gate"));
    let [a, b] = &inventory.nodes[..] else {
        panic!("{text}")
    };
    assert_eq!(a.announced(), &Address::new("gate.example.org", 7001));
    assert_eq!(a.service.managed, Some(false));
    assert_eq!(a.service.unit.as_deref(), Some("redis-server.service"));
    assert_eq!(
        a.service.config_file.as_deref(),
        Some("/etc/redis/redis.conf")
    );
    assert_eq!(a.ssh.user.as_deref(), Some("root"));
    assert_eq!(b.address, Address::new("::1", 7000));
    assert_eq!(b.replicaof.as_ref(), Some(&a.name));
    assert_eq!((b.priority, b.via), (Some(0), Via::Direct));
    assert_eq!(b.ssh.host.as_deref(), Some("db2"));
    assert_eq!(b.service, crate::inventory::ServiceSettings::default());
}

#[test]
fn what_servers_say_stays_in_its_comment() {
    let (access, entries) = full();
    let text = text(&["a\r\n[hooks]".to_owned()], &access, &entries);
    read(&text);
    for line in text.lines() {
        assert!(!line.contains('\u{1b}'), "{line}");
    }
    assert!(text.contains("# one\\nname = \"evil\"\n"), "{text}");
    assert_eq!(harmless(&"x".repeat(9999)).len(), LONGEST);
}

#[test]
fn a_table_that_is_a_comment_is_one_without_its_signs() {
    let (access, mut entries) = full();
    entries[2].replicaof = Some("a".to_owned());
    let text = text(&[], &access, &entries);
    let (before, table) = text.split_once("# [[node]]").unwrap();
    let table = format!("[[node]]{}", table.replace("\n# ", "\n"));
    assert_eq!(read(&format!("{before}{table}")).nodes.len(), 3);
}

#[test]
fn without_a_password_that_is_said() {
    let access = Access {
        name: "x".to_owned(),
        ..Access::default()
    };
    let entries = [FoundServer::at("a", Address::new("10.0.0.1", 6379))];
    let inventory = read(&text(&[], &access, &entries));
    assert!(matches!(inventory.auth, Auth::None));
    let asked = Access {
        password: Some(Source::Prompt),
        ..access
    };
    let inventory = read(&text(&[], &asked, &entries));
    assert!(matches!(
        inventory.auth,
        Auth::Password(SecretSource::Prompt)
    ));
}
