//! What moving a node will cost, as far as it can be known before. Pure.

use super::{below, one_stream};
use crate::plan::root::{Root, walk};
use crate::plan::versions;
use crate::topology::lineage::{Lineage, lineage, position};
use crate::topology::{Node, Server, Topology, phrases};

/// What is lost where its keys may be replaced.
pub fn loss(node: &Node, under: &Node) -> String {
    let keys = phrases::keys(node.server().map_or(0, Server::key_count));
    format!(
        "what is among the {keys} of `{}` and not in `{}`",
        node.name, under.name
    )
}

/// What the operator should know before.
pub fn warnings(node: &Node, under: &Node, topology: &Topology) -> Vec<String> {
    let (Some(mine), Some(theirs)) = (node.server(), under.server()) else {
        return Vec::new();
    };
    let (name, above) = (&node.name, &under.name);
    let mut out = Vec::new();
    if node.is_primary() {
        out.push(format!(
            "`{name}` is a primary: clients that write to it are refused from then on"
        ));
    } else if let (Root::Primary(before), Root::Primary(then)) =
        (walk(node, topology), walk(under, topology))
        && before.name != then.name
    {
        let (before, then) = (&before.name, &then.name);
        out.push(format!(
            "`{then}` is a primary beside `{before}`: what is written to `{before}` will not reach `{name}` any more"
        ));
    }
    out.extend(versions::warning(node, under));
    let full = no_partial(node, mine, under, theirs, topology);
    let at = position(&mine.replication);
    match (&full, theirs.replication.backlog) {
        (None, Some(backlog)) => out.push(format!(
            "expected: a partial resync; `{name}` is at offset {at}, and the backlog of `{above}` holds {} to {}",
            backlog.first,
            backlog.first.saturating_add(backlog.held).saturating_sub(1)
        )),
        (None, None) => {}
        (Some(why), _) => out.extend(full_resync(node, mine, under, theirs, why)),
    }
    let below = below(node, topology);
    if !below.is_empty() {
        let too = if full.is_some() {
            ", each by a full resync of its own"
        } else {
            ""
        };
        out.push(format!(
            "{} {} under `{name}` and {} again after it{too}",
            phrases::list(below.iter().copied()),
            if below.len() == 1 { "stays" } else { "stay" },
            if below.len() == 1 { "links" } else { "link" },
        ));
    }
    out
}

/// Why it needs all data anew, if it does.
fn no_partial(
    node: &Node,
    mine: &Server,
    under: &Node,
    theirs: &Server,
    topology: &Topology,
) -> Option<String> {
    let at = position(&mine.replication);
    let held = |why: String| {
        let Some(backlog) = theirs.replication.backlog else {
            return Some(format!("`{}` has no backlog", under.name));
        };
        if backlog.first <= at.saturating_add(1) {
            None
        } else {
            Some(why)
        }
    };
    let gone = || {
        format!(
            "`{}` is at offset {at}, and the backlog of `{}` begins later",
            node.name, under.name
        )
    };
    if one_stream(node, under, topology) {
        return held(gone());
    }
    match lineage(&mine.replication, &theirs.replication) {
        Lineage::Same { partial: true } => None,
        Lineage::Same { partial: false } => Some(held(gone()).unwrap_or_else(gone)),
        Lineage::Diverged { .. } => Some(format!(
            "`{}` has bytes that `{}` has not",
            node.name, under.name
        )),
        Lineage::Unknown => Some("they have no history in common".to_owned()),
    }
}

fn full_resync(
    node: &Node,
    mine: &Server,
    under: &Node,
    theirs: &Server,
    why: &str,
) -> Vec<String> {
    let (name, above) = (&node.name, &under.name);
    let keys = phrases::keys(theirs.key_count());
    let size = theirs.used_memory.map_or_else(String::new, |used| {
        format!(", {} in its memory", phrases::bytes(used))
    });
    let mut out = vec![format!(
        "expected: a full resync, because {why}; `{above}` sends all its data ({keys}{size}) and takes more memory while it does, and `{name}` answers with LOADING while it takes them in"
    )];
    if let (Some(limit), Some(used)) = (mine.maxmemory.filter(|m| *m > 0), theirs.used_memory)
        && used > limit
    {
        out.push(format!(
            "`{name}` may use {} of memory, less than the {} that `{above}` uses",
            phrases::bytes(limit),
            phrases::bytes(used)
        ));
    }
    out
}
