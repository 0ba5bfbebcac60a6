//! The state of a deployment's primaries as a whole: none, several, a circle, or a primary that
//! came back empty and is about to pass that on. Pure.

use super::candidate::{best_primary, best_replica, primaries};
use super::lineage::{Lineage, lineage, position};
use super::tree::ring;
use super::{Link, Node, NodeName, Server, Topology};
use std::cmp::Reverse;

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Situation<'a> {
    /// One primary, and no problem with it.
    Sound(&'a Node),
    /// Several nodes take writes.
    Several(Vec<&'a Node>),
    /// The only primary holds little or nothing. The nodes that would copy that hold much.
    Emptied {
        /// The primary.
        primary: &'a Node,
        /// Those that still have their keys.
        full: Vec<&'a Node>,
    },
    /// Nodes answer, and none of them is a primary.
    Headless,
    /// No primary, because these nodes follow each other.
    Circle(Vec<&'a Node>),
    /// No node answers.
    Silent,
}

/// The situation. Detached nodes are left out before.
pub fn situation(topology: &Topology) -> Situation<'_> {
    match primaries(topology)[..] {
        [primary] => match full(primary, topology) {
            full if full.is_empty() => Situation::Sound(primary),
            full => Situation::Emptied { primary, full },
        },
        ref several if several.len() > 1 => Situation::Several(several.to_vec()),
        _ => {
            let rings = topology.nodes.iter().map(|node| ring(node, topology));
            match rings.into_iter().find(|ring| !ring.is_empty()) {
                Some(ring) => Situation::Circle(ring),
                None if topology.nodes.iter().all(|n| n.server().is_none()) => Situation::Silent,
                None => Situation::Headless,
            }
        }
    }
}

/// The replicas of `primary` that hold keys it never had: its history does not continue theirs, and
/// it holds less than half as much.
fn full<'a>(primary: &Node, topology: &'a Topology) -> Vec<&'a Node> {
    let Some(top) = primary.server().filter(|s| s.loading.is_none()) else {
        return Vec::new();
    };
    let keeps = |node: &&Node| {
        let under = topology
            .upstream_of(node)
            .is_some_and(|up| up.name == primary.name);
        let (true, Some(server), Some(link)) = (under, node.server(), node.upstream()) else {
            return false;
        };
        let related = matches!(
            lineage(&server.replication, &top.replication),
            Lineage::Same { .. }
        );
        let more = server.key_count() > top.key_count().saturating_mul(2);
        link.link == Link::Down && !related && more
    };
    topology.nodes.iter().filter(keeps).collect()
}

