//! The parts of a plan that gives one replica a new upstream. Its own replicas move with it. Pure.

pub mod checks;
pub mod forecast;

use super::follow::{IN_SYNC_MS, follow, follow_step, persist};
use super::roles;
use super::root::{Root, walk};
use crate::actions::Action;
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::engine::{Mode, Move, Refusal, Stage, Step, Undo, Warning};
use crate::topology::{Link, Node, NodeName, Topology};
use std::collections::HashSet;

/// How long the new upstream may take to catch up with the node, ms. A replica that is even a
/// little ahead of its new upstream needs a full resync.
const CATCH_UP_MS: u64 = 15_000;

/// The stages that bring a replica of a replica directly under `primary`, and their cost. Its role
/// is written into its file although this is only the first step: the replica stays there if a
/// later step fails.
///
/// # Errors
/// All that stands against it.
pub fn straight(
    operation: &Move,
    node: &Node,
    primary: &Node,
    topology: &Topology,
) -> Result<(Vec<Stage>, Vec<Warning>), Vec<Refusal>> {
    let lost = checks::lost_data(node, primary, topology);
    checks::all(operation, node, primary, topology, lost.as_deref())?;
    let mut stages = stages(node, primary, topology);
    // If a node under it does not come back, the plan stops. If a role cannot be written, the plan
    // goes on.
    let writes = |stage: &Stage| {
        stage
            .steps
            .iter()
            .any(|s| s.action == Action::Server(ServerAction::PersistRole))
    };
    for stage in stages.iter_mut().filter(|stage| !writes(stage)) {
        if stage.mode == Mode::KeepGoing {
            stage.mode = Mode::Gate;
        }
    }
    Ok((stages, forecast::warnings(node, primary, topology)))
}

/// The stages that bring `node` under `under`.
pub fn stages(node: &Node, under: &Node, topology: &Topology) -> Vec<Stage> {
    let wait = Action::Server(ServerAction::AwaitCaughtUp {
        with: node.name.clone(),
        within_ms: CATCH_UP_MS,
    });
    let wait = Step::new(&under.name, wait, Undo::Nothing);
    let catch_up = Stage {
        title: format!("wait until {} has what {} has", under.name, node.name),
        mode: Mode::Gate,
        steps: Some(wait)
            .filter(|_| one_stream(node, under, topology))
            .into_iter()
            .collect(),
    };
    let arrived = Action::Server(ServerAction::AwaitInSync {
        with: under.name.clone(),
        within_ms: IN_SYNC_MS,
    });
    let told = if node.is_primary() {
        Step::new(
            &node.name,
            follow(node, under),
            Undo::By(Action::Role(RoleAction::Promote)),
        )
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

/// A node that gets a new upstream cuts the links of its replicas. They reconnect by themselves,
/// and this stage waits for that.
pub fn wait_for(nodes: Vec<&Node>, topology: &Topology) -> Stage {
    let wait = |node: &Node| {
        let action = Action::Server(ServerAction::AwaitInSync {
            with: topology.upstream_of(node)?.name.clone(),
            within_ms: IN_SYNC_MS,
        });
        Some(Step::new(&node.name, action, Undo::Nothing))
    };
    Stage {
        title: "wait until those under it are back in sync".to_owned(),
        mode: Mode::KeepGoing,
        steps: nodes.into_iter().filter_map(wait).collect(),
    }
}

/// The nodes that answer and reach `node` through upstreams that all answer.
pub fn below<'a>(node: &Node, topology: &'a Topology) -> Vec<&'a Node> {
    let mut found: HashSet<&NodeName> = HashSet::new();
    // A node with a known upstream answers.
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

/// Whether both get their data from one primary now. Then their offsets differ only because they
/// were read at different moments.
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
