//! What was observed of hosts beside the servers: the machine, the kernel's settings, names, and
//! the places and limits of each server. A fact that was not seen is `None`. Pure.

use super::{Address, Node, NodeName, Topology};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One look at all hosts of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hosts {
    /// Each host once, in the order of the inventory's nodes.
    pub looks: Vec<HostLook>,
    /// Settings of each server that `status` does not read, without any secret.
    pub settings: BTreeMap<NodeName, BTreeMap<String, String>>,
    /// The writes that were measured, if they were.
    pub rate: Option<WriteRate>,
    /// How many names were too many to look up.
    pub names_left: usize,
}

/// What the clients of a primary write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WriteRate {
    /// The primary.
    pub node: NodeName,
    /// Bytes of the replication stream in a second.
    pub bytes_per_second: u64,
    /// How long it was measured, seconds.
    pub seconds: u64,
}

/// A host, and the nodes on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLook {
    /// Those that are reached through this host.
    pub nodes: Vec<NodeName>,
    /// What was seen, or why nothing was.
    pub state: Result<HostState, Unseen>,
}

/// Why a host was not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// One phrase.
    pub why: String,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
}

/// A host at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HostState {
    /// Its own name.
    pub name: Option<String>,
    /// Its operating system, as it names itself.
    pub os: Option<String>,
    /// The release of its kernel.
    pub kernel: Option<String>,
    /// Its id since it started, the same for two names of one host.
    pub boot_id: Option<String>,
    /// Whether replctl is root there.
    pub root: bool,
    /// Whether systemd is its first process; `None`: not known.
    pub systemd: Option<bool>,
    /// Processors.
    pub cpus: Option<u32>,
    /// Memory in all, bytes.
    pub memory_bytes: Option<u64>,
    /// Memory that processes can still have, bytes.
    pub available_bytes: Option<u64>,
    /// Swap in all, bytes.
    pub swap_bytes: Option<u64>,
    /// Seconds by which its clock is ahead of the operator's at least; negative: behind.
    pub clock_ahead_seconds: Option<i64>,
    /// `vm.overcommit_memory`.
    pub overcommit: Option<u8>,
    /// The mode of transparent huge pages.
    pub huge_pages: Option<String>,
    /// `net.core.somaxconn`.
    pub somaxconn: Option<u32>,
    /// `net.ipv4.ip_local_port_range`.
    pub ephemeral_ports: Option<(u16, u16)>,
    /// `net.ipv4.ip_local_reserved_ports`.
    pub reserved_ports: Option<String>,
    /// The lines of `/etc/hosts`: an address and its names.
    #[serde(skip)]
    pub hosts_file: Vec<(String, Vec<String>)>,
    /// How it resolves the names of the nodes; empty: it does not know the name. A name that was
    /// not looked up is absent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, Vec<String>>,
    /// Its own addresses.
    #[serde(skip)]
    pub own_addresses: BTreeSet<String>,
    /// The files with the names that fixes use, and their line; `None`: they have more lines.
    #[serde(skip)]
    pub kept: BTreeMap<String, Option<String>>,
    /// What other files set when the host starts, of what fixes set.
    #[serde(skip)]
    pub setters: Vec<Setter>,
    /// Swap: each device or file, and its priority.
    #[serde(skip)]
    pub swaps: Vec<(String, i32)>,
    /// What it tries connections with; `None`: it has nothing for that.
    pub via: Option<String>,
    /// Whether it reaches the servers that it should reach.
    pub reach: Vec<Reach>,
    /// Of the servers on it.
    #[serde(skip)]
    pub nodes: BTreeMap<NodeName, Places>,
}

/// A line of a file that is read when the host starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setter {
    /// The file.
    pub file: String,
    /// What the line sets.
    pub setting: String,
    /// The value; empty: not known.
    pub value: String,
}

/// Whether a host reaches a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// The server.
    pub to: Target,
    /// Whether its port took a connection; `None`: it was not tried, or the try said nothing clear.
    pub reached: Option<bool>,
    /// It took the connection and refused all commands: its protected mode.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub denied: bool,
}

