//! Checks that no two nodes share an address: compares the addresses of all nodes, by the inventory
//! and by their announcements. Pure.
//!
//! If two nodes share an address, a client for one may reach the other, and a primary may be made
//! to follow itself. So changes are refused until that is corrected. Addresses are compared in all
//! spellings, and by the server that answers there, where that was asked.

use super::candidate::same_process;
use super::{Address, Node, NodeName, Topology};
use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

/// Two nodes, or a node and a server that is none, with one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash<'a> {
    /// The node whose claim to the address is in doubt.
    pub node: &'a Node,
    /// The basis of its claim.
    pub claim: Claim,
    /// The address, as that node has it.
    pub address: Address,
    /// The other owner.
    pub with: With<'a>,
}

/// The basis of a claim to an address. Later ones are more likely to be the wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// `address` and `port` in the inventory.
    Real,
    /// Its other port, with TLS or without.
    OtherPort,
    /// `announce` in the inventory.
    Inventory,
    /// `replica-announce-ip` and `replica-announce-port` on the server.
    Announces,
}

/// Who else has the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum With<'a> {
    /// A node, and the basis of its claim.
    Node(&'a Node, Claim),
    /// A node: its process answers there.
    Process(&'a Node),
    /// A server that is no node of the inventory answers there.
    Stranger,
}

/// All clashes. Two names of one process are reported elsewhere, see [`same_server`].
pub fn clashes(topology: &Topology) -> Vec<Clash<'_>> {
    let nodes = &topology.nodes;
    let mut found: Vec<Clash<'_>> = Vec::new();
    let mut told: BTreeSet<(usize, usize)> = BTreeSet::new();
    let held = held(topology);
    for claimed in index(&held).values() {
        let Some(first) = claimed.iter().min_by_key(|held| (held.claim, held.order)) else {
            continue;
        };
        for held in claimed {
            let (node, other) = (held.node, first.node);
            if node.name == other.name || same_process(node, other) {
                continue;
            }
            let place = |node: &Node| nodes.place(node);
            let (a, b) = (place(node).unwrap_or(0), place(other).unwrap_or(0));
            if told.insert((a.min(b), a.max(b))) {
                found.push(Clash {
                    node,
                    claim: held.claim,
                    address: held.address.clone(),
                    with: With::Node(other, first.claim),
                });
            }
        }
    }
    let known = found
        .iter()
        .map(|clash| (&clash.node.name, clash.address.clone()));
    let mut known: BTreeSet<(&NodeName, Address)> = known.collect();
    for met in nodes.iter().filter_map(|node| met_there(node, topology)) {
        if known.insert((&met.node.name, met.address.clone())) {
            found.push(met);
        }
    }
    found
}

/// Names of the inventory that lead to one process: each later one, with the first.
pub fn same_server(topology: &Topology) -> Vec<(&Node, &Node)> {
    let mut first: BTreeMap<&str, &Node> = BTreeMap::new();
    let mut found = Vec::new();
    for node in &topology.nodes {
        let Some(run) = node.server().map(|s| s.run_id.as_str()) else {
            continue;
        };
        if run.is_empty() {
            continue;
        }
        match first.get(run) {
            Some(earlier) => found.push((node, *earlier)),
            None => {
                first.insert(run, node);
            }
        }
    }
    found
}

/// The node for each address, in all spellings, for callers with many look-ups. If several nodes
/// share one, it belongs to the node with the best claim.
pub struct Places<'a>(BTreeMap<Place, &'a Node>);

impl<'a> Places<'a> {
    /// Of all nodes.
    pub fn of(topology: &'a Topology) -> Self {
        let held = held(topology);
        let first = |all: &[&AddressClaim<'a>]| {
            let first = all.iter().min_by_key(|held| (held.claim, held.order));
            first.map(|held| held.node)
        };
        let places = index(&held).into_iter();
        Self(
            places
                .filter_map(|(place, all)| Some((place, first(&all)?)))
                .collect(),
        )
    }

    /// The node at that address, if the address is written somewhere or was resolved.
    pub fn at(&self, address: &Address) -> Option<&'a Node> {
        let place = (spelled(&address.host), address.port);
        self.0.get(&place).copied()
    }
}

