//! Old primaries that were not told: what every change does about them, and when they owe nothing
//! any more.

use super::operate::{self, Asked};
use crate::engine::{Operation, Plan, Promote};
use crate::error::Result;
use crate::plan::pending_demotions::{self, Known};
use crate::topology::candidate::primaries;
use crate::topology::{Node, NodeName, Topology};
use crate::world::World;
use std::collections::HashMap;

/// The plan, with what is owed to silent old primaries.
pub fn added(world: &World, mut plan: Plan) -> Plan {
    let Some(topology) = deployment(world) else {
        return plan;
    };
    close(world, &topology);
    let root = world.inventory.nodes.iter().find(|n| n.replicaof.is_none());
    let known = Known {
        noted: world.store.debts().into_iter().map(|d| d.node).collect(),
        last: world.store.last_promoted(),
        first: root.map(|n| n.name.clone()),
    };
    pending_demotions::add(&mut plan, &topology, &known);
    plan
}

/// What was seen last, without the nodes that stand alone on purpose.
fn deployment(world: &World) -> Option<Topology> {
    let seen = world.last_seen.get()?;
    Some(seen.deployment().into_owned())
}

/// Forgets the debts, and the notes of standing alone, of nodes that are seen as replicas of the
/// deployment again; and the debts of a primary that the one who replaced it follows by now.
pub fn close(world: &World, topology: &Topology) {
    let debts = world.store.debts();
    let owing: HashMap<&NodeName, _> = debts.iter().rev().map(|d| (&d.node, d)).collect();
    let turned = |node: &Node| {
        let successor = owing.get(&node.name);
        let successor = successor.and_then(|d| topology.at(&d.address));
        successor
            .and_then(|successor| topology.top_of(successor))
            .is_some_and(|top| top.name == node.name && top.is_primary())
    };
    let paid: Vec<NodeName> = topology
        .nodes
        .iter()
        .filter(|n| leads_to_a_primary(n, topology) || turned(n))
        .map(|n| n.name.clone())
        .collect();
    // It is only a note: where it cannot be written the debt is shown once more.
    let _ = world.store.forget(&paid);
    let _ = world.store.forget_alone(&paid);
}

fn leads_to_a_primary(node: &Node, topology: &Topology) -> bool {
    node.upstream().is_some() && topology.top_of(node).is_some_and(Node::is_primary)
}

/// Tells old primaries what they were not told, where that can be done now; after an operation that
/// was planned before it could.
pub async fn pay(world: &World, asked: &Asked) -> Result<()> {
    if operate::nothing_comes_first(world).is_err() {
        return Ok(());
    }
    let asked = Asked {
        yes: true,
        dry_run: false,
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
