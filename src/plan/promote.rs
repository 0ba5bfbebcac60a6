//! Plans another primary: which of the three cases it is, and the stages of each. Pure.
//!
//! * The primary answers: the hand-over that fences, drains, demotes the old primary first, compares offsets, and only then promotes.
//! * The primary is dead: see `failover`.
//! * The node is the primary already: only what hangs loose is attached to it.

use super::failover::{self, Lost};
use super::{gather, hand_over, preflight};
use crate::actions::Action;
use crate::engine::{Mode, Operation, Plan, Promote, Refusal, Stage, Step, Undo};
use crate::topology::situation::{Situation, situation};
use crate::topology::{Link, Node, NodeName, Topology};
use std::collections::{BTreeMap, HashSet};

/// How long a node may take to be in sync with its new upstream, ms. A full resync under way is waited for longer by its progress.
pub const IN_SYNC_MS: u64 = 15_000;
/// Whether a node's host can be worked on over SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// It answers and lets us work.
    Yes,
    /// It does not, and why.
    No(String),
}

/// Plans `operation`. `access` tells of the hosts of nodes that do not answer.
pub fn plan(
    operation: &Promote,
    topology: &Topology,
    access: &BTreeMap<NodeName, Access>,
) -> Result<Plan, Vec<Refusal>> {
    let Some(target) = topology.get(&operation.node) else {
        let known: Vec<&str> = topology.nodes.iter().map(|n| n.name.0.as_str()).collect();
        return Err(vec![Refusal::new(
            format!("the inventory has no node `{}`", operation.node),
            format!("its nodes are {}", known.join(", ")),
        )]);
    };
    let case = find_case(target, topology)?;
    let mut plan = Plan {
        operation: Operation::Promote(operation.clone()),
        stages: Vec::new(),
        warnings: unreachable_others(target, &case, topology),
        may_lose: None,
    };
    match case {
        Case::Already => {
            preflight::attach(operation, target, topology, &mut plan.warnings)?;
            plan.stages = gather::stages(target, topology);
        }
        Case::HandOver { old } if lost_its_data(old, topology) => {
            return Err(vec![Refusal::new(
                format!(
                    "`{}` has lost its data, and its replicas still have theirs: there is nothing to hand over",
                    old.name
                ),
                format!("replctl repair --keep {}", target.name),
            )]);
        }
        Case::HandOver { old } if loads(old) => {
            return Err(vec![Refusal::new(
                format!(
                    "`{}`, the primary, is still loading its data: there is nothing to hand over yet",
                    old.name
                ),
                "wait until it is done: replctl status",
            )]);
        }
        Case::HandOver { old } => {
            preflight::hand_over(operation, target, old, topology, &mut plan.warnings)?;
            let first = hand_over::straight_first(target, old, topology, &mut plan.warnings)?;
            let moved = first.is_some();
            plan.stages = first.unwrap_or_default();
            let stages = hand_over::stages(target, old, topology, moved);
            plan.stages.extend(stages);
        }
        Case::FailOver { lost } => {
            failover::plan(operation, target, &lost, topology, access, &mut plan)?;
        }
    }
    plan.stages.retain(|s| !s.steps.is_empty());
    Ok(plan)
}

fn loads(node: &Node) -> bool {
    node.server().is_some_and(|s| s.loading.is_some())
}

/// It came back with nothing, and the others have not taken that over yet.
fn lost_its_data(old: &Node, topology: &Topology) -> bool {
    matches!(situation(topology), Situation::Emptied { primary, .. } if primary.name == old.name)
}

/// Which of the three it is.
pub(super) enum Case<'a> {
    Already,
    HandOver { old: &'a Node },
    FailOver { lost: Lost<'a> },
}

/// Which of the three it is, or why it is none.
pub(super) fn find_case<'a>(
    target: &'a Node,
    topology: &'a Topology,
) -> Result<Case<'a>, Vec<Refusal>> {
    let name = &target.name;
    preflight::answers(target)?;
    let primaries: Vec<&Node> = topology.primaries().collect();
    let others: Vec<&Node> = primaries
        .iter()
        .copied()
        .filter(|p| p.name != *name)
        .collect();
    if target.is_primary() {
        let Some(other) = others.first() else {
            return Ok(Case::Already);
        };
        return Err(vec![Refusal::new(
            format!(
                "`{name}` and `{}` are both primaries: which of their writes are kept has to be decided first",
                other.name
            ),
            format!(
                "to keep those of `{name}` and back up those only `{0}` has: replctl rejoin {0} --under {name}",
                other.name
            ),
        )]);
    }
    match others[..] {
        [] => match walk(target, topology) {
            Root::Down(old) => Ok(Case::FailOver {
                lost: Lost::Node(old),
            }),
            Root::Stranger => Ok(Case::FailOver {
                lost: Lost::Stranger,
            }),
            // Whoever is silent may be the primary that the circle has lost.
            Root::Loop => Ok(Case::FailOver {
                lost: topology
                    .nodes
                    .iter()
                    .find(|n| n.server().is_none())
                    .map_or(Lost::Nobody, Lost::Node),
            }),
            Root::Primary(old) => Ok(Case::HandOver { old }),
        },
        [old] => match walk(target, topology) {
            Root::Primary(root) if root.name == old.name => Ok(Case::HandOver { old }),
            Root::Primary(_) | Root::Down(_) | Root::Stranger | Root::Loop => {
                Err(vec![stray(target, old)])
            }
        },
        _ => {
            let names: Vec<&str> = others.iter().map(|n| n.name.0.as_str()).collect();
            Err(vec![Refusal::new(
                format!("there are {} primaries: {}", names.len(), names.join(", ")),
                "decide which of them is right, and make the others its replicas; see: replctl status",
            )])
        }
    }
}

