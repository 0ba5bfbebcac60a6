//! Detached nodes, and what an operation does about them. Pure.

use crate::engine::{Ground, Refusal, Setup};
use crate::topology::NodeName;
use crate::topology::candidate::primaries;
use crate::topology::detached::Observed;

/// `setup` without the detached nodes. A detached node that the operation names is refused.
/// `primary`: that of the deployment, if it is known.
pub fn spared(
    operation: &Setup,
    all: &[NodeName],
    alone: &[NodeName],
    primary: Option<&NodeName>,
) -> Result<Setup, Vec<Refusal>> {
    let named: Vec<Refusal> = operation
        .nodes
        .iter()
        .filter(|n| alone.contains(n))
        .map(|node| refusal(node, primary))
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

/// The primary of the deployment, where there is one.
pub fn primary(seen: &Observed) -> Option<NodeName> {
    match primaries(&seen.deployment())[..] {
        [one] => Some(one.name.clone()),
        _ => None,
    }
}

/// The command that brings a detached node back under another one, with its keys replaced.
pub fn way_back(node: &NodeName, under: Option<&NodeName>) -> String {
    let under = under.map_or("PRIMARY", |under| under.0.as_str());
    format!("replctl move {node} --under {under} --discard-data {node}")
}

/// The refusal to use a detached node as one of the deployment.
pub fn refusal(node: &NodeName, primary: Option<&NodeName>) -> Refusal {
    Refusal::new(
        Ground::DiscardData,
        format!("`{node}` was detached and stands alone, with writes of its own"),
        format!(
            "to bring it back with its keys replaced: {}",
            way_back(node, primary)
        ),
    )
}
