//! Detached nodes, and what an operation does about them. Pure.

use crate::engine::{Ground, Refusal, Setup};
use crate::topology::NodeName;

/// `setup` without the detached nodes. A detached node that the operation names is refused.
pub fn spared(
    operation: &Setup,
    all: &[NodeName],
    alone: &[NodeName],
) -> Result<Setup, Vec<Refusal>> {
    let named: Vec<Refusal> = operation
        .nodes
        .iter()
        .filter(|n| alone.contains(n))
        .map(stands_alone)
        .collect();
    if !named.is_empty() {
        return Err(named);
    }
    let mut operation = operation.clone();
    if operation.nodes.is_empty() && !alone.is_empty() {
        operation.nodes = all.iter().filter(|n| !alone.contains(n)).cloned().collect();
    }
    Ok(operation)
}

/// The refusal to use a detached node as one of the deployment.
pub fn stands_alone(node: &NodeName) -> Refusal {
    Refusal::new(
        Ground::DiscardData,
        format!("`{node}` was detached and stands alone, with writes of its own"),
        format!(
            "to bring it back with its keys replaced: replctl move {node} --under PRIMARY --discard-data {node}"
        ),
    )
}
