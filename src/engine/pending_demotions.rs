//! Pending demotions: old primaries whose files do not say yet that they are replicas. What every
//! change does about them, and when they are pending no more.

use super::operate::{self, RunOptions};
use crate::engine::{Operation, Plan, Promote};
use crate::error::Result;
use crate::plan::pending_demotions::{self, Known};
use crate::topology::candidate::primaries;
use crate::topology::{Node, NodeName, Topology};
use crate::world::World;
use std::collections::HashMap;

/// The plan, with the demotions that are pending and can be done now.
pub fn added(world: &World, mut plan: Plan) -> Plan {
    let Some(topology) = deployment(world) else {
        return plan;
    };
    close(world, &topology);
    let root = world.inventory.nodes.iter().find(|n| n.replicaof.is_none());
    let known = Known {
        noted: world
            .store
            .pending_demotions()
            .into_iter()
            .map(|d| d.node)
            .collect(),
        last: world.store.last_promoted(),
        first: root.map(|n| n.name.clone()),
    };
    pending_demotions::add(&mut plan, &topology, &known);
    plan
}

/// The topology that was seen last, without nodes that were detached on purpose.
fn deployment(world: &World) -> Option<Topology> {
    let seen = world.last_seen.get()?;
    Some(seen.deployment().into_owned())
}

/// Removes the pending demotions and the notes of detachment of two kinds of nodes: replicas that
/// belong to the deployment again, and an old primary whose successor follows it by now.
pub fn close(world: &World, topology: &Topology) {
    let pending = world.store.pending_demotions();
    let pending: HashMap<&NodeName, _> = pending.iter().rev().map(|d| (&d.node, d)).collect();
    let turned = |node: &Node| {
        let successor = pending.get(&node.name);
        let successor = successor.and_then(|d| topology.at(&d.address));
        successor
            .and_then(|successor| topology.top_of(successor))
            .is_some_and(|top| top.name == node.name && top.is_primary())
    };
    let settled: Vec<NodeName> = topology
        .nodes
        .iter()
        .filter(|n| leads_to_a_primary(n, topology) || turned(n))
        .map(|n| n.name.clone())
        .collect();
    // It is only a note: where it cannot be written, `status` shows it once more.
    let _ = world.store.forget(&settled);
    let _ = world.store.forget_alone(&settled);
}

fn leads_to_a_primary(node: &Node, topology: &Topology) -> bool {
    node.upstream().is_some() && topology.top_of(node).is_some_and(Node::is_primary)
}

/// Demotes old primaries in their files, if that is possible now. It runs after an operation whose
/// plan was made before it was possible.
pub async fn demote_pending(world: &World, asked: &RunOptions) -> Result<()> {
    if operate::nothing_comes_first(world).is_err() {
        return Ok(());
    }
    let asked = RunOptions {
        yes: true,
        dry_run: false,
        follows: true,
        ..*asked
    };
    let seen = world.observe().await;
    let deployment = seen.deployment();
    let [primary] = primaries(&deployment)[..] else {
        return Ok(());
    };
    let operation = Promote {
        node: primary.name.clone(),
        accept: Vec::new(),
    };
    let planner = async || {
        world.observe().await;
        Ok(Plan {
            operation: Operation::Promote(operation.clone()),
            stages: Vec::new(),
            warnings: Vec::new(),
            may_lose: None,
        })
    };
    operate::carry_out(
        world,
        &asked,
        &Operation::Promote(operation.clone()),
        planner,
    )
    .await
    .map(drop)
}
