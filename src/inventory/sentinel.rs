//! `[sentinel]`: what the watched nodes cannot tell about their Sentinels, and the settings for
//! `sentinel setup`. Pure.

use super::address::{comparable, host_and_port};
use super::deployment::{is_deployment_name, password};
use super::place::Problems;
use super::section::{Found, Section};
use super::tls::{self, Tls, Wish};
use super::{NodeSpec, SentinelRules, SentinelSettings, SshSettings, Via, accounts, node, ssh};
use crate::topology::{Address, NodeName};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::DeValue;

/// The Sentinels' own default port.
const PORT: u16 = 26_379;
/// The value in the example of the servers' documentation. Their own default is 30 s, and no node
/// takes writes during that time.
const DOWN_AFTER_MS: u32 = 5_000;
/// From the same place.
const FAILOVER_TIMEOUT_MS: u32 = 60_000;
/// A day: more is a mistake in the unit.
const LONGEST_MS: u32 = 86_400_000;
const KEYS: [&str; 10] = [
    "name",
    "nodes",
    "port",
    "user",
    "password",
    "tls",
    "quorum",
    "down-after-milliseconds",
    "failover-timeout",
    "parallel-syncs",
];
const MEMBER_KEYS: [&str; 6] = ["node", "address", "port", "announce", "ssh", "via"];
const FORMS: &str = "each is the name of a node, on whose host a Sentinel runs, or the address of a host of its own, with or without `:port`";

/// Reads `[sentinel]`. `ssh` and `tls` are what `[ssh]` and `[tls]` say, for hosts of their own.
pub fn read(
    section: &Section,
    problems: &mut Problems,
    deployment: &str,
    nodes: &[NodeSpec],
    (ssh, tls): (&SshSettings, Option<&Tls>),
) -> SentinelSettings {
    section.only(problems, &KEYS, elsewhere);
    let port = port(section, problems).unwrap_or(PORT);
    let wish = tls::wish(section, problems);
    let tls = tls::overlay(wish.clone(), tls);
    let reader = Reader {
        port,
        nodes,
        ssh,
        tls: tls.as_ref(),
    };
    let mut members = reader.members(section, problems);
    if wish != Wish::Unsaid {
        for member in &mut members {
            let called = member.name.0.trim_start_matches("sentinel@").to_owned();
            member.tls = tls.clone().map(|tls| tls.of(&called));
        }
    }
    SentinelSettings {
        name: name(section, problems).unwrap_or_else(|| deployment.to_owned()),
        user: accounts::name(section, problems, "user"),
        password: password(section, problems),
        rules: rules(section, problems, members.len()),
        nodes: members,
        tls,
    }
}

fn elsewhere(key: &str) -> Option<String> {
    let meant = match key {
        "hosts" | "node" | "sentinels" => "nodes",
        "down-after" | "down_after" | "down_after_milliseconds" | "down_after_ms" => {
            "down-after-milliseconds"
        }
        _ => return None,
    };
    Some(format!("did you mean `{meant}`?"))
}

fn port(section: &Section, problems: &mut Problems) -> Option<u16> {
    let found = section.number(problems, "port", 1, u32::from(u16::MAX))?;
    u16::try_from(found.value).ok()
}

fn name(section: &Section, problems: &mut Problems) -> Option<String> {
    let found = section.filled(problems, "name")?;
    // The rules for a deployment's name: the name is a word of a line in the Sentinels' files.
    if !is_deployment_name(&found.value.to_ascii_lowercase()) {
        let what = format!("`name` {} is no name: `{}`", section.called, found.value);
        problems.hinted(found.at, what, "it takes letters, digits, `.`, `_` and `-`, begins with a letter or digit, and has at most 63 of them");
        return None;
    }
    Some(found.value.to_owned())
}

