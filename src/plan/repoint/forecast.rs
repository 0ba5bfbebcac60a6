//! The cost of moving a node, as far as it can be known before. Pure.

use super::{below, one_stream};
use crate::engine::Warning;
use crate::engine::warning::copy::{Because, Copy};
use crate::plan::root::{Root, walk};
use crate::plan::versions;
use crate::topology::lineage::{Lineage, lineage, position};
use crate::topology::{Node, NodeName, Server, Topology, phrases};

/// The loss if its keys may be replaced.
pub fn loss(node: &Node, under: &Node) -> String {
    let keys = phrases::keys(node.server().map_or(0, Server::key_count));
    format!(
        "what is among the {keys} of `{}` and not in `{}`",
        node.name, under.name
    )
}

/// What the operator should know before.
pub fn warnings(node: &Node, under: &Node, topology: &Topology) -> Vec<Warning> {
    let (Some(mine), Some(theirs)) = (node.server(), under.server()) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let mut say = |copy: Copy| out.push(Warning::of(&node.name, copy));
    if node.is_primary() {
        say(Copy::PrimaryMoves);
    } else if let (Root::Primary(before), Root::Primary(then)) =
        (walk(node, topology), walk(under, topology))
        && before.name != then.name
    {
        say(Copy::OtherPrimary {
            before: before.name.clone(),
            then: then.name.clone(),
        });
    }
    out.extend(versions::warning(node, under));
    let mut say = |copy: Copy| out.push(Warning::of(&node.name, copy));
    let full = no_partial(node, mine, under, theirs, topology);
    let below: Vec<NodeName> = below(node, topology)
        .into_iter()
        .map(|n| n.name.clone())
        .collect();
    let all = full.is_some();
    match (full, theirs.replication.backlog) {
        (None, Some(backlog)) => say(Copy::Partial {
            at: position(&mine.replication),
            above: under.name.clone(),
            first: backlog.first,
            last: backlog.first.saturating_add(backlog.held).saturating_sub(1),
        }),
        (None, None) => {}
        (Some(because), _) => {
            say(Copy::Full {
                because,
                above: under.name.clone(),
                keys: theirs.key_count(),
                memory: theirs.used_memory,
            });
            less_memory(mine, under, theirs).map(say);
        }
    }
    if !below.is_empty() {
        let again = Copy::Below {
            nodes: below,
            full: all,
        };
        out.push(Warning::of(&node.name, again));
    }
    out
}

/// Why it needs a full resync, if it does.
fn no_partial(
    node: &Node,
    mine: &Server,
    under: &Node,
    theirs: &Server,
    topology: &Topology,
) -> Option<Because> {
    let at = position(&mine.replication);
    let above = || under.name.clone();
    let later = || Because::BacklogLater(at, above());
    let held = || match theirs.replication.backlog {
        None => Some(Because::NoBacklog(above())),
        Some(backlog) => (backlog.first > at.saturating_add(1)).then(later),
    };
    if one_stream(node, under, topology) {
        return held();
    }
    match lineage(&mine.replication, &theirs.replication) {
        Lineage::Same { partial: true } => None,
        Lineage::Same { partial: false } => Some(held().unwrap_or_else(later)),
        Lineage::Diverged { .. } => Some(Because::Diverged(above())),
        Lineage::Unknown => Some(Because::NoHistory),
    }
}

/// The warning if the new upstream's data may not fit.
fn less_memory(mine: &Server, under: &Node, theirs: &Server) -> Option<Copy> {
    let (limit, used) = (mine.maxmemory.filter(|m| *m > 0)?, theirs.used_memory?);
    (used > limit).then(|| Copy::LessMemory {
        limit,
        used,
        above: under.name.clone(),
    })
}
