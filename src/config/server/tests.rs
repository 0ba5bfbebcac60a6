//! The whole text of the files, and what changes it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::config::directives::{parse, persisted_role};
use crate::config::unit;
use crate::inventory::{SecretSource, ServerSettings, ServerSource, SshSettings, Via};
use crate::topology::PersistedRole;

fn node(host: &str) -> NodeSpec {
    NodeSpec {
        name: "master".into(),
        line: (1, 1),
        address: Address::new(host, 6379),
        announce: None,
        replicaof: None,
        priority: None,
        ssh: SshSettings::default(),
        via: Via::Auto,
        service: crate::inventory::ServiceSettings::default(),
        tls: None,
        config: [].into(),
    }
}

fn inventory(auth: Auth) -> Inventory {
    Inventory {
        path: "inventory.toml".into(),
        digest: String::new(),
        name: "orders".into(),
        auth,
        server: ServerSettings {
            source: ServerSource::Embedded,
            directory: "/db/redis/".into(),
            databases: 16,
            user: "redis".into(),
            hostnames: false,
        },
        nodes: vec![node("192.168.0.120")],
        accounts: crate::inventory::Accounts::default(),
        tls: None,
        sentinel: None,
        hooks: crate::inventory::hooks::Hooks::default(),
    }
}

fn password() -> Auth {
    Auth::Password(SecretSource::Env("X".into()))
}

fn lines(host: &str, change: impl Fn(&mut NodeSpec)) -> Vec<(String, String)> {
    let mut node = node(host);
    change(&mut node);
    render(&inventory(password()), &node, Supervision::Systemd, None).directives
}

fn values<'a>(lines: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let same = lines.iter().filter(|(n, _)| n == name);
    same.map(|(_, v)| v.as_str()).collect()
}

#[test]
fn the_tutorials_first_replica() {
    let upstream = Address::new("192.168.0.120", 6379);
    let node = node("192.168.0.130");
    let rendered = render(
        &inventory(password()),
        &node,
        Supervision::Daemon,
        Some(&upstream),
    );
    let (first, rest) = rendered.text.split_once('\n').unwrap();
    assert_eq!(first, rendered.stamp.to_string());
    assert_eq!(
        rest,
        "\
# Written by replctl from the inventory: change it there and run `replctl setup`.

# start in the background, as a daemon
daemonize yes
supervised no

# the addresses to listen on: the node's own, and loopback for tools on the host
bind 192.168.0.130 127.0.0.1

# whether to refuse other hosts while no password is set
protected-mode yes

# the port to listen on
port 6379

# where the pid file and the log file are kept
pidfile /db/redis/6379/pid/redis_6379.pid
logfile /db/redis/6379/logs/redis_6379.log

# the number of databases; clients begin in database 0
databases 16

# the name of the snapshot file; the server's own default is dump.rdb
dbfilename redis_6379.rdb

# the directory of the data
dir /db/redis/6379/

# the password of clients, and what this node logs in with at its primary: on every node, so that any can become primary
requirepass ${replctl:password}
masterauth ${replctl:password}

# how much of the stream can be sent again after a broken link
repl-backlog-size 64mb

# the node this one replicates from; the server itself keeps this line up to date
replicaof 192.168.0.120 6379
"
    );
    let role = persisted_role(&parse(&rendered.text));
    assert_eq!(role, PersistedRole::ReplicaOf(upstream));
    assert_eq!(Stamp::of(&rendered.text), Some(rendered.stamp));
}

#[test]
fn where_a_node_listens() {
    let bind = |host: &str| values(&lines(host, |_| {}), "bind").join("|");
    assert_eq!(bind("127.0.0.1"), "127.0.0.1");
    assert_eq!(bind("localhost"), "127.0.0.1");
    assert_eq!(bind("fd00::5"), "fd00::5 ::1");
    assert_eq!(bind("db1.example"), "* -::*");
    let nat = lines("10.0.0.1", |n| {
        n.announce = Some(Address::new("203.0.113.4", 7000));
    });
    assert_eq!(values(&nat, "bind"), ["10.0.0.1 127.0.0.1 -203.0.113.4"]);
    let mut old = inventory(password());
    old.server.source = ServerSource::Package(None);
    let named = render(&old, &node("db1.example"), Supervision::Systemd, None);
    assert!(values(&named.directives, "bind").is_empty());
}