/// A server that a host should reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Target {
    /// Its node; `None`: a Sentinel.
    pub node: Option<NodeName>,
    /// Where it is reached.
    pub address: Address,
}

/// How many nodes that may become the primary a host tries, unless every pair is wanted.
const CANDIDATES: usize = 4;

/// The servers that the host of each node should reach: what it follows, and what it might follow
/// after a promotion; with `all`, every other node. Only servers that answer can be tried.
pub fn targets(topology: &Topology, all: bool) -> BTreeMap<NodeName, Vec<Target>> {
    let answering = || topology.nodes.iter().filter(|node| node.server().is_some());
    let target = |node: &Node| Target {
        node: Some(node.name.clone()),
        address: node.announced.clone(),
    };
    let candidates: Vec<&Node> = answering()
        .filter(|node| {
            let priority = node.server().and_then(|s| s.replication.priority);
            node.is_primary() || priority != Some(0)
        })
        .collect();
    let of = |node: &Node| {
        let upstream = topology.upstream_of(node).map(|up| &up.name);
        let first = answering().filter(|c| Some(&c.name) == upstream);
        let others = candidates.iter().copied();
        let others = others.filter(|c| Some(&c.name) != upstream && c.name != node.name);
        let wanted = if all {
            let others = answering().filter(|other| other.name != node.name);
            others.map(target).collect()
        } else {
            first.chain(others.take(CANDIDATES)).map(target).collect()
        };
        (node.name.clone(), wanted)
    };
    topology.nodes.iter().map(of).collect()
}

/// The places and limits of one server on its host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Places {
    /// Its data folder.
    pub folder: Option<String>,
    /// Mode and owner of that folder.
    pub folder_owner: Option<Owned>,
    /// Whether it has the server's data files or nothing in it.
    #[serde(skip)]
    pub folder_is_its: Option<bool>,
    /// Whether its process sees the files of the host; a container's does not.
    #[serde(skip)]
    pub on_host: Option<bool>,
    /// Which file system the folder is on, by the kernel's number.
    #[serde(skip)]
    pub file_system: Option<String>,
    /// The disk below the data folder: bytes in all.
    pub disk_bytes: Option<u64>,
    /// The same: bytes that are free.
    pub disk_free_bytes: Option<u64>,
    /// Whether that file system takes no writes.
    pub read_only: Option<bool>,
    /// The kernel has closed it after a fault, and no other mount option opens it again.
    #[serde(skip)]
    pub broken: bool,
    /// Only the server may not write there: its own mount takes no writes.
    #[serde(skip)]
    pub read_only_for_it: bool,
    /// The mount point of the server program's file system, where that is mounted `noexec`.
    pub noexec: Option<String>,
    /// Its configuration file.
    pub config_file: Option<String>,
    /// Mode and owner of that file.
    pub config_owner: Option<Owned>,
    /// Whether a folder above the file is closed to other users.
    pub config_enclosed: Option<bool>,
    /// User of its process.
    pub uid: Option<u32>,
    /// Limit of open files of its process; `None`: not known, or no limit.
    pub open_files: Option<u64>,
    /// The same: up to which the process may raise it.
    #[serde(skip)]
    pub open_files_most: Option<u64>,
    /// Whether its process may get transparent huge pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub huge_pages: Option<bool>,
    /// What of its process is in swap, bytes.
    pub swapped_bytes: Option<u64>,
    /// The smallest memory limit of its control group and of those above, bytes.
    pub memory_limit_bytes: Option<u64>,
}

/// Mode, owner and group of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Owned {
    /// The permission bits, and the three special ones.
    pub mode: u32,
    /// Numeric id of its user.
    pub uid: u32,
    /// Numeric id of its group.
    pub gid: u32,
    /// It has an access list, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub access_list: bool,
}

