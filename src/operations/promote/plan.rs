//! Plans another primary: which of the three cases it is, and the stages of each. Pure.
//!
//! * The primary answers: the hand-over that fences, drains, demotes the old primary first,
//!   compares offsets, and only then promotes.
//! * The primary is dead: see `failover`.
//! * Sentinels watch: see `sentinel`.
//! * The node is the primary already: the plan only attaches nodes that do not follow it.

pub mod candidates;
mod compared;
mod failover;
pub mod sentinel;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::engine::{Ground, Operation, Plan, Promote, Refusal};
use crate::plan::case::{Access, Case, find_case, unreachable_others};
use crate::plan::{gather, hand_over, preflight};
use crate::topology::situation::{Situation, situation};
use crate::topology::{Node, NodeName, Topology};
use std::collections::BTreeMap;

/// Plans `operation`. `access` tells of the hosts of nodes that do not answer.
pub fn plan(
    operation: &Promote,
    topology: &Topology,
    access: &BTreeMap<NodeName, Access>,
) -> Result<Plan, Vec<Refusal>> {
    let Some(target) = topology.get(&operation.node) else {
        let known: Vec<&str> = topology.nodes.iter().map(|n| n.name.0.as_str()).collect();
        return Err(vec![Refusal::new(
            Ground::NoNode,
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
                Ground::NotReady,
                format!(
                    "`{}` has lost its data, and its replicas still have theirs: there is nothing to hand over",
                    old.name
                ),
                format!("replctl repair --keep {}", target.name),
            )]);
        }
        Case::HandOver { old } if loads(old) => {
            return Err(vec![Refusal::new(
                Ground::NotReady,
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

/// Whether the primary came back empty, and the others have not lost their data to it yet.
fn lost_its_data(old: &Node, topology: &Topology) -> bool {
    matches!(situation(topology), Situation::Emptied { primary, .. } if primary.name == old.name)
}
