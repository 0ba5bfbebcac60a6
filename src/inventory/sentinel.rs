//! `[sentinel]`: what cannot be learned of the Sentinels that watch from the nodes they watch. Pure.

use super::accounts;
use super::address::host_and_port;
use super::deployment::{is_deployment_name, password};
use super::place::Problems;
use super::section::Section;
use super::{NodeSpec, SentinelSettings, SshSettings, Via};
use crate::topology::{Address, NodeName};
use std::collections::BTreeMap;

/// The Sentinels' own default port.
const PORT: u16 = 26_379;
const KEYS: [&str; 5] = ["name", "nodes", "port", "user", "password"];

/// Reads `[sentinel]`. `ssh` is what `[ssh]` says, for hosts of their own.
pub fn read(
    section: &Section,
    problems: &mut Problems,
    deployment: &str,
    nodes: &[NodeSpec],
    ssh: &SshSettings,
) -> SentinelSettings {
    section.only(problems, &KEYS, |key| match key {
        "hosts" | "node" | "sentinels" => Some("did you mean `nodes`?".to_owned()),
        _ => None,
    });
    let port = section
        .number(problems, "port", 1, u32::from(u16::MAX))
        .and_then(|found| u16::try_from(found.value).ok())
        .unwrap_or(PORT);
    SentinelSettings {
        name: name(section, problems).unwrap_or_else(|| deployment.to_owned()),
        user: accounts::name(section, problems, "user"),
        password: password(section, problems),
        nodes: members(section, problems, port, nodes, ssh),
    }
}

fn name(section: &Section, problems: &mut Problems) -> Option<String> {
    let found = section.filled(problems, "name")?;
    // As what a deployment may be called: it is a word of a line in the Sentinels' files.
    if !is_deployment_name(&found.value.to_ascii_lowercase()) {
        let what = format!("`name` {} is no name: `{}`", section.called, found.value);
        problems.hinted(found.at, what, "it takes letters, digits, `.`, `_` and `-`, begins with a letter or digit, and has at most 63 of them");
        return None;
    }
    Some(found.value.to_owned())
}

fn members(
    section: &Section,
    problems: &mut Problems,
    port: u16,
    nodes: &[NodeSpec],
    ssh: &SshSettings,
) -> Vec<NodeSpec> {
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
        let at = item.span().start;
        let Some(text) = item.get_ref().as_str() else {
            problems.hinted(at, format!("`nodes` {} is a list of strings", section.called), "each is the name of a node, on whose host a Sentinel runs, or the address of a host of its own");
            continue;
        };
        let line = problems.line_column(at);
        match member(text, line, port, nodes, ssh) {
            Ok(member) if members.iter().any(|m| m.address == member.address) => problems.hinted(
                at,
                format!("`nodes` {} has {} twice", section.called, member.address),
                "a host has one Sentinel of a deployment: a second one there outlives no failure of the host",
            ),
            Ok(member) => members.push(member),
            Err(why) => problems.hinted(
                at,
                format!("`{text}` in `nodes` {} is no node, and no address: it {why}", section.called),
                "each is the name of a node, on whose host a Sentinel runs, or the address of a host of its own",
            ),
        }
    }
    members
}

fn member(
    text: &str,
    line: (usize, usize),
    port: u16,
    nodes: &[NodeSpec],
    ssh: &SshSettings,
) -> Result<NodeSpec, String> {
    if let Some(node) = nodes.iter().find(|n| n.name.0 == text) {
        let host = node
            .ssh
            .host
            .clone()
            .unwrap_or_else(|| node.address.host.clone());
        return Ok(NodeSpec {
            name: NodeName(format!("sentinel@{text}")),
            address: Address::new(node.address.host.clone(), port),
            announce: node
                .announce
                .as_ref()
                .map(|a| Address::new(a.host.clone(), port)),
            replicaof: None,
            priority: None,
            config: BTreeMap::new(),
            ssh: SshSettings {
                host: Some(host),
                ..node.ssh.clone()
            },
            ..node.clone()
        });
    }
    let (host, own_port) = host_and_port(text).map_err(str::to_owned)?;
    Ok(NodeSpec {
        name: NodeName(format!("sentinel@{host}")),
        address: Address::new(host, own_port.unwrap_or(port)),
        line,
        announce: None,
        replicaof: None,
        priority: None,
        ssh: ssh.clone(),
        via: Via::Auto,
        config: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use crate::inventory::parse::parse;
    use crate::inventory::{Inventory, SecretSource};
    use crate::topology::Address;
    use std::path::Path;

    fn read(section: &str) -> Result<Inventory, String> {
        let text = format!(
            "[deployment]\nname = \"orders\"\nauth = \"none\"\n{section}\n[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\nssh = \"op@gate:2200\"\n[[node]]\nname = \"b\"\naddress = \"10.0.0.2\"\nreplicaof = \"a\"\n"
        );
        parse(Path::new("i"), &text).map_err(|problems| {
            let all: Vec<String> = problems.iter().map(crate::error::Problem::text).collect();
            all.join("\n")
        })
    }

    #[test]
    fn members_are_nodes_or_hosts_of_their_own() {
        let inventory =
            read("[sentinel]\nnodes = [\"a\", \"b\", \"10.0.0.9\"]\npassword = { env = \"S\" }")
                .unwrap();
        let settings = inventory.sentinel.as_ref().unwrap();
        assert_eq!(settings.name, "orders");
        assert!(matches!(&settings.password, Some(SecretSource::Env(name)) if name == "S"));
        let names: Vec<&str> = settings.nodes.iter().map(|n| n.name.0.as_str()).collect();
        assert_eq!(names, ["sentinel@a", "sentinel@b", "sentinel@10.0.0.9"]);
        assert_eq!(settings.nodes[0].address, Address::new("10.0.0.1", 26379));
        assert_eq!(settings.nodes[0].ssh.host.as_deref(), Some("gate"));
        assert!(inventory.get(&"sentinel@b".into()).is_some());
        assert!(read("").unwrap().sentinel.is_none());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (section, wanted) in [
            ("[sentinel]\nnodes = \"a\"", "must be a list"),
            ("[sentinel]\nnodes = [\"a\", \"a\"]", "twice"),
            ("[sentinel]\nnodes = [\"a b\"]", "no address"),
            ("[sentinel]\nname = \"a b\"", "is no name"),
            ("[sentinel]\nprot = 2", "did you mean `port`?"),
            ("[sentinel]\npassword = \"a b\"", "holds a space"),
        ] {
            let said = read(section).unwrap_err();
            assert!(
                said.contains(wanted) && said.contains("[sentinel]"),
                "{section}: {said}"
            );
        }
    }
}