fn stray(target: &Node, primary: &Node) -> Refusal {
    let follows = target
        .upstream()
        .map(|u| u.address.to_string())
        .unwrap_or_default();
    Refusal::new(
        format!(
            "`{}` does not replicate from the primary `{}` but from {follows}, so it lacks its data",
            target.name, primary.name
        ),
        format!("attach it first: replctl promote {}", primary.name),
    )
}

/// Where the upstreams of a replica end.
pub(super) enum Root<'a> {
    /// At a primary that answers.
    Primary(&'a Node),
    /// At a node of the deployment that does not answer.
    Down(&'a Node),
    /// At an address that is no node of the deployment.
    Stranger,
    /// Nowhere.
    Loop,
}

/// Follows the upstreams of `node`.
pub(super) fn walk<'a>(node: &'a Node, topology: &'a Topology) -> Root<'a> {
    // Who does not answer follows nobody, so it is on top.
    match topology.top_of(node) {
        None => Root::Loop,
        Some(top) if top.server().is_none() => Root::Down(top),
        Some(top) if top.upstream().is_none() => Root::Primary(top),
        Some(_) => Root::Stranger,
    }
}

pub(super) fn unreachable_others(
    target: &Node,
    case: &Case<'_>,
    topology: &Topology,
) -> Vec<String> {
    let old = match case {
        Case::HandOver { old } => Some(&old.name),
        Case::FailOver { lost } => lost.node().map(|old| &old.name),
        Case::Already => None,
    };
    let silent = topology
        .nodes
        .iter()
        .filter(|n| n.server().is_none() && n.name != target.name && Some(&n.name) != old);
    silent
        .map(|n| {
            format!(
                "`{}` does not answer and is left as it is; when it is back: replctl promote {}",
                n.name, target.name
            )
        })
        .collect()
}

/// The steps that write the roles of `target` and of those that follow it now into their files. They belong into the stage that repoints:
/// each node's role is written as soon as it has it, the new primary's at once, because a host that loses power must not come back in its
/// old role, and a full copy may take long.
pub(super) fn write_roles(target: &Node, moved: &[&Node]) -> Vec<Step> {
    std::iter::once(&target)
        .chain(moved)
        .map(|n| Step::new(&n.name, Action::PersistRole, Undo::Nothing))
        .collect()
}

/// The stage that sees them in sync with `target`.
pub(super) fn in_sync(target: &Node, nodes: &[&Node]) -> Stage {
    let steps = nodes.iter().map(|n| {
        let action = Action::AwaitInSync {
            with: target.name.clone(),
            within_ms: IN_SYNC_MS,
        };
        Step::new(&n.name, action, Undo::Nothing)
    });
    Stage {
        title: "wait until in sync".to_owned(),
        mode: Mode::KeepGoing,
        steps: steps.collect(),
    }
}

/// The stage that writes their roles into their files.
pub(super) fn persist(nodes: &[&Node]) -> Stage {
    let steps = nodes
        .iter()
        .map(|n| Step::new(&n.name, Action::PersistRole, Undo::Nothing));
    Stage {
        title: "make the roles outlive a restart".to_owned(),
        mode: Mode::KeepGoing,
        steps: steps.collect(),
    }
}

/// The replicas that answer and do not hang under `target` once it is the primary: those directly under the old primary, and those
/// whose upstream does not answer, is no node of the deployment, or leads nowhere. A replica under another good replica stays there.
pub(super) fn loose<'a>(
    target: &'a Node,
    old: Option<&'a Node>,
    topology: &'a Topology,
) -> impl Iterator<Item = &'a Node> {
    topology.nodes.iter().filter(move |n| {
        if n.name == target.name || n.server().is_none() {
            return false;
        }
        let Some(upstream) = n.upstream() else {
            return false;
        };
        let Some(above) = topology.upstream_of(n) else {
            return true;
        };
        if above.name == target.name {
            return upstream.link == Link::Down
                && upstream.sync.is_none()
                && target.source_for(n.server()) != upstream.address;
        }
        if above.server().is_none() || old.is_some_and(|o| o.name == above.name) {
            return true;
        }
        match walk(n, topology) {
            Root::Loop | Root::Stranger | Root::Down(_) => passes_not(n, target, topology),
            Root::Primary(_) => false,
        }
    })
}

/// Whether the way up from `node` does not lead through `target`: then nothing that is done to `target` brings it back.
fn passes_not(node: &Node, target: &Node, topology: &Topology) -> bool {
    if topology.top_of(node).is_some() {
        return false;
    }
    let mut passed: HashSet<&NodeName> = HashSet::new();
    let mut at = node;
    while let Some(next) = topology.upstream_of(at) {
        if next.name == target.name {
            return false;
        }
        if !passed.insert(&next.name) {
            return true;
        }
        at = next;
    }
    false
}

/// `node` follows `target`, and back to where it was.
pub(super) fn follow_step(node: &Node, target: &Node) -> Step {
    let undo = node.upstream().map_or(Undo::Nothing, |was| {
        Undo::By(Action::FollowAddress {
            address: was.address.clone(),
        })
    });
    Step::new(&node.name, follow(node, target), undo)
}

/// `node` follows `target`, at the port that fits how it replicates.
pub(super) fn follow(node: &Node, target: &Node) -> Action {
    Action::Follow {
        upstream: target.name.clone(),
        address: target.source_for(node.server()),
    }
}
