//! The step that sees that nobody else has changed a role since the plan was made. Pure.

use super::{Action, NodeRole, Step, Undo, Was};
use crate::topology::{Node, NodeName, Topology};

/// The step, on `node`, for every node of the deployment.
///
/// The plan was made from one look. Hooks, waits and the operator's answer to the question take seconds, and in that time
/// another operator, a person with redis-cli or a Sentinel may have changed a role.
pub(super) fn check(node: &Node, topology: &Topology) -> Step {
    check_after(node, topology, None)
}

/// The same, where an earlier step of the plan has given `moved` another upstream.
pub(super) fn check_after(
    node: &Node,
    topology: &Topology,
    moved: Option<(&NodeName, Was)>,
) -> Step {
    let roles = topology.nodes.iter().map(|n| {
        let was = match &moved {
            Some((name, was)) if **name == n.name => was.clone(),
            Some(_) | None => role(n),
        };
        NodeRole {
            node: n.name.clone(),
            was,
        }
    });
    let action = Action::CheckRoles {
        roles: roles.collect(),
    };
    Step::new(&node.name, action, Undo::Nothing)
}

/// The step on `node` for itself and `other` only, where other stages change the other roles.
pub(super) fn check_pair(node: &Node, other: &Node) -> Step {
    let roles = [node, other].map(|n| NodeRole {
        node: n.name.clone(),
        was: role(n),
    });
    let action = Action::CheckRoles {
        roles: roles.to_vec(),
    };
    Step::new(&node.name, action, Undo::Nothing)
}

fn role(node: &Node) -> Was {
    match node.upstream() {
        Some(upstream) => Was::ReplicaOf(upstream.address.clone()),
        None if node.server().is_some() => Was::Primary,
        None => Was::Silent,
    }
}

/// The names of all nodes but one.
pub(super) fn others(node: &Node, topology: &Topology) -> Vec<NodeName> {
    let others = topology.nodes.iter().filter(|n| n.name != node.name);
    others.map(|n| n.name.clone()).collect()
}
