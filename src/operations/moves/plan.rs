//! Plans another upstream for one replica. The nodes under it move with it. Pure.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::engine::{Ground, Mode, Move, Operation, Plan, Refusal, Stage, Step, Undo};
use crate::inventory::edit::Edit;
use crate::plan::follow::{in_sync, persist};
use crate::plan::gather::outlives;
use crate::plan::repoint::{below, checks, forecast, stages, wait_for};
use crate::topology::lineage::of_another_history;
use crate::topology::{Link, Node, Topology};

/// Plans `operation`.
pub fn plan(operation: &Move, topology: &Topology) -> Result<Plan, Vec<Refusal>> {
    let (node, under) = both(operation, topology)?;
    let mut plan = Plan {
        operation: Operation::Move(operation.clone()),
        stages: Vec::new(),
        warnings: Vec::new(),
        may_lose: None,
    };
    if is_under(node, under, topology) {
        same_history(node, under, topology)?;
        plan.stages = what_is_left(node, under, topology);
    } else {
        let lost = checks::lost_data(node, under, topology);
        checks::all(operation, node, under, topology, lost.as_deref())?;
        plan.warnings = forecast::warnings(node, under, topology);
        plan.may_lose = lost.map(|_| forecast::loss(node, under));
        plan.stages = stages(node, under, topology);
    }
    plan.stages.retain(|s| !s.steps.is_empty());
    Ok(plan)
}

/// Also writes the move into the inventory: together with the move, or alone if nothing else is
/// left to do.
pub fn written_down(plan: &mut Plan, edit: &Edit) {
    let undo = Undo::By(Action::Local(LocalAction::EditInventory(Box::new(
        edit.reversed(),
    ))));
    let action = Action::Local(LocalAction::EditInventory(Box::new(edit.clone())));
    let step = Step::new(&edit.node, action, undo);
    if let Some(stage) = plan.stages.iter_mut().find(|s| s.mode == Mode::Atomic) {
        stage.steps.insert(0, step);
        return;
    }
    let stage = Stage {
        title: "say so in the inventory".to_owned(),
        mode: Mode::Atomic,
        steps: vec![step],
    };
    plan.stages.push(stage);
}

/// The two nodes, by their names.
pub fn both<'a>(
    operation: &Move,
    topology: &'a Topology,
) -> Result<(&'a Node, &'a Node), Vec<Refusal>> {
    let unknown = |name| {
        let known: Vec<&str> = topology.nodes.iter().map(|n| n.name.0.as_str()).collect();
        Refusal::new(
            Ground::NoNode,
            format!("the inventory has no node `{name}`"),
            format!("its nodes are {}", known.join(", ")),
        )
    };
    match (
        topology.get(&operation.node),
        topology.get(&operation.under),
    ) {
        (Some(node), Some(under)) => Ok((node, under)),
        (None, Some(_)) => Err(vec![unknown(&operation.node)]),
        (Some(_), None) => Err(vec![unknown(&operation.under)]),
        (None, None) => Err(vec![unknown(&operation.node), unknown(&operation.under)]),
    }
}

/// Whether `node` follows `under` already. From the host of `node`, an address of `under` may lead
/// to another server. Then the histories differ, and only the address that a move would set counts.
pub fn is_under(node: &Node, under: &Node, topology: &Topology) -> bool {
    let there = topology
        .upstream_of(node)
        .is_some_and(|up| up.name == under.name);
    there
        && node.name != under.name
        && node.upstream().is_some_and(|up| {
            let told = up.address == under.source_for(node.server()) && under.server().is_some();
            let linked = up.link == Link::Up && !of_another_history(node, topology);
            linked || up.sync.is_some() || told
        })
}

/// Refuses where the link of `node` is up and the server at its other end is not `under`. A server
/// that is sent the address that it follows already keeps its link, so a move would change nothing.
fn same_history(node: &Node, under: &Node, topology: &Topology) -> Result<(), Vec<Refusal>> {
    let Some(up) = node
        .upstream()
        .filter(|_| of_another_history(node, topology))
    else {
        return Ok(());
    };
    let (name, above, address) = (&node.name, &under.name, &up.address);
    Err(vec![Refusal::new(
        Ground::Topology,
        format!(
            "the link of `{name}` is up, but its history is not that of `{above}`: {address} may lead to another server from the host of `{name}`"
        ),
        "correct where the address leads there, as this says: replctl explain another-history",
    )])
}

/// The node follows `under` already. These stages do what was not checked or not written yet.
pub fn what_is_left(node: &Node, under: &Node, topology: &Topology) -> Vec<Stage> {
    let unlinked = |n: &&Node| n.upstream().is_some_and(|up| up.link == Link::Down);
    let waits: Vec<&Node> = std::iter::once(node).filter(unlinked).collect();
    let unwritten: Vec<&Node> = std::iter::once(node)
        .filter(|n| !outlives(n, topology))
        .collect();
    let below = below(node, topology).into_iter().filter(unlinked).collect();
    vec![
        in_sync(under, &waits),
        wait_for(below, topology),
        persist(&unwritten),
    ]
}
