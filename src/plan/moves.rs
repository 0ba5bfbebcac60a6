//! Plans another upstream for one replica. The nodes under it move with it. Pure.

mod checks;
pub(super) mod forecast;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::gather::outlives;
use super::promote::{IN_SYNC_MS, Root, follow, follow_step, in_sync, persist, walk};
use super::roles;
use crate::actions::Action;
use crate::engine::{Mode, Move, Operation, Plan, Refusal, Stage, Step, Undo};
use crate::inventory::edit::Edit;
use crate::topology::{Link, Node, NodeName, Topology};
use std::collections::HashSet;

/// How long the new upstream may take to have what the node has, ms. A replica that is ahead of its new upstream, by however little, gets all
/// data anew.
const CATCH_UP_MS: u64 = 15_000;

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

/// What brings a replica of a replica straight under `primary`, and what it will cost. Its role is written into its file, although it is on its way: it stays
/// there if what comes next fails.
///
/// # Errors
/// All that stands against it.
pub(super) fn straight(
    operation: &Move,
    node: &Node,
    primary: &Node,
    topology: &Topology,
) -> Result<(Vec<Stage>, Vec<String>), Vec<Refusal>> {
    let lost = checks::lost_data(node, primary, topology);
    checks::all(operation, node, primary, topology, lost.as_deref())?;
    let mut stages = stages(node, primary, topology);
    // A node under it that does not come back stops the rest; a role that cannot be written does not.
    let writes = |stage: &Stage| stage.steps.iter().any(|s| s.action == Action::PersistRole);
    for stage in stages.iter_mut().filter(|stage| !writes(stage)) {
        if stage.mode == Mode::KeepGoing {
            stage.mode = Mode::Gate;
        }
    }
    Ok((stages, forecast::warnings(node, primary, topology)))
}

/// Lets the inventory say so, too: together with the move, or by itself where nothing else is left to do.
pub fn written_down(plan: &mut Plan, edit: &Edit) {
    let undo = Undo::By(Action::EditInventory(Box::new(edit.reversed())));
    let action = Action::EditInventory(Box::new(edit.clone()));
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
fn both<'a>(
    operation: &Move,
    topology: &'a Topology,
) -> Result<(&'a Node, &'a Node), Vec<Refusal>> {
    let unknown = |name| {
        let known: Vec<&str> = topology.nodes.iter().map(|n| n.name.0.as_str()).collect();
        Refusal::new(
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

/// Whether it follows that node already, by an address that leads there.
fn is_under(node: &Node, under: &Node, topology: &Topology) -> bool {
    let there = topology
        .upstream_of(node)
        .is_some_and(|up| up.name == under.name);
    there
        && node.name != under.name
        && node.upstream().is_some_and(|up| {
            let told = up.address == under.source_for(node.server()) && under.server().is_some();
            up.link == Link::Up || up.sync.is_some() || told
        })
}

/// It was told to follow `under` already: what was not seen or not written down.
fn what_is_left(node: &Node, under: &Node, topology: &Topology) -> Vec<Stage> {
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

fn stages(node: &Node, under: &Node, topology: &Topology) -> Vec<Stage> {
    let wait = Action::AwaitCaughtUp {
        with: node.name.clone(),
        within_ms: CATCH_UP_MS,
    };
    let wait = Step::new(&under.name, wait, Undo::Nothing);
    let catch_up = Stage {
        title: format!("wait until {} has what {} has", under.name, node.name),
        mode: Mode::Gate,
        steps: Some(wait)
            .filter(|_| one_stream(node, under, topology))
            .into_iter()
            .collect(),
    };
    let arrived = Action::AwaitInSync {
        with: under.name.clone(),
        within_ms: IN_SYNC_MS,
    };
    let told = if node.is_primary() {
        Step::new(&node.name, follow(node, under), Undo::By(Action::Promote))
    } else {
        follow_step(node, under)
    };
    let moved = Stage {
        title: format!("move {} under {}", node.name, under.name),
        mode: Mode::Atomic,
        steps: vec![
            roles::check(node, topology),
            told,
            Step::new(&node.name, arrived, Undo::Nothing),
        ],
    };
    vec![
        catch_up,
        moved,
        wait_for(below(node, topology), topology),
        persist(&[node]),
    ]
}

/// A node that gets another upstream cuts the links of those under it; they come back by themselves, and that is seen.
pub(super) fn wait_for(nodes: Vec<&Node>, topology: &Topology) -> Stage {
    let wait = |node: &Node| {
        let action = Action::AwaitInSync {
            with: topology.upstream_of(node)?.name.clone(),
            within_ms: IN_SYNC_MS,
        };
        Some(Step::new(&node.name, action, Undo::Nothing))
    };
    Stage {
        title: "wait until those under it are back in sync".to_owned(),
        mode: Mode::KeepGoing,
        steps: nodes.into_iter().filter_map(wait).collect(),
    }
}

/// The nodes that answer and whose way up leads through `node` and only over nodes that answer.
pub(super) fn below<'a>(node: &Node, topology: &'a Topology) -> Vec<&'a Node> {
    let mut found: HashSet<&NodeName> = HashSet::new();
    // Whoever follows does answer.
    let mut open: Vec<&Node> = topology.get(&node.name).into_iter().collect();
    open.retain(|node| node.server().is_some());
    while let Some(above) = open.pop() {
        for under in topology.followers_of(above) {
            if under.name != node.name && found.insert(&under.name) {
                open.push(under);
            }
        }
    }
    let is_below = |other: &&Node| found.contains(&other.name);
    topology.nodes.iter().filter(is_below).collect()
}

/// The upstream of a node, its upstream, and so on, each node once.
fn way_up<'a>(node: &'a Node, topology: &'a Topology) -> Vec<&'a Node> {
    let mut way: Vec<&Node> = Vec::new();
    let mut passed: HashSet<&NodeName> = HashSet::from([&node.name]);
    let mut at = node;
    while let Some(next) = topology.upstream_of(at) {
        if !passed.insert(&next.name) {
            break;
        }
        way.push(next);
        at = next;
    }
    way
}

/// Whether both have their data from one primary now, so that only the moment of the look can set their offsets apart.
fn one_stream(node: &Node, under: &Node, topology: &Topology) -> bool {
    let (Some(mine), Some(theirs)) = (node.server(), under.server()) else {
        return false;
    };
    let linked = node.upstream().is_some_and(|up| up.link == Link::Up);
    let one_root = match (walk(node, topology), walk(under, topology)) {
        (Root::Primary(a), Root::Primary(b)) => a.name == b.name,
        _ => false,
    };
    linked && one_root && mine.replication.replid == theirs.replication.replid
}