fn rules(section: &Section, problems: &mut Problems, members: usize) -> SentinelRules {
    let all = u32::try_from(members).unwrap_or(u32::MAX);
    let mut number = |key: &str, to: u32| section.number(problems, key, 1, to);
    let quorum = number("quorum", 1_000);
    let mut or = |key: &str, to: u32, usual: u32| {
        let given = number(key, to).map(|found| found.value);
        u64::from(given.unwrap_or(usual))
    };
    let rules = SentinelRules {
        quorum: u64::from(quorum.as_ref().map_or(all / 2 + 1, |found| found.value)),
        down_after_ms: or("down-after-milliseconds", LONGEST_MS, DOWN_AFTER_MS),
        failover_timeout_ms: or("failover-timeout", LONGEST_MS, FAILOVER_TIMEOUT_MS),
        parallel_syncs: or("parallel-syncs", 1_000, 1),
    };
    if let Some(Found { value, at }) = quorum.filter(|found| members > 0 && found.value > all) {
        let what = format!(
            "`quorum` {} is {value}, and `nodes` names {all}: they could never agree that the primary is down",
            section.called
        );
        problems.hinted(at, what, format!("leave it out for {}", all / 2 + 1));
    }
    rules
}

/// The context for reading the entries of `nodes`.
struct Reader<'a> {
    port: u16,
    nodes: &'a [NodeSpec],
    ssh: &'a SshSettings,
    tls: Option<&'a Tls>,
}