impl<'a> Situation<'a> {
    /// The node that should be or stay the primary, unless the operator chooses another. `noted`:
    /// the node that was promoted last, by other records.
    pub fn proposed(&self, topology: &'a Topology, noted: Option<&NodeName>) -> Option<&'a Node> {
        let best = || best_replica(topology).or_else(|| most(topology));
        match self {
            Self::Sound(primary) => Some(primary),
            Self::Several(primaries) => {
                let noted = primaries.iter().find(|n| Some(&n.name) == noted);
                noted
                    .copied()
                    .or_else(|| best_primary(topology).map(|best| with_keys(best, primaries)))
            }
            Self::Emptied { full, .. } => fullest(full),
            Self::Headless => best(),
            Self::Circle(ring) => forgetful(ring, noted, topology).or_else(best),
            Self::Silent => None,
        }
    }

    /// The nodes that the operator may choose.
    pub fn choice(&self, topology: &'a Topology) -> Vec<&'a Node> {
        match self {
            Self::Sound(primary) => vec![primary],
            Self::Several(primaries) => primaries.clone(),
            Self::Emptied { full, .. } => full.clone(),
            Self::Headless | Self::Circle(_) => topology
                .nodes
                .iter()
                .filter(|n| n.server().is_some())
                .collect(),
            Self::Silent => Vec::new(),
        }
    }
}

/// The member of a circle that was its primary and forgot it. The node was killed before its new
/// role was in its file, so it came back as a replica. Its disk has the writes that it acknowledged
/// meanwhile. Its history is its own since then. It holds more keys than the best other node, or as
/// many and is `noted`.
pub fn forgetful<'a>(
    ring: &[&'a Node],
    noted: Option<&NodeName>,
    topology: &Topology,
) -> Option<&'a Node> {
    let best = best_replica(topology)?.server()?;
    let led = |node: &&&Node| {
        let Some(server) = node.server().filter(|s| s.loading.is_none()) else {
            return false;
        };
        let related = lineage(&server.replication, &best.replication);
        let (mine, theirs) = (server.key_count(), best.key_count());
        let fuller = mine > theirs || (mine == theirs && Some(&node.name) == noted);
        related == Lineage::Unknown && fuller
    };
    let keys = |node: &&&Node| node.server().map_or(0, Server::key_count);
    ring.iter().filter(led).max_by_key(keys).copied()
}

/// Whether a node was the primary and forgot it: it is in a circle, shares no history with the
/// others there, and holds no fewer keys than any of them. Callers must know that it was promoted
/// once.
pub fn forgot(node: &Node, topology: &Topology) -> bool {
    let Some(server) = node.server().filter(|s| s.loading.is_none()) else {
        return false;
    };
    let mut others = ring(node, topology).into_iter().skip(1).peekable();
    let less = |other: &Node| {
        other.server().is_some_and(|other| {
            lineage(&server.replication, &other.replication) == Lineage::Unknown
                && server.key_count() >= other.key_count()
        })
    };
    others.peek().is_some() && others.all(less)
}

/// The best node, unless it holds nothing and another node holds keys that it never had.
fn with_keys<'a>(best: &'a Node, primaries: &[&'a Node]) -> &'a Node {
    let keys = |node: &Node| node.server().map_or(0, Server::key_count);
    let lost = |node: &&&Node| {
        let (Some(theirs), Some(mine)) = (node.server(), best.server()) else {
            return false;
        };
        let related = lineage(&theirs.replication, &mine.replication);
        keys(node) > 0 && !matches!(related, Lineage::Same { .. })
    };
    if keys(best) > 0 {
        return best;
    }
    let others = primaries.iter().enumerate().filter(|(_, n)| lost(n));
    let fuller = others.max_by_key(|(order, n)| (keys(n), Reverse(*order)));
    fuller.map_or(best, |(_, n)| *n)
}

/// A node without a resync under way comes first, then the node with more keys, then the one with
/// the higher offset.
fn fullest<'a>(full: &[&'a Node]) -> Option<&'a Node> {
    let order = full.iter().enumerate();
    let rank = |(n, node): &(usize, &&Node)| {
        let syncing = node.upstream().is_some_and(|up| up.sync.is_some());
        let server = node.server();
        let keys = server.map_or(0, Server::key_count);
        let bytes = server.map_or(0, |s| position(&s.replication));
        (!syncing, keys, bytes, Reverse(*n))
    };
    order.max_by_key(rank).map(|(_, node)| *node)
}

