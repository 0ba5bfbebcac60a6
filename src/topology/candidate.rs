//! The best candidate for the primary, as a hint for people. The promotion's planner checks far
//! more. Pure.

use super::lineage::{never_synced, position};
use super::{Link, Node, Topology};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// Whether a node could become primary: it answers, has data of its primary, may be promoted, and
/// is not in the middle of getting data.
pub fn promotable(node: &Node) -> bool {
    let (Some(server), Some(upstream)) = (node.server(), node.upstream()) else {
        return false;
    };
    server.replication.priority != Some(0)
        && server.loading.is_none()
        && upstream.sync.is_none()
        && upstream.read_only
        && !server.cluster_enabled
        && !never_synced(&server.replication)
}

/// The replica with the most data of the history that most promotable replicas share. The
/// inventory's order decides between equals.
pub fn best_replica(topology: &Topology) -> Option<&Node> {
    let able: Vec<&Node> = topology
        .nodes
        .iter()
        .filter(|node| promotable(node))
        .collect();
    let mut shared: HashMap<&str, usize> = HashMap::new();
    for id in able.iter().filter_map(|node| replid(node)) {
        *shared.entry(id).or_default() += 1;
    }
    let sharing = |node: &Node| replid(node).and_then(|id| shared.get(id)).copied();
    let bytes = |node: &Node| {
        node.server()
            .map_or(0, |server| position(&server.replication))
    };
    able.iter()
        .enumerate()
        .max_by_key(|(order, node)| (sharing(node), bytes(node), Reverse(*order)))
        .map(|(_, node)| *node)
}

/// The nodes that answered as primaries, each process once.
pub fn primaries(topology: &Topology) -> Vec<&Node> {
    let mut known: HashSet<&str> = HashSet::new();
    let mut found = Vec::new();
    for node in topology.primaries() {
        let run = node.server().map_or("", |server| &server.run_id);
        if run.is_empty() || known.insert(run) {
            found.push(node);
        }
    }
    found
}

/// Whether two names lead to one process.
pub fn same_process(a: &Node, b: &Node) -> bool {
    match (a.server(), b.server()) {
        (Some(a), Some(b)) => !a.run_id.is_empty() && a.run_id == b.run_id,
        _ => false,
    }
}

/// Among several primaries, the one to keep: first one that Sentinels watch, then one promoted from
/// another's history, then the one with most replicas, then the first in the inventory. (A replica
/// that was restarted without its `replicaof` has its primary's history, too.)
pub fn best_primary(topology: &Topology) -> Option<&Node> {
    let primaries = primaries(topology);
    let histories: HashSet<&str> = primaries.iter().filter_map(|node| replid(node)).collect();
    let took_over = |node: &Node| {
        let old = node.server().and_then(|s| s.replication.replid2.as_deref());
        old.is_some_and(|old| histories.contains(old))
    };
    let watched = |node: &Node| {
        let counted = node.server().and_then(|server| server.sentinels);
        counted.is_some_and(|count| count > 0)
    };
    primaries
        .iter()
        .enumerate()
        .max_by_key(|(order, node)| {
            let followed = followers(topology, node);
            (watched(node), took_over(node), followed, Reverse(*order))
        })
        .map(|(_, node)| *node)
}

/// Replicas whose link to `node` is up.
pub fn followers(topology: &Topology, node: &Node) -> usize {
    let linked = |other: &&Node| other.upstream().is_some_and(|up| up.link == Link::Up);
    topology.followers_of(node).filter(linked).count()
}

/// The id of a node's history.
fn replid(node: &Node) -> Option<&str> {
    Some(node.server()?.replication.replid.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{healthy, primary, replica};
    use super::*;

    #[test]
    fn the_replica_with_most_data_that_may_be_promoted_is_best() {
        let mut topology = healthy();
        topology.nodes.remove(0);
        assert_eq!(
            best_replica(&topology).map(|n| n.name.0.as_str()),
            Some("slave1")
        );
        topology.nodes[1].link().offset = 5001;
        assert_eq!(
            best_replica(&topology).map(|n| n.name.0.as_str()),
            Some("slave2")
        );
        topology.nodes[1].up().replication.priority = Some(0);
        assert_eq!(
            best_replica(&topology).map(|n| n.name.0.as_str()),
            Some("slave1")
        );
        topology.nodes[0].link().read_only = false;
        assert_eq!(best_replica(&topology), None);
    }

    #[test]
    fn a_stranger_with_a_high_offset_is_not_best() {
        let mut topology = healthy();
        topology.nodes[0] = replica("stranger", "192.168.0.120", "10.9.9.9", 1_000_000);
        topology.nodes[0].up().replication.replid = "another".into();
        assert_eq!(
            best_replica(&topology).map(|n| n.name.0.as_str()),
            Some("slave1")
        );
    }

    #[test]
    fn of_two_primaries_the_later_one_is_best() {
        let mut topology = healthy();
        topology.nodes[2] = primary("slave2", "192.168.0.140", 5100);
        assert_eq!(
            best_primary(&topology).map(|n| n.name.0.as_str()),
            Some("master"),
            "more replicas"
        );
        let promoted = &mut topology.nodes[2].up().replication;
        promoted.replid2 = Some(std::mem::replace(&mut promoted.replid, "new".into()));
        assert_eq!(
            best_primary(&topology).map(|n| n.name.0.as_str()),
            Some("slave2"),
            "promoted from the other's history"
        );
        topology.nodes[0].up().sentinels = Some(3);
        assert_eq!(
            best_primary(&topology).map(|n| n.name.0.as_str()),
            Some("master"),
            "whom Sentinels watch"
        );
    }
}
