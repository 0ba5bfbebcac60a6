//! Sentinels know only the replicas of the primary, and no replica of a replica. So replctl first
//! moves such a node straight under the primary. Each Sentinel finds the node there within ten
//! seconds. Only then does the hand-over begin. Pure.
//!
//! The node stays there if the rest fails: a Sentinel that has once seen it would move it back
//! under the primary.

use crate::engine::warning::change::{Chained, Change};
use crate::engine::{Move, Refusal, Stage, Warning};
use crate::plan::repoint;
use crate::topology::sentinel::Watch;
use crate::topology::{Address, Node, Topology};

/// How long the Sentinels may take to find a new replica and see its priority, ms: they ask the
/// primary for its replicas every ten seconds.
pub(super) const FOUND_MS: u64 = 30_000;

/// What comes before the hand-over.
pub(super) struct First {
    /// The target, as the Sentinels will know it.
    pub replica: Address,
    /// The move.
    pub stages: Vec<Stage>,
}

/// Brings `target` straight under `primary`; nothing where it is there already.
pub(super) fn first(
    target: &Node,
    primary: &Node,
    topology: &Topology,
    watch: &Watch,
    refusals: &mut Vec<Refusal>,
    warnings: &mut Vec<Warning>,
) -> Option<First> {
    let above = topology.upstream_of(target)?;
    if above.name == primary.name {
        return None;
    }
    let (name, top) = (&target.name, &primary.name);
    let operation = Move {
        node: name.clone(),
        under: top.clone(),
        discard_data: false,
        update_inventory: false,
    };
    match repoint::straight(&operation, target, primary, topology) {
        Ok((stages, costs)) => {
            let moved = Change::MovedFirst {
                above: above.name.clone(),
                under: top.clone(),
                because: Chained::Sentinels,
            };
            warnings.push(Warning::of(name, moved));
            warnings.extend(costs);
            Some(First {
                replica: known_as(target, above, watch),
                stages,
            })
        }
        Err(more) => {
            let new = more.into_iter().filter(|r| !refusals.contains(r));
            let new: Vec<Refusal> = new.collect();
            refusals.extend(new);
            None
        }
    }
}

/// The address by which Sentinels will know it: the one they know already, else the one it
/// announces, else the one its upstream sees now.
fn known_as(target: &Node, above: &Node, watch: &Watch) -> Address {
    let listed = || {
        let lines = &above.server()?.replication.replicas;
        let own = lines.iter().find(|l| target.answers_to(&l.address))?;
        Some(own.address.clone())
    };
    let known = watch.up().find_map(|(_, sees)| sees.replica(target));
    known
        .map(|known| known.address.clone())
        .or_else(|| target.own_announcement())
        .or_else(listed)
        .unwrap_or_else(|| target.announced.clone())
}