impl Reader<'_> {
    fn members(&self, section: &Section, problems: &mut Problems) -> Vec<NodeSpec> {
        let Some(value) = section.get("nodes") else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            section.wrong_type(
                problems,
                "nodes",
                "a list",
                value,
                "write, for example, `nodes = [\"master\", \"slave1\", \"slave2\"]`",
            );
            return Vec::new();
        };
        let mut members: Vec<NodeSpec> = Vec::new();
        for item in items {
            let Some(mut member) = self.member(item, section, problems) else {
                continue;
            };
            let at = item.span().start;
            if members.iter().any(|m| same(&m.address, &member.address)) {
                problems.hinted(
                    at,
                    format!("`nodes` {} has {} twice", section.called, member.address),
                    "a host has one Sentinel of a deployment: a second one there outlives no failure of the host",
                );
                continue;
            }
            let server = self.nodes.iter();
            if let Some(node) = server.clone().find(|n| same(&n.address, &member.address)) {
                problems.hinted(
                    at,
                    format!("a Sentinel in `nodes` {} would listen on {}, where the server of node `{}` does", section.called, member.address, node.name),
                    "give the Sentinels another `port`",
                );
                continue;
            }
            if members.iter().any(|m| m.name == member.name) {
                member.name = NodeName(format!("{}:{}", member.name, member.address.port));
            }
            members.push(member);
        }
        members
    }

    fn member(
        &self,
        item: &Spanned<DeValue>,
        section: &Section,
        problems: &mut Problems,
    ) -> Option<NodeSpec> {
        let at = item.span().start;
        if let Some(table) = item.get_ref().as_table() {
            let called = format!("of a Sentinel in `nodes` {}", section.called);
            return self.entry(&Section::new(table, at, called), problems);
        }
        let Some(text) = item.get_ref().as_str() else {
            problems.hinted(
                at,
                format!("`nodes` {} is a list of strings and tables", section.called),
                FORMS,
            );
            return None;
        };
        let line = problems.line_column(at);
        match self.short(text, line) {
            Ok(member) => Some(member),
            Err(why) => {
                let what = format!(
                    "`{text}` in `nodes` {} is no node, and no address: it {why}",
                    section.called
                );
                problems.hinted(at, what, FORMS);
                None
            }
        }
    }

    /// `"slave1"`, `"slave1:26380"`, `"10.0.0.9"`, `"10.0.0.9:26380"`.
    fn short(&self, text: &str, line: (usize, usize)) -> Result<NodeSpec, &'static str> {
        if let Some(node) = self.node(text) {
            return Ok(beside(node, self.port));
        }
        let (host, port) = host_and_port(text)?;
        let port = port.unwrap_or(self.port);
        Ok(match self.node(&host) {
            Some(node) => beside(node, port),
            None => self.alone(host, port, line),
        })
    }

    /// `{ node = "slave1", port = 26380 }`, `{ address = "10.0.0.9", ssh = "admin@gate:2222" }`.
    fn entry(&self, table: &Section, problems: &mut Problems) -> Option<NodeSpec> {
        table.only(problems, &MEMBER_KEYS, |key| match key {
            "host" | "hostname" | "ip" => Some("did you mean `address`?".to_owned()),
            "name" => Some("did you mean `node`?".to_owned()),
            _ => None,
        });
        let own_port = port(table, problems);
        let port = own_port.unwrap_or(self.port);
        let mut member = match (table.get("node"), table.get("address")) {
            (Some(_), None) => beside(self.named(table, problems)?, port),
            (None, Some(_)) => {
                let found = node::place(table, problems, "address")?;
                let (host, inside) = found.value;
                let port = inside.or(own_port).unwrap_or(port);
                let line = problems.line_column(found.at);
                self.alone(host, port, line)
            }
            (Some(_), Some(_)) | (None, None) => {
                problems.hinted(
                    table.at,
                    format!("the table {} names either a `node` or an `address`", table.called),
                    "for example, `{ node = \"slave1\", port = 26380 }` or `{ address = \"10.0.0.9\", ssh = \"admin@\" }`",
                );
                return None;
            }
        };
        if table.get("announce").is_some() {
            let found = node::place(table, problems, "announce")?;
            let (host, port) = found.value;
            member.announce = Some(Address::new(host, port.unwrap_or(member.address.port)));
        }
        if table.get("via").is_some() {
            member.via = node::via(table, problems);
        }
        let own = ssh::of_node(table, problems);
        ssh::check(&own, &member.ssh, table, problems);
        member.ssh = ssh::overlay(own, &member.ssh);
        Some(member)
    }

    fn named(&self, table: &Section, problems: &mut Problems) -> Option<&NodeSpec> {
        let found = table.filled(problems, "node")?;
        let node = self.node(found.value);
        if node.is_none() {
            let what = format!(
                "`node` {} names an unknown node: `{}`",
                table.called, found.value
            );
            let names: Vec<&str> = self.nodes.iter().map(|n| n.name.0.as_str()).collect();
            let hint = format!("the nodes are {}", super::section::list(&names));
            problems.hinted(found.at, what, hint);
        }
        node
    }

    fn node(&self, name: &str) -> Option<&NodeSpec> {
        self.nodes.iter().find(|n| n.name.0 == name)
    }

    /// A Sentinel on a host of its own.
    fn alone(&self, host: String, port: u16, line: (usize, usize)) -> NodeSpec {
        NodeSpec {
            name: NodeName(format!("sentinel@{host}")),
            tls: self.tls.cloned().map(|tls| tls.of(&host)),
            address: Address::new(host, port),
            line,
            announce: None,
            replicaof: None,
            priority: None,
            ssh: self.ssh.clone(),
            via: Via::Auto,
            service: crate::inventory::ServiceSettings::default(),
            config: BTreeMap::new(),
        }
    }
}

fn same(a: &Address, b: &Address) -> bool {
    a.port == b.port && comparable(&a.host) == comparable(&b.host)
}

/// A Sentinel on the host of a node, reached as that.
fn beside(node: &NodeSpec, port: u16) -> NodeSpec {
    let host = node.ssh.host.as_ref().unwrap_or(&node.address.host);
    let announce = node.announce.as_ref();
    NodeSpec {
        name: NodeName(format!("sentinel@{}", node.name)),
        address: Address::new(node.address.host.clone(), port),
        announce: announce.map(|a| Address::new(a.host.clone(), port)),
        replicaof: None,
        priority: None,
        config: BTreeMap::new(),
        ssh: SshSettings {
            host: Some(host.clone()),
            ..node.ssh.clone()
        },
        ..node.clone()
    }
}

#[cfg(test)]
mod tests;