/// All claims of all nodes.
fn held(topology: &Topology) -> Vec<AddressClaim<'_>> {
    let nodes = topology.nodes.iter();
    nodes
        .flat_map(|node| claims(node).into_iter().map(move |(c, a)| (node, c, a)))
        .enumerate()
        .map(|(order, (node, claim, address))| AddressClaim {
            order,
            node,
            claim,
            address,
        })
        .collect()
}

/// The clash with another server that answers at its announced address.
fn met_there<'a>(node: &'a Node, topology: &'a Topology) -> Option<Clash<'a>> {
    let own = node.server()?;
    let stranger = |run: &String| *run != own.run_id && !run.is_empty();
    let there = node
        .sight
        .elsewhere
        .iter()
        .find(|there| there.answers.as_ref().is_some_and(stranger))?;
    let announces = node.own_announcement().as_ref() == Some(&there.address);
    Some(Clash {
        node,
        claim: if announces {
            Claim::Announces
        } else {
            Claim::Inventory
        },
        address: there.address.clone(),
        with: topology
            .process(there.answers.as_ref()?)
            .map_or(With::Stranger, With::Process),
    })
}

/// A host in one spelling, and a port.
type Place = (String, u16);

/// A node's claim to an address.
struct AddressClaim<'a> {
    order: usize,
    node: &'a Node,
    claim: Claim,
    address: Address,
}

/// The owners of each place, made once for all nodes: pairs are not compared.
fn index<'a, 'n>(held: &'a [AddressClaim<'n>]) -> BTreeMap<Place, Vec<&'a AddressClaim<'n>>> {
    let mut index: BTreeMap<Place, Vec<&AddressClaim<'_>>> = BTreeMap::new();
    for one in held {
        let Address { host, port } = &one.address;
        let mut spellings: BTreeSet<String> = ips(one.node, host).map(spelled).collect();
        spellings.insert(spelled(host));
        for spelling in spellings {
            index.entry((spelling, *port)).or_default().push(one);
        }
    }
    index
}

/// The addresses that a node has, each once, with the claim that is the least likely to be wrong.
fn claims(node: &Node) -> Vec<(Claim, Address)> {
    let own = node.own_announcement();
    // For a node that is seen through its host, a loopback address belongs to that host. It cannot
    // be compared with another node's.
    let local = node.sight.through.is_some() && is_loopback(&node.address.host);
    let other_port = node.other_port().map(|port| {
        let host = node.address.host.clone();
        (Claim::OtherPort, Address { host, port })
    });
    let announced = if own.as_ref() == Some(&node.announced) {
        Claim::Announces
    } else {
        Claim::Inventory
    };
    let all = std::iter::once((Claim::Real, node.address.clone()))
        .chain(other_port)
        .chain([(announced, node.announced.clone())])
        .chain(own.map(|own| (Claim::Announces, own)));
    let mut found: Vec<(Claim, Address)> = Vec::new();
    for (claim, address) in all {
        let here = local && is_loopback(&address.host);
        if !here && !found.iter().any(|(_, known)| *known == address) {
            found.push((claim, address));
        }
    }
    found
}

/// The IP addresses behind one of a node's hosts, as far as they were looked up.
fn ips<'a>(node: &'a Node, host: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let known = |known: &'a [String], applies: bool| if applies { known } else { &[] };
    let elsewhere = node.sight.elsewhere.iter();
    let elsewhere = elsewhere
        .filter(|there| there.address.host == host)
        .map(|there| there.ips.as_slice())
        .collect::<Vec<_>>();
    known(&node.resolved, node.address.host == host)
        .iter()
        .chain(known(&node.reached, node.announced.host == host))
        .chain(elsewhere.into_iter().flatten())
        // The list also has other names of the same host, and one name may belong to several hosts.
        .filter(|text| text.parse::<IpAddr>().is_ok())
        .map(String::as_str)
}

/// A host in one spelling: an IP address as such, IPv4 also where it is mapped into IPv6; a name in
/// small letters without a last dot.
fn spelled(host: &str) -> String {
    host.parse::<IpAddr>().map_or_else(
        |_| host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
        |ip| ip.to_canonical().to_string(),
    )
}

fn is_loopback(host: &str) -> bool {
    let ip = host.parse::<IpAddr>().map(|ip| ip.to_canonical());
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
