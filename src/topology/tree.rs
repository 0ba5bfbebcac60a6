//! The order and depth in which nodes are shown: each under its upstream, siblings in inventory
//! order. Pure, and safe with loops.

use super::candidate::same_process;
use super::{Node, Topology};

/// One node's place in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// The node.
    pub node: &'a Node,
    /// For each level from the second one down to its own: whether the branch there is the last of
    /// its siblings. Empty at the top.
    pub last: Vec<bool>,
}

/// The circle `node` is a member of, beginning with it; empty where it is in none. Two names of one
/// server are one member.
pub fn ring<'a>(node: &'a Node, topology: &'a Topology) -> Vec<&'a Node> {
    if !circles(node, topology) {
        return Vec::new();
    }
    let mut ring = vec![node];
    let mut at = node;
    for _ in 0..topology.nodes.len() {
        let Some(next) = topology.upstream_of(at) else {
            return Vec::new();
        };
        if next.name == node.name || same_process(next, node) {
            return ring;
        }
        ring.push(next);
        at = next;
    }
    Vec::new()
}

/// Whether `node` may be a member of a circle: it is in one, or is one of several names of a
/// server.
fn circles(node: &Node, topology: &Topology) -> bool {
    let Some(place) = topology.nodes.place(node) else {
        return true;
    };
    let index = topology.nodes.index();
    let run = node.server().map(|server| server.run_id.as_str());
    index.circles(place) || run.is_some_and(|run| index.has_names(run))
}

/// Every node exactly once. On top: primaries, unreachable nodes, nodes that follow an address
/// which is no node's, and of each loop its first node.
pub fn tree(topology: &Topology) -> Vec<Place<'_>> {
    let nodes = &topology.nodes[..];
    let index = topology.nodes.index();
    let above = |own: usize| index.upstream(own).filter(|up| *up != own);
    let parents: Vec<Option<usize>> = (0..nodes.len()).map(above).collect();
    let under = |own: usize| index.followers(own).to_vec();
    let mut walk = Walk {
        nodes,
        parents,
        children: (0..nodes.len()).map(under).collect(),
        placed: vec![false; nodes.len()],
        places: Vec::new(),
    };
    for top in 0..nodes.len() {
        if walk.parents[top].is_none() {
            walk.place(top);
        }
    }
    for left in 0..nodes.len() {
        if !walk.placed[left] {
            // It is under a loop. The loop's own members come on top, then the nodes under them.
            walk.place(walk.first_of_loop(left, |member| index.circles(member)));
        }
    }
    walk.places
}

struct Walk<'a> {
    nodes: &'a [Node],
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    placed: Vec<bool>,
    places: Vec<Place<'a>>,
}

impl Walk<'_> {
    /// The first member, in inventory order, of the loop at the end of a node's chain.
    fn first_of_loop(&self, below: usize, circles: impl Fn(usize) -> bool) -> usize {
        let above = |at: usize| self.parents[at].unwrap_or(at);
        let mut member = below;
        while !circles(member) && above(member) != member {
            member = above(member);
        }
        let mut first = member;
        let mut at = above(member);
        while at != member {
            first = first.min(at);
            at = above(at);
        }
        first
    }

    /// Depth first, with an explicit stack: a chain may be as long as the inventory.
    fn place(&mut self, top: usize) {
        if self.placed[top] {
            return;
        }
        let mut stack = vec![(top, Vec::new())];
        while let Some((index, last)) = stack.pop() {
            if std::mem::replace(&mut self.placed[index], true) {
                continue;
            }
            let mut children = std::mem::take(&mut self.children[index]);
            children.retain(|child| !self.placed[*child]);
            for (n, child) in children.iter().enumerate().rev() {
                let mut branch: Vec<bool> = last.clone();
                branch.push(n + 1 == children.len());
                stack.push((*child, branch));
            }
            self.places.push(Place {
                node: &self.nodes[index],
                last,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::testing::{down, healthy, primary, replica};
    use super::super::{Topology, TroubleKind};
    use super::tree;
    use proptest::prelude::*;

    fn shape(topology: &Topology) -> Vec<String> {
        tree(topology)
            .iter()
            .map(|place| format!("{}{}", "  ".repeat(place.last.len()), place.node.name))
            .collect()
    }

    #[test]
    fn replicas_stand_under_their_upstream_in_inventory_order() {
        assert_eq!(shape(&healthy()), ["master", "  slave1", "  slave2"]);
        let chain = Topology {
            nodes: vec![
                replica("a", "10.0.0.1", "10.0.0.3", 1),
                replica("b", "10.0.0.2", "10.0.0.1", 1),
                primary("c", "10.0.0.3", 1),
                replica("d", "10.0.0.4", "10.0.0.3", 1),
                replica("e", "10.0.0.5", "10.9.9.9", 1),
            ]
            .into(),
        };
        assert_eq!(shape(&chain), ["c", "  a", "    b", "  d", "e"]);
        let last: Vec<Vec<bool>> = tree(&chain).into_iter().map(|p| p.last).collect();
        assert_eq!(
            last,
            [vec![], vec![false], vec![false, true], vec![true], vec![]]
        );
    }

    #[test]
    fn a_dead_primary_keeps_its_replicas_under_it() {
        let mut topology = healthy();
        topology.nodes[0] = down("master", "192.168.0.120", TroubleKind::NoAnswer, "");
        assert_eq!(shape(&topology), ["master", "  slave1", "  slave2"]);
    }

    #[test]
    fn loops_end() {
        let rings = Topology {
            nodes: vec![
                replica("hangs", "10.0.0.1", "10.0.0.3", 1),
                replica("a", "10.0.0.2", "10.0.0.3", 1),
                replica("b", "10.0.0.3", "10.0.0.2", 1),
                replica("itself", "10.0.0.4", "10.0.0.4", 1),
            ]
            .into(),
        };
        assert_eq!(shape(&rings), ["itself", "a", "  b", "    hangs"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn every_node_is_shown_once(follows in proptest::collection::vec(0usize..14, 1..12)) {
            let host = |n: usize| format!("10.0.0.{n}");
            let nodes = follows.iter().enumerate().map(|(n, up)| match up {
                12 => primary(&n.to_string(), &host(n), 1),
                13 => down(&n.to_string(), &host(n), TroubleKind::Refused, ""),
                up => replica(&n.to_string(), &host(n), &host(*up), 1),
            }).collect();
            let topology = Topology { nodes };
            let mut shown: Vec<String> = tree(&topology).iter().map(|p| p.node.name.0.clone()).collect();
            shown.sort();
            let mut all: Vec<String> = topology.nodes.iter().map(|n| n.name.0.clone()).collect();
            all.sort();
            prop_assert_eq!(shown, all);
        }
    }
}