/// The node with most keys, for the case that no node is a good candidate.
fn most(topology: &Topology) -> Option<&Node> {
    let keys = |node: &Node| node.server().map(Server::key_count);
    let up = topology.nodes.iter().enumerate();
    up.filter_map(|(n, node)| Some((keys(node)?, Reverse(n), node)))
        .max_by_key(|(keys, order, _)| (*keys, *order))
        .map(|(.., node)| node)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{healthy, primary};
    use super::*;

    fn names(nodes: &[&Node]) -> Vec<String> {
        nodes.iter().map(|n| n.name.0.clone()).collect()
    }

    /// `master` was restarted empty; the others have not linked to it yet.
    fn emptied() -> Topology {
        let mut topology = healthy();
        let master = topology.nodes[0].up();
        master.replication.replid = "fresh".into();
        master.replication.offset = 0;
        master.keys.clear();
        for node in &mut topology.nodes[1..] {
            node.link().link = Link::Down;
        }
        topology
    }

    #[test]
    fn a_primary_that_came_back_with_nothing() {
        let topology = emptied();
        let Situation::Emptied { primary, full } = situation(&topology) else {
            panic!("{:?}", situation(&topology));
        };
        assert_eq!(primary.name.0, "master");
        assert_eq!(names(&full), ["slave1", "slave2"]);
        let chosen = situation(&topology).proposed(&topology, None).unwrap();
        assert_eq!(chosen.name.0, "slave1");
        // A node that has begun to copy the empty data set is not chosen while there is another.
        let mut topology = emptied();
        topology.nodes[1].link().sync = Some(super::super::SyncProgress {
            read: None,
            total: None,
            idle_seconds: None,
        });
        let chosen = situation(&topology).proposed(&topology, None).unwrap();
        assert_eq!(chosen.name.0, "slave2");
    }

    #[test]
    fn an_ordinary_resync_is_none_of_these() {
        assert!(matches!(situation(&healthy()), Situation::Sound(_)));
        // It was restarted and has loaded its data from disk: its history is new, its keys are not.
        let mut topology = emptied();
        topology.nodes[0].up().keys.insert(0, 2001);
        assert!(matches!(situation(&topology), Situation::Sound(_)));
        // A command emptied it. That is part of its history, and of theirs.
        let mut topology = healthy();
        topology.nodes[0].up().keys.clear();
        assert!(matches!(situation(&topology), Situation::Sound(_)));
        let mut topology = emptied();
        topology.nodes[0].up().loading = Some(super::super::Loading { percent: None });
        assert!(matches!(situation(&topology), Situation::Sound(_)));
    }

    #[test]
    fn none_several_and_circles() {
        let mut topology = healthy();
        topology.nodes[1] = primary("slave1", "192.168.0.130", 5100);
        let Situation::Several(primaries) = situation(&topology) else {
            panic!("{:?}", situation(&topology));
        };
        assert_eq!(names(&primaries), ["master", "slave1"]);
        let mut topology = healthy();
        topology.nodes.remove(0);
        assert_eq!(situation(&topology), Situation::Headless);
        assert_eq!(
            names(&situation(&topology).choice(&topology)),
            ["slave1", "slave2"]
        );
        topology.nodes[0].link().address = super::super::Address::new("192.168.0.140", 6379);
        topology.nodes[1].link().address = super::super::Address::new("192.168.0.130", 6379);
        assert!(matches!(situation(&topology), Situation::Circle(ring) if ring.len() == 2));
        topology.nodes.clear();
        assert_eq!(situation(&topology), Situation::Silent);
    }

    /// `slave1` and `slave2` follow each other, and `slave1` was restarted.
    fn circle(keys: u64) -> Topology {
        let mut topology = healthy();
        topology.nodes.remove(0);
        topology.nodes[0].link().address = super::super::Address::new("192.168.0.140", 6379);
        topology.nodes[1].link().address = super::super::Address::new("192.168.0.130", 6379);
        let anew = topology.nodes[0].up();
        anew.replication.replid = "fresh".into();
        anew.replication.offset = 0;
        anew.keys.insert(0, keys);
        topology.nodes[0].link().offset = 0;
        topology.nodes[1].up().keys.insert(0, 100);
        topology
    }

    #[test]
    fn of_a_circle_the_one_that_led_it_and_forgot() {
        let proposed = |keys, noted: Option<&str>| {
            let topology = circle(keys);
            let noted = noted.map(NodeName::from);
            let found = situation(&topology);
            let node = found.proposed(&topology, noted.as_ref()).unwrap();
            node.name.0.clone()
        };
        assert_eq!(proposed(101, None), "slave1", "it has taken writes");
        assert_eq!(proposed(100, None), "slave2");
        assert_eq!(proposed(100, Some("slave1")), "slave1");
        assert_eq!(proposed(100, Some("slave2")), "slave2");
        assert_eq!(proposed(99, Some("slave1")), "slave2", "it has lost some");
        for (keys, wanted) in [(101, true), (100, true), (99, false)] {
            let topology = circle(keys);
            assert_eq!(forgot(&topology.nodes[0], &topology), wanted, "{keys}");
        }
        // Nodes in a circle because of a typing mistake share a history.
        let mut topology = circle(100);
        let shared = topology.nodes[1].up().replication.replid.clone();
        topology.nodes[0].up().replication.replid = shared;
        assert!(!forgot(&topology.nodes[0], &topology));
        assert!(!forgot(&healthy().nodes[1], &healthy()), "no circle");
    }
}
