//! Looks at the hosts that were put back. The report says "as it was" only of what was seen so.

use crate::actions::Action;
use crate::engine::Plan;
use crate::engine::journal::Outcome;
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::{HostFacts, left};
use crate::topology::NodeName;
use crate::world::World;
use std::collections::BTreeMap;

/// The result of a look at a host that was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// All is as it was.
    Nothing,
    /// These differ.
    These(Vec<String>),
    /// It could not be looked at: the reason.
    Unseen(String),
}

/// Looks at each host on which steps were put back. `before`: what was seen of the hosts when it
/// was planned.
pub async fn look(
    world: &World,
    plan: &Plan,
    outcome: &Outcome,
    before: &BTreeMap<NodeName, HostFacts>,
) -> BTreeMap<NodeName, Left> {
    let nodes = put_back(plan, outcome);
    if nodes.is_empty() {
        return BTreeMap::new();
    }
    let mut now = world.hosts.facts(&nodes).await;
    let inventory = &world.inventory;
    let found = nodes.into_iter().map(|node| {
        let was = before.get(&node);
        let (Some(was), Some(spec)) = (was, inventory.get(&node)) else {
            return (
                node,
                Left::Unseen("what was there before is not known".to_owned()),
            );
        };
        let of = match now.remove(&node) {
            Some(Ok(is)) => {
                let what = left(inventory, spec, is_alone(inventory, spec), (was, &is));
                if what.is_empty() {
                    Left::Nothing
                } else {
                    Left::These(what)
                }
            }
            Some(Err(unseen)) => Left::Unseen(unseen.why),
            None => Left::Unseen("nobody looked at it".to_owned()),
        };
        (node, of)
    });
    found.collect()
}

/// The nodes of which steps on hosts were put back.
fn put_back(plan: &Plan, outcome: &Outcome) -> Vec<NodeName> {
    let on_host = |stage: usize, node: Option<&NodeName>| {
        let steps = plan.stages.get(stage).map_or(&[][..], |s| &s.steps);
        let of = steps
            .iter()
            .filter(|s| matches!(s.action, Action::Host(_)))
            .map(|s| s.node.clone());
        of.filter(|n| node.is_none_or(|wanted| wanted == n))
            .collect::<Vec<_>>()
    };
    let mut nodes: Vec<NodeName> = match outcome {
        Outcome::RolledBack { at, .. } => on_host(at.stage, None),
        Outcome::Halted { failed } => failed
            .iter()
            .filter(|f| f.put_back == Some(true))
            .flat_map(|f| on_host(f.at.stage, Some(&f.node)))
            .collect(),
        Outcome::Completed | Outcome::Incomplete { .. } | Outcome::Stopped { .. } => Vec::new(),
    };
    nodes.sort();
    nodes.dedup();
    nodes
}

/// Whether no other node of the deployment, and none of its Sentinels, is on its host.
fn is_alone(inventory: &Inventory, spec: &NodeSpec) -> bool {
    let host = |n: &NodeSpec| {
        let host = n.ssh.host.as_ref().unwrap_or(&n.address.host);
        host.to_ascii_lowercase()
    };
    let mut all = inventory.nodes.iter().chain(inventory.sentinels());
    !all.any(|other| other.name != spec.name && host(other) == host(spec))
}