/// Looks at one host by several ways become one look: of one start, with one name and one table of
/// names.
pub fn each_once(looks: Vec<HostLook>) -> Vec<HostLook> {
    let mut all: Vec<HostLook> = Vec::new();
    for look in looks {
        let same = |earlier: &HostLook| match (&earlier.state, &look.state) {
            (Ok(one), Ok(other)) => one.is_also(other),
            (Ok(_) | Err(_), _) => false,
        };
        match all.iter().position(same) {
            Some(at) => all[at].join(look),
            None => all.push(look),
        }
    }
    all
}

impl HostLook {
    /// Takes over what another look at the same host has seen.
    fn join(&mut self, other: Self) {
        let (Ok(state), Ok(more)) = (&mut self.state, other.state) else {
            return;
        };
        self.nodes.extend(other.nodes);
        state.nodes.extend(more.nodes);
        for reach in more.reach {
            if !state.reach.contains(&reach) {
                state.reach.push(reach);
            }
        }
    }
}

impl HostState {
    /// Whether that is the same host.
    fn is_also(&self, other: &Self) -> bool {
        self.boot_id.is_some()
            && self.boot_id == other.boot_id
            && self.name == other.name
            && self.hosts_file == other.hosts_file
            && self.root == other.root
    }
}

impl Hosts {
    /// The host of a node, if it was looked at.
    pub fn of(&self, node: &NodeName) -> Option<&HostState> {
        self.look(node)?.state.as_ref().ok()
    }

    /// The look at the host of a node.
    pub fn look(&self, node: &NodeName) -> Option<&HostLook> {
        self.looks.iter().find(|host| host.nodes.contains(node))
    }

    /// The places of a node on its host.
    pub fn places(&self, node: &NodeName) -> Option<&Places> {
        self.of(node)?.nodes.get(node)
    }

    /// A setting of a server.
    pub fn setting(&self, node: &NodeName, name: &str) -> Option<&str> {
        self.settings.get(node)?.get(name).map(String::as_str)
    }

    /// The same, as a number.
    pub fn number(&self, node: &NodeName, name: &str) -> Option<u64> {
        self.setting(node, name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::testing::healthy;

    fn names(topology: &Topology, node: &str, all: bool) -> Vec<String> {
        let targets = targets(topology, all);
        let of = &targets[&NodeName::from(node)];
        let names = of.iter().filter_map(|target| target.node.as_ref());
        names.map(ToString::to_string).collect()
    }

    #[test]
    fn one_host_by_two_ways_is_one() {
        let look = |node: &str, boot: &str, name: &str| HostLook {
            nodes: vec![NodeName::from(node)],
            state: Ok(HostState {
                boot_id: Some(boot.to_owned()),
                name: Some(name.to_owned()),
                nodes: BTreeMap::from([(NodeName::from(node), Places::default())]),
                ..HostState::default()
            }),
        };
        let looks = vec![
            look("a", "1", "x"),
            look("b", "2", "x"),
            look("c", "1", "x"),
        ];
        let seen = Hosts {
            looks: each_once(looks),
            ..Hosts::default()
        };
        assert_eq!(seen.looks.len(), 2);
        assert_eq!(
            seen.looks[0].nodes,
            [NodeName::from("a"), NodeName::from("c")]
        );
        assert!(seen.places(&NodeName::from("c")).is_some());
        // Two containers of one machine.
        let looks = vec![look("a", "1", "x"), look("b", "1", "y")];
        assert_eq!(each_once(looks).len(), 2);
    }

    #[test]
    fn a_host_tries_its_upstream_first_and_then_what_may_follow() {
        let mut topology = healthy();
        assert_eq!(names(&topology, "slave2", false), ["master", "slave1"]);
        assert_eq!(names(&topology, "master", false), ["slave1", "slave2"]);
        topology.nodes[1].up().replication.priority = Some(0);
        assert_eq!(names(&topology, "slave2", false), ["master"]);
        assert_eq!(names(&topology, "slave2", true), ["master", "slave1"]);
    }
}
