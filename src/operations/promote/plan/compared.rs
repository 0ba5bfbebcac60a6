//! Whether the candidate has what the others have, as far as that can be known. Pure.

use crate::engine::warning::change::Change;
use crate::engine::{Accept, Ground, Promote, Refusal, Warning};
use crate::plan::case::Lost;
use crate::topology::candidate::best_replica;
use crate::topology::lineage::{self, Lineage, lineage, unknown_because};
use crate::topology::{Node, Server, Topology, phrases};
use std::fmt::Write as _;

/// Refuses a node that never had the primary's data: its history is empty or unrelated. A former
/// primary can look the same, if it was killed before its role was in its file and came back in a
/// circle. It may have data on its disk that no other node has, so the operator decides.
pub fn never_synced(
    operation: &Promote,
    target: &Node,
    new: &Server,
    refusals: &mut Vec<Refusal>,
    warnings: &mut Vec<Warning>,
) {
    if !lineage::never_synced(&new.replication) {
        return;
    }
    let name = &target.name;
    let has_keys = !new.keys.is_empty();
    if has_keys && operation.accept.contains(&Accept::DataLoss) {
        warnings.push(Warning::of(name, Change::NoHistory));
        return;
    }
    let mut hint = "promote another replica, or bring the old primary back".to_owned();
    if has_keys {
        let _ = write!(
            hint,
            "; if `{name}` itself was the primary and its keys are right: replctl promote {name} --allow-data-loss"
        );
    }
    let refusal = Refusal::new(
        Ground::DataLoss,
        format!("`{name}` never had the data of the primary since it was started"),
        hint,
    )
    .about(name);
    refusals.push(if has_keys {
        refusal.unless(Accept::DataLoss)
    } else {
        refusal
    });
}

/// What may be lost, as far as it can be known. A candidate that is known to have less is refused,
/// and so is one that may have less.
pub fn estimate(
    operation: &Promote,
    target: &Node,
    new: &Server,
    lost: &Lost<'_>,
    topology: &Topology,
    (refusals, warnings): (&mut Vec<Refusal>, &mut Vec<Warning>),
) -> Option<String> {
    let accepted = operation.accept.contains(&Accept::DataLoss);
    let mut ahead: Option<(&Node, u64)> = None;
    for node in topology.nodes.iter().filter(|n| n.name != target.name) {
        let Some(other) = node.server() else {
            continue;
        };
        let (mine, theirs) = (&new.replication, &other.replication);
        let more = match lineage(theirs, mine) {
            _ if theirs.replid == mine.replid => theirs.offset.saturating_sub(mine.offset),
            Lineage::Same { .. } => 0,
            Lineage::Diverged { bytes } => bytes,
            Lineage::Unknown => {
                let pair = ((target, new), (node, other));
                match unrelated(pair, (accepted, lost), topology) {
                    Some(Unrelated::Refused(refusal)) => refusals.push(refusal),
                    Some(Unrelated::Told(warning)) => warnings.push(warning),
                    None => {}
                }
                0
            }
        };
        if more > ahead.map_or(0, |(_, most)| most) {
            ahead = Some((node, more));
        }
    }
    let unknown = match lost {
        Lost::Node(_) | Lost::Stranger => {
            Some("writes the old primary acknowledged and no replica received")
        }
        Lost::Nobody => None,
    };
    let Some((best, bytes)) = ahead else {
        return unknown.map(str::to_owned);
    };
    if !accepted {
        refusals.push(
            Refusal::new(
                Ground::DataLoss,
                format!(
                    "`{}` is {} behind `{}`",
                    target.name,
                    phrases::bytes(bytes),
                    best.name
                ),
                format!(
                    "replctl promote {}, or accept the loss: replctl promote {} --allow-data-loss",
                    best.name, target.name
                ),
            )
            .about(&target.name)
            .unless(Accept::DataLoss),
        );
    }
    let more = format!(
        "the {} that `{}` has more than `{}`",
        phrases::bytes(bytes),
        best.name,
        target.name
    );
    Some(unknown.map_or(more.clone(), |unknown| format!("{more}, and {unknown}")))
}

enum Unrelated {
    Refused(Refusal),
    Told(Warning),
}

/// `other` would lose its keys, and replctl cannot know whether the target has all of them. A
/// warning is enough if the target has the history that most share, and no fewer keys than `other`,
/// as beside a replica that was started anew. Otherwise the operator must accept the loss.
fn unrelated(
    ((target, new), (node, other)): ((&Node, &Server), (&Node, &Server)),
    (accepted, lost): (bool, &Lost<'_>),
    topology: &Topology,
) -> Option<Unrelated> {
    // `never_synced` reports a target without a history of its own.
    if other.keys.is_empty() || lineage::never_synced(&new.replication) {
        return None;
    }
    let best = best_replica(topology).filter(|best| best.name != target.name);
    let fewer = new.key_count() < other.key_count();
    let unknown = Change::UnknownLoss {
        than: target.name.clone(),
        why: unknown_because(other, new),
        keys: other.key_count(),
    };
    let what = Warning::of(&node.name, unknown);
    if accepted || (best.is_none() && !fewer) {
        return Some(Unrelated::Told(what));
    }
    let accept = format!("replctl promote {} --allow-data-loss", target.name);
    // In a circle, the target itself may have been the primary.
    let hint = match best.filter(|_| !matches!(lost, Lost::Nobody)) {
        Some(best) => format!("replctl promote {}, or accept it: {accept}", best.name),
        None => format!("compare them: replctl repair --dry-run; or accept it: {accept}"),
    };
    Some(Unrelated::Refused(
        Refusal::new(Ground::DataLoss, what.text(), hint)
            .about(&target.name)
            .unless(Accept::DataLoss),
    ))
}
