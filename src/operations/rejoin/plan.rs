//! Plans the return of an old primary under the present one, whatever it is now: a primary, a
//! replica already, or stopped. Pure.

pub mod stopped;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::engine::{Ground, Operation, Plan, Refusal, Rejoin, Stage};
use crate::plan::divergence::Own;
use crate::plan::follow::{in_sync, persist};
use crate::plan::gather::outlives;
use crate::plan::repoint::{below, wait_for};
use crate::plan::returning::returns;
use crate::plan::root::{Root, walk};
use crate::topology::{Link, Node, Topology};

/// Plans `operation` for the two nodes that [`pair`] has found. `own`: what only the first has.
pub fn plan(
    operation: &Rejoin,
    (node, successor): (&Node, &Node),
    own: &Own,
    topology: &Topology,
) -> Result<Plan, Vec<Refusal>> {
    let mut plan = Plan {
        operation: Operation::Rejoin(operation.clone()),
        stages: Vec::new(),
        warnings: Vec::new(),
        may_lose: None,
    };
    if node.upstream().is_some() {
        plan.stages = what_is_left(node, successor, topology)?;
    } else if node.is_primary() {
        plan = returns(operation, (node, successor), own, topology)?;
        plan.stages.push(wait_for(below(node, topology), topology));
    } else {
        stopped::plan(operation, node, successor, own, &mut plan)?;
    }
    plan.stages.retain(|s| !s.steps.is_empty());
    Ok(plan)
}

/// It is a replica already. These stages do what was not checked or not written yet.
pub fn what_is_left(
    node: &Node,
    successor: &Node,
    topology: &Topology,
) -> Result<Vec<Stage>, Vec<Refusal>> {
    let above = topology.upstream_of(node);
    let leads = matches!(walk(node, topology), Root::Primary(root) if root.name == successor.name);
    let Some(above) = above.filter(|_| leads) else {
        let follows = node.upstream().map(|up| up.address.to_string());
        let (node, successor) = (&node.name, &successor.name);
        return Err(vec![Refusal::new(
            Ground::Topology,
            format!(
                "`{node}` is no primary but a replica of {}, which does not lead to `{successor}`",
                follows.unwrap_or_default()
            ),
            format!("replctl move {node} --under {successor}"),
        )]);
    };
    let unlinked = node.upstream().is_some_and(|up| up.link == Link::Down);
    let waits: Vec<&Node> = std::iter::once(node).filter(|_| unlinked).collect();
    let written: Vec<&Node> = std::iter::once(node)
        .filter(|n| !outlives(n, topology))
        .collect();
    Ok(vec![persist(&written), in_sync(above, &waits)])
}
