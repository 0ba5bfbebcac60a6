//! Nodes at all kinds of addresses: names in any case, names with two addresses, IPv6, different
//! ports, several on one host, and one behind a port forward. All are in one chain, on every server
//! family. Status gives no false alarm, any node of the chain can be promoted, and every look reads
//! the right server.

#![allow(clippy::unwrap_used)]

mod lab;

use crate::support::inventory::{InventoryText, NodeText};
use crate::support::process::Ran;
use crate::support::program::Replctl;
use crate::support::rotation::each_family;
use crate::support::server::{Family, LocalServer};
use crate::support::wire::Wire;
use crate::support::writer::{Load, Writer};
use crate::support::{await_that, figure};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// In the order of the chain, as the inventory has it: each replicates from the one before it.
const NAMES: [&str; 4] = ["first", "second", "third", "fourth"];
/// The port of `third` on the gateway.
const FORWARDED: u16 = 7001;

/// Two tables of names, each used as `/etc/hosts`.
struct Names {
    /// The servers' table.
    there: PathBuf,
    /// The operator's table.
    here: PathBuf,
}

impl Names {
    /// db1 has two addresses. The operator's table and its replicas' table begin with different
    /// ones.
    fn write(folder: &Path, [one, also, _, gate]: [Ipv4Addr; 4]) -> Self {
        let file = |name: &str, text: String| -> PathBuf {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        Self {
            there: file(
                "there",
                format!(
                    "{one} db1.example.org\n{also} db1.example.org\n{gate} gate.example.org\n::1 db2.example.org\n"
                ),
            ),
            here: file(
                "here",
                format!(
                    "{also} db1.example.org\n{one} db1.example.org\n127.0.0.1 localhost\n::1 db2.example.org\n"
                ),
            ),
        }
    }
}

/// Starts four servers. Each replicates from the one before it, by another kind of name.
fn chained(
    family: &Family,
    wire: &Wire,
    [one, also, three, gate]: [Ipv4Addr; 4],
    names: &Path,
) -> [LocalServer; 4] {
    let start = |ip: IpAddr, more: &[&str]| {
        let mut directives = vec!["repl-backlog-size 64mb"];
        directives.extend(more);
        family.start_at(wire, ip, Some(names), &directives)
    };
    let both = format!("bind {one} {also}");
    let first = start(one.into(), &[&both]);
    let second = start(Ipv6Addr::LOCALHOST.into(), &[]);
    // What setup writes for `announce`: a name, and the port of the gateway.
    let port = format!("replica-announce-port {FORWARDED}");
    let third = start(
        three.into(),
        &["replica-announce-ip gate.example.org", &port],
    );
    // On the host of the first. The inventory has its address alone, and somebody told it to
    // announce a name.
    let fourth = start(one.into(), &["replica-announce-ip DB1.example.org"]);
    forward(wire, (gate.into(), FORWARDED), third.address());
    // The embedded server reads its table letter by letter.
    let name = if family.name == "embedded" {
        "db1.example.org"
    } else {
        "DB1.example.org"
    };
    follow(&second, name, first.port);
    follow(&third, "0:0:0:0:0:0:0:1", second.port);
    follow(&fourth, "gate.example.org", FORWARDED);
    [first, second, third, fourth]
}

/// Four servers in a chain, and an operator who knows other names than they do.
struct Chain<'a> {
    servers: Vec<LocalServer>,
    operator: Replctl<'a>,
    net: crate::support::Net,
    /// Where each is reached.
    announced: Vec<String>,
    _folder: TempDir,
}

impl<'a> Chain<'a> {
    fn start(family: &Family, wire: &'a Wire) -> Self {
        let folder = TempDir::new().unwrap();
        let ips = [(); 4].map(|()| wire.address());
        let names = Names::write(folder.path(), ips);
        let servers = chained(family, wire, ips, &names.there);
        let [one, _, three, _] = ips.map(|ip| ip.to_string());
        let [first, second, third, fourth] = &servers;
        // Nothing listens on port 1: these nodes have no SSH.
        let node = |name: &str, host: &str, server: &LocalServer| {
            NodeText::new(name, host).port(server.port).ssh_port(1)
        };
        let announce = format!("announce = \"GATE.example.org:{FORWARDED}\"");
        let text = InventoryText::new("orders")
            .without_sudo()
            .node(node(NAMES[0], "Db1.Example.org", first))
            .node(node(NAMES[1], "db2.example.org", second).replicaof(NAMES[0]))
            .node(
                node(NAMES[2], &three, third)
                    .replicaof(NAMES[1])
                    .line(&announce),
            )
            .node(node(NAMES[3], &one, fourth).replicaof(NAMES[2]));
        let operator = Replctl::on_wire(wire)
            .names(&names.here)
            .inventory(&text.write(folder.path()));
        let announced = [
            format!("db1.example.org:{}", first.port),
            format!("db2.example.org:{}", second.port),
            format!("gate.example.org:{FORWARDED}"),
            format!("db1.example.org:{}", fourth.port),
        ];
        let this = Self {
            announced: announced.into(),
            servers: servers.into(),
            operator,
            net: wire.net(),
            _folder: folder,
        };
        this.await_links();
        this
    }