#[test]
fn protected_mode_does_not_lock_out_the_replicas() {
    let mode = |auth: Auth, host: &str| {
        let rendered = render(&inventory(auth), &node(host), Supervision::Systemd, None);
        values(&rendered.directives, "protected-mode").join("|")
    };
    assert_eq!(mode(Auth::None, "10.0.0.1"), "no");
    assert_eq!(mode(Auth::None, "127.0.0.1"), "yes");
    assert_eq!(mode(password(), "10.0.0.1"), "yes");
}

#[test]
fn the_inventory_has_the_last_word_except_on_what_replctl_owns() {
    let all = lines("10.0.0.1", |n| {
        for (name, values) in [
            ("maxmemory", vec!["80mb"]),
            ("save", vec!["900 1", "300 10"]),
            ("bind", vec!["0.0.0.0"]),
            ("slave-priority", vec!["7"]),
            ("requirepass", vec!["oops"]),
            ("slaveof", vec!["a 1"]),
        ] {
            let values = values.into_iter().map(str::to_owned).collect();
            n.config.insert(name.into(), values);
        }
        n.priority = Some(3);
    });
    assert_eq!(values(&all, "bind"), ["0.0.0.0"]);
    assert_eq!(values(&all, "save"), ["900 1", "300 10"]);
    assert_eq!(values(&all, "replica-priority"), ["7"]);
    assert_eq!(values(&all, "repl-backlog-size"), ["10mb"]);
    assert_eq!(values(&all, "requirepass"), [PASSWORD]);
    assert!(values(&all, "replicaof").is_empty());
    assert_eq!(owned("slaveof"), owned("replicaof"));
    assert!(owned("primaryauth").is_some() && owned("maxmemory").is_none());
}

#[test]
fn the_digests_tell_what_changed_and_ignore_the_role() {
    let stamp = |change: &dyn Fn(&mut Inventory, &mut NodeSpec), upstream: Option<&Address>| {
        let (mut inventory, mut node) = (inventory(password()), node("10.0.0.1"));
        change(&mut inventory, &mut node);
        render(&inventory, &node, Supervision::Systemd, upstream).stamp
    };
    let plain = stamp(&|_, _| {}, None);
    assert_eq!(stamp(&|_, _| {}, Some(&Address::new("b", 1))), plain);
    let settable = stamp(
        &|_, n| drop(n.config.insert("maxmemory".into(), vec!["1".into()])),
        None,
    );
    assert!(settable.fixed == plain.fixed && settable.settable != plain.settable);
    let fixed = stamp(&|i, _| i.server.databases = 32, None);
    assert!(fixed.fixed != plain.fixed && fixed.settable == plain.settable);
}

#[test]
fn a_stamp_is_found_and_replaced_among_other_comments() {
    let (a, b) = ("a".repeat(32), "b".repeat(32));
    let old = Stamp {
        fixed: a.clone(),
        settable: a.clone(),
    };
    let text = format!("# replctl looks after this\nport 1\n{old}\n");
    assert_eq!(Stamp::of(&text), Some(old));
    assert_eq!(
        Stamp::of(&format!("# replctl {a} {b} {b}\n# replctl x y\n")),
        None
    );
}

#[test]
fn a_unit_never_has_a_role_and_never_brings_a_crashed_server_back() {
    let inventory = inventory(password());
    let unit = unit::unit(
        &Paths::new("/db/redis", 6379),
        &inventory,
        &node("10.0.0.1"),
    );
    assert!(unit.contains(
        "\nExecStart=/db/redis/server/current-6379/redis-server /db/redis/6379/conf/redis.cnf\n"
    ));
    assert!(unit.contains("\nRestart=no\n") && unit.contains("\nUMask=0077\n"));
    assert!(!unit.contains("replicaof") && !unit.contains("slaveof"));
}
