//! Plans what is left to do if the node is the primary already: repoint the loose replicas, write
//! the roles that would not survive a restart, and check unlinked replicas. Pure.

use super::follow::{follow_step, in_sync, loose, persist};
use crate::engine::{Mode, Stage};
use crate::topology::{Link, Node, NodeName, PersistedRole, Topology};
use std::collections::HashSet;

/// The stages; none if there is nothing to do.
pub fn stages(target: &Node, topology: &Topology) -> Vec<Stage> {
    let moved: Vec<&Node> = loose(target, None, topology).collect();
    let unlinked = topology
        .nodes
        .iter()
        .filter(|n| waits_for(n, target, topology));
    let watched: Vec<&Node> = moved.iter().copied().chain(unlinked).collect();
    let names: HashSet<&NodeName> = moved.iter().map(|m| &m.name).collect();
    let is_moved = |node: &Node| names.contains(&node.name);
    let written: Vec<&Node> = topology
        .nodes
        .iter()
        .filter(|n| is_moved(n) || !outlives(n, topology))
        .collect();
    if watched.is_empty() && written.is_empty() {
        return Vec::new();
    }
    let target_first = std::iter::once(target)
        .filter(|_| !moved.is_empty() || !outlives(target, topology))
        .chain(written.into_iter().filter(|n| n.name != target.name));
    vec![
        Stage {
            title: "attach what hangs loose".to_owned(),
            mode: Mode::KeepGoing,
            steps: moved.iter().map(|n| follow_step(n, target)).collect(),
        },
        persist(&target_first.collect::<Vec<_>>()),
        in_sync(target, &watched),
    ]
}

/// The node follows `target`, and its link is down. It may link soon, or the reason has to be
/// found.
fn waits_for(node: &Node, target: &Node, topology: &Topology) -> bool {
    let under = topology
        .upstream_of(node)
        .is_some_and(|up| up.name == target.name);
    let unlinked = node
        .upstream()
        .is_some_and(|up| up.link == Link::Down && up.address == target.source_for(node.server()));
    under && unlinked && node.name != target.name
}

/// Whether the file of a node that answers has its present role. An unknown file counts as yes.
pub fn outlives(node: &Node, topology: &Topology) -> bool {
    let (Some(_), Some(persisted)) = (node.server(), &node.persisted) else {
        return true;
    };
    // Its start arguments may be unknown even if its file is known.
    let in_file = node.service.as_ref().and_then(|service| {
        let now = node.upstream().map(|up| &up.address);
        service.role_in_file().filter(|_| !service.hides_role(now))
    });
    let persisted = match (persisted, &in_file) {
        (PersistedRole::Unknown(_), Some(role)) => role,
        (persisted, _) => persisted,
    };
    match (persisted, node.upstream()) {
        (PersistedRole::Unknown(_), _) | (PersistedRole::Primary, None) => true,
        (PersistedRole::Primary, Some(_))
        | (PersistedRole::ReplicaOf(_), None)
        | (PersistedRole::Unwritten, _) => false,
        (PersistedRole::ReplicaOf(address), Some(up)) => {
            let name = |address| topology.meant_by(node, address).map(|at| &at.name);
            *address == up.address
                || (name(address).is_some() && name(address) == name(&up.address))
        }
    }
}