    fn info(&self, i: usize, field: &str) -> String {
        let info = self.servers[i].client().info("replication");
        info.get(field).cloned().unwrap_or_default()
    }

    fn await_links(&self) {
        for (i, name) in NAMES.iter().enumerate() {
            await_that(
                &format!("the link of {name}"),
                Duration::from_secs(20),
                || self.info(i, "role") == "master" || self.info(i, "master_link_status") == "up",
            );
        }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.operator.run(arguments)
    }

    fn json(&self) -> Value {
        let ran = self.run(&["status", "--json"]);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran}"))
    }

    /// Only true findings are reported: replicas of replicas that the inventory has elsewhere, and
    /// files that replctl may not read.
    #[track_caller]
    fn assert_calm(&self) {
        await_that("replicas in sync", Duration::from_secs(10), || {
            let json = self.json();
            let all = json["findings"].as_array().unwrap();
            let known = ["replica-of-replica", "persisted-unknown"];
            let strange: Vec<&Value> = all
                .iter()
                .filter(|f| !known.contains(&f["code"].as_str().unwrap()))
                .collect();
            assert!(strange.is_empty(), "{strange:#?}");
            json["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .all(|n| n["behind_bytes"].as_u64().is_none_or(|bytes| bytes == 0))
        });
    }

    fn load(&self) -> Load {
        let mut load = Load::plain(&[]);
        load.net = self.net.clone();
        load.nodes = self.servers.iter().map(LocalServer::address).collect();
        load.per_second = Some(500);
        load
    }
}

/// Sends `REPLICAOF` with that host and port.
fn follow(server: &LocalServer, host: &str, port: u16) {
    let port = port.to_string();
    let reply = server.client().command(&["REPLICAOF", host, &port]);
    assert_eq!(reply.text(), "OK");
}

/// Forwards connections from `from` to `to`.
fn forward(wire: &Wire, from: (IpAddr, u16), to: SocketAddr) {
    let (host, port) = from;
    for rule in [
        "add table ip nat".to_owned(),
        "add chain ip nat out { type nat hook output priority -100; }".to_owned(),
        format!("add rule ip nat out ip daddr {host} tcp dport {port} dnat to {to}"),
    ] {
        wire.inside(&["nft", &rule]).ok();
    }
}

/// Every node of the chain in turn: both in the middle, the leaf, and the first again.
fn promotions(chain: &Chain<'_>) {
    for target in [1, 2, 3, 0] {
        chain
            .run(&["promote", NAMES[target], "--yes"])
            .ok()
            .says("no acknowledged write is lost");
        chain.await_links();
        assert_eq!(chain.info(target, "role"), "master", "{}", NAMES[target]);
        let endpoint = chain.run(&["endpoint"]).ok().stdout;
        assert_eq!(endpoint.trim(), chain.announced[target]);
        chain.assert_calm();
    }
}

/// Makes the chain again. Each node gets the other's announced address.
fn moves(chain: &Chain<'_>) {
    for (node, under) in [(3, 2), (2, 1), (3, 1), (3, 2)] {
        let ran = chain.run(&["move", NAMES[node], "--under", NAMES[under], "--yes"]);
        ran.ok().says("in sync");
        let told = format!(
            "{}:{}",
            chain.info(node, "master_host"),
            chain.info(node, "master_port")
        );
        assert_eq!(told, chain.announced[under]);
    }
    chain
        .run(&["move", "third", "--under", "second", "--yes"])
        .ok()
        .says("Nothing to do");
    chain
        .run(&["move", "second", "--under", "fourth"])
        .code(3)
        .says("in a circle");
    chain.run(&["clients"]).ok().says("first");
}

/// The first node dies and the middle one takes over. The first comes back with its own write.
fn death_and_return(chain: &mut Chain<'_>) {
    chain.servers[0].kill9();
    await_that("the links to be down", Duration::from_secs(10), || {
        chain.info(1, "master_link_status") == "down"
    });
    chain
        .run(&["promote", "second", "--yes", "--accept-split-brain"])
        .ok()
        .says("db2.example.org");
    chain.servers[0].restart();
    chain.servers[0]
        .client()
        .command(&["SET", "only-here", "1"]);
    chain.run(&["status"]).code(4).says("first");
    chain
        .run(&["rejoin", "first", "--yes"])
        .ok()
        .says("is a replica again");
    chain.await_links();
    chain.assert_calm();
    assert_eq!(chain.info(0, "master_host"), "db2.example.org");
}

fn any_node_of_the_chain(family: &Family) {
    let Some(wire) = Wire::new() else {
        return;
    };
    let mut chain = Chain::start(family, &wire);
    chain.assert_calm();
    let writer = Writer::start(chain.load());
    writer.await_more(200, Duration::from_secs(20));
    promotions(&chain);
    moves(&chain);
    writer.await_more(200, Duration::from_secs(20));
    let tally = writer.stop();
    tally.nothing_lost(chain.servers[0].address());
    death_and_return(&mut chain);
    figure(&format!(
        "{}: each node of a chain of names, IPv6 and a forwarded port promoted, {} acknowledged writes, 0 lost",
        family.name,
        tally.acknowledged()
    ));
}

#[test]
fn any_node_of_a_chain_is_known_and_can_be_promoted() {
    each_family(|_, family| any_node_of_the_chain(family));
}
