//! One `[[node]]`, read by itself. `check` compares the nodes with each other. Pure.

use super::address::{host_and_port, is_loopback};
use super::place::Problems;
use super::section::{Found, Section};
use super::server::{self, Directives};
use super::tls::{self, Tls, Wish};
use super::{NodeSpec, ServiceSettings, SshSettings, Via, service, ssh};
use crate::topology::{Address, NodeName};
use toml::de::DeTable;

/// The servers' own default port.
pub const PORT: u16 = 6379;

const KEYS: [&str; 17] = [
    "name",
    "address",
    "port",
    "replicaof",
    "slaveof",
    "announce",
    "priority",
    "slave-priority",
    "replica-priority",
    "via",
    "config",
    "ssh",
    "tls",
    "slave",
    "managed",
    "unit",
    "config_file",
];

/// A node as the file has it; `None`: missing, or wrong and reported.
#[derive(Debug)]
pub struct RawNode {
    /// Byte offset of its table.
    pub at: usize,
    /// Its name in messages: "node `slave1`", "the 2nd node".
    pub called: String,
    /// Its name as written, even an invalid one: other nodes may refer to it.
    pub name: Option<Found<String>>,
    /// Where it listens.
    pub address: Option<Found<Address>>,
    /// Where it is reached.
    pub announce: Option<Found<Address>>,
    /// Its upstream.
    pub upstream: RawUpstream,
    priority: Option<u32>,
    via: Via,
    pub ssh: SshSettings,
    tls: Wish,
    service: ServiceSettings,
    config: Directives,
}

/// The upstream in a node's table.
#[derive(Debug)]
pub enum RawUpstream {
    /// Nothing: it is the first primary.
    Nobody,
    /// A name.
    Node(Found<String>),
    /// Something unreadable. The problem is reported already.
    Unreadable,
}

/// Reads the node number `index` (from 0), which begins at byte `at`.
pub fn read<'a>(
    table: &'a DeTable<'a>,
    at: usize,
    index: usize,
    problems: &mut Problems,
) -> RawNode {
    let plain = table
        .get("name")
        .and_then(|value| value.get_ref().as_str())
        .filter(|name| is_node_name(name));
    let called = plain.map_or_else(
        || format!("the {} node", ordinal(index + 1)),
        |name| format!("node `{name}`"),
    );
    let section = Section::new(table, at, format!("of {called}"));
    section.only(problems, &KEYS, elsewhere);
    let name = name(&section, problems);
    let port = section.number(problems, "port", 1, u32::from(u16::MAX));
    let port = port.and_then(|found| u16::try_from(found.value).ok());
    let address = address(&section, problems, port);
    let usual = address.as_ref().map_or(PORT, |found| found.value.port);
    let announce = section
        .get("announce")
        .and_then(|_| place(&section, problems, "announce"))
        .map(|found| found.map(|(host, port)| Address::new(host, port.unwrap_or(usual))));
    let priority = section.either(
        problems,
        "priority",
        &["replica-priority", "slave-priority"],
    );
    RawNode {
        at,
        name,
        address,
        announce,
        upstream: upstream(&section, problems),
        priority: section
            .number(problems, priority, 0, i32::MAX.unsigned_abs())
            .map(|found| found.value),
        via: via(&section, problems),
        ssh: ssh::of_node(&section, problems),
        tls: tls::wish(&section, problems),
        service: service::read(&section, problems),
        config: server::directives(&section, problems, &format!("in the `config` of {called}")),
        called,
    }
}

impl RawNode {
    /// The finished node, unless something is missing.
    pub fn finish(
        self,
        (settings, tls): (&SshSettings, Option<&Tls>),
        config: &Directives,
        line_column: impl Fn(usize) -> (usize, usize),
    ) -> Option<NodeSpec> {
        let address = self.address?;
        let name = self.name?.value;
        let mut merged = config.clone();
        merged.extend(self.config);
        Some(NodeSpec {
            line: line_column(address.at),
            tls: tls::overlay(self.tls, tls).map(|tls| tls.of(&name)),
            name: NodeName(name),
            address: address.value,
            announce: self.announce.map(|found| found.value),
            replicaof: match self.upstream {
                RawUpstream::Node(found) => Some(NodeName(found.value)),
                RawUpstream::Nobody | RawUpstream::Unreadable => None,
            },
            priority: self.priority,
            ssh: ssh::overlay(self.ssh, settings),
            via: self.via,
            service: self.service,
            config: merged,
        })
    }

