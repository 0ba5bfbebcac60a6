//! The replicas that a node lists: nodes, and servers that the inventory lacks. Pure.
//!
//! A server lists a replica by its announced address, or by the address of its connection. Behind
//! an address translation that is no address of the node. So a line without a node may belong to a
//! linked node without a line.

use super::one_address::Places;
use super::{Address, Link, Node, Topology};
use std::collections::{BTreeSet, HashSet};

/// Replicas of a node that are no nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strangers {
    /// The least number of them.
    pub count: usize,
    /// They are among these, each once.
    pub among: Vec<Address>,
}

/// The replicas that `node` lists and that are no nodes (`places`: where the nodes are). `None`:
/// there are none, or they cannot be told from nodes at other addresses. Clients such as `redis-cli
/// --replica` have no port and are not counted.
pub fn strangers(node: &Node, places: &Places<'_>, topology: &Topology) -> Option<Strangers> {
    let lines = &node.server()?.replication.replicas;
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut among: Vec<Address> = Vec::new();
    let mut told: HashSet<&Address> = HashSet::new();
    let mut unknown = 0;
    for line in lines.iter().filter(|line| line.address.port != 0) {
        let at = &line.address;
        match places.at(at).or_else(|| topology.meant_by(node, at)) {
            Some(found) if found.name != node.name => {
                known.insert(&found.name.0);
            }
            Some(_) | None => {
                unknown += 1;
                if told.insert(&line.address) {
                    among.push(line.address.clone());
                }
            }
        }
    }
    if unknown == 0 {
        return None;
    }
    let linked = topology.followers_of(node).filter(|other| {
        other.upstream().is_some_and(|up| up.link == Link::Up)
            && !known.contains(other.name.0.as_str())
    });
    let count = usize::saturating_sub(unknown, linked.count());
    (count > 0).then_some(Strangers { count, among })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::ReplicaLine;
    use super::super::testing::healthy;
    use super::*;

    fn listed(topology: &mut Topology, addresses: &[(&str, u16)]) {
        let line = |(host, port): &(&str, u16)| ReplicaLine {
            address: Address::new(*host, *port),
            state: "online".into(),
            offset: None,
            ack_age_seconds: None,
        };
        topology.nodes[0].up().replication.replicas = addresses.iter().map(line).collect();
    }

    fn told(addresses: &[(&str, u16)]) -> Option<(usize, usize)> {
        let mut topology = healthy();
        listed(&mut topology, addresses);
        let found = strangers(&topology.nodes[0], &Places::of(&topology), &topology)?;
        Some((found.count, found.among.len()))
    }

    #[test]
    fn who_is_no_node_is_counted_and_named() {
        let (one, two) = (("192.168.0.130", 6379), ("192.168.0.140", 6379));
        assert_eq!(told(&[one, two]), None);
        assert_eq!(told(&[one, two, ("192.168.0.150", 6379)]), Some((1, 1)));
        assert_eq!(told(&[one, two, ("192.168.0.150", 0)]), None, "a client");
        // The nodes are seen at the address of a gateway, both at the same.
        let gate = ("172.17.0.1", 6379);
        assert_eq!(told(&[gate, gate]), None);
        assert_eq!(told(&[one, gate]), None);
        assert_eq!(told(&[gate, gate, gate]), Some((1, 1)));
        assert_eq!(told(&[one, gate, gate]), Some((1, 1)));
        // A line with the address of the listing node itself is not that node.
        assert_eq!(told(&[one, two, ("192.168.0.120", 6379)]), Some((1, 1)));
        assert_eq!(told(&[one, ("192.168.0.120", 6379)]), None);
    }

    #[test]
    fn a_node_that_does_not_answer_is_no_stranger() {
        let mut topology = healthy();
        listed(
            &mut topology,
            &[("192.168.0.130", 6379), ("192.168.0.140", 6379)],
        );
        topology.nodes[2].state = super::super::testing::down(
            "slave2",
            "192.168.0.140",
            super::super::TroubleKind::NoAnswer,
            "no answer",
        )
        .state;
        let places = Places::of(&topology);
        assert_eq!(strangers(&topology.nodes[0], &places, &topology), None);
        assert_eq!(strangers(&topology.nodes[1], &places, &topology), None);
    }
}