    /// Whether other machines can reach it.
    pub fn is_exposed(&self) -> bool {
        let exposed = |found: &Found<Address>| !is_loopback(&found.value.host);
        self.address.as_ref().is_some_and(exposed) || self.announce.as_ref().is_some_and(exposed)
    }
}

/// Whether a node can have this name.
pub fn is_node_name(text: &str) -> bool {
    text.len() <= 63
        && text
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (1, n) if n != 11 => "st",
        (2, n) if n != 12 => "nd",
        (3, n) if n != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn elsewhere(key: &str) -> Option<String> {
    let meant = match key {
        "host" | "hostname" | "ip" | "addr" => "address",
        "master" | "primary" | "upstream" | "replica" => "replicaof",
        "user" | "identity_file" | "known_hosts" | "sudo" => {
            return Some(format!("`{key}` belongs into `ssh = {{ {key} = … }}`"));
        }
        _ if super::nearest::nearest(key, KEYS).is_some() => return None,
        _ => {
            return Some(format!(
                "a directive of the server's own configuration goes under `[node.config]`: `{key} = …`"
            ));
        }
    };
    Some(format!("did you mean `{meant}`?"))
}

fn name(section: &Section, problems: &mut Problems) -> Option<Found<String>> {
    if section.get("name").is_none() {
        problems.hinted(
            section.at,
            format!("{} has no `name`", &section.called["of ".len()..]),
            "add, for example, `name = \"slave1\"`",
        );
        return None;
    }
    let found = section.string(problems, "name")?;
    if !is_node_name(found.value) {
        let what = format!("`name` {} is no name: `{}`", section.called, found.value);
        problems.hinted(found.at, what, "it takes letters, digits, `.`, `_` and `-`, begins with a letter or digit, and has at most 63 of them");
    }
    Some(found.map(str::to_owned))
}

/// A host, with or without a port.
pub fn place(
    section: &Section,
    problems: &mut Problems,
    key: &str,
) -> Option<Found<(String, Option<u16>)>> {
    let found = section.filled(problems, key)?;
    match host_and_port(found.value) {
        Ok(place) => Some(Found {
            value: place,
            at: found.at,
        }),
        Err(why) => {
            let what = format!("`{key}` {} {why}: `{}`", section.called, found.value);
            problems.hinted(found.at, what, format!("for example, `{key} = \"192.168.0.120\"`, `\"db1.example.org\"` or `\"[2001:db8::7]:6379\"`"));
            None
        }
    }
}

fn address(
    section: &Section,
    problems: &mut Problems,
    port: Option<u16>,
) -> Option<Found<Address>> {
    if section.get("address").is_none() {
        problems.hinted(
            section.at,
            format!("{} has no `address`", &section.called["of ".len()..]),
            "add, for example, `address = \"192.168.0.120\"`",
        );
        return None;
    }
    let found = place(section, problems, "address")?;
    let (host, inside) = found.value;
    if let (Some(inside), Some(port), Some(at)) = (inside, port, section.place_of("port"))
        && inside != port
    {
        let what = format!(
            "`port` {} is {port}, and its `address` says {inside}",
            section.called
        );
        problems.hinted(at, what, "keep one of them");
    }
    Some(Found {
        value: Address::new(host, inside.or(port).unwrap_or(PORT)),
        at: found.at,
    })
}

fn upstream(section: &Section, problems: &mut Problems) -> RawUpstream {
    let key = section.either(problems, "replicaof", &["slaveof", "slave"]);
    if section.get(key).is_none() {
        return RawUpstream::Nobody;
    }
    section
        .filled(problems, key)
        .map_or(RawUpstream::Unreadable, |found| {
            RawUpstream::Node(found.map(str::to_owned))
        })
}

/// How a server is reached.
pub fn via(section: &Section, problems: &mut Problems) -> Via {
    if section.get("via").is_none() {
        return Via::Auto;
    }
    let Some(found) = section.string(problems, "via") else {
        return Via::Auto;
    };
    match found.value {
        "auto" => Via::Auto,
        "direct" => Via::Direct,
        "ssh" => Via::Ssh,
        other => {
            let what = format!("`via` {} is unknown: `{other}`", section.called);
            problems.hinted(found.at, what, "it is \"auto\", \"direct\" or \"ssh\"");
            Via::Auto
        }
    }
}
