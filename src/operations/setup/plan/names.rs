//! Whether each host knows the names by which its node is to follow others: now, and after a
//! promotion. Pure.

use super::{Look, Wiring};
use crate::engine::warning::login::LoginTrouble;
use crate::engine::{Refusal, Warning};
use crate::inventory::NodeSpec;
use crate::inventory::address::is_literal;
use crate::plan::names;
use crate::topology::NodeName;

/// Whether the host of `node` was asked for the name of `other` and does not know it.
fn lacks(look: &Look<'_>, node: &NodeName, other: &NodeSpec) -> bool {
    let host = &other.announced().host;
    let there = look.topology.get(node).map(|n| &n.names_there);
    !is_literal(host) && there.and_then(|t| t.get(host)).is_some_and(Vec::is_empty)
}

/// Refuses if a replica of this run could not find its upstream.
pub(super) fn refusals(look: &Look<'_>, wiring: &Wiring) -> Vec<Refusal> {
    let unfound = |node: &NodeName| {
        let upstream = look.inventory.get(wiring.upstream.get(node)?)?;
        lacks(look, node, upstream)
            .then(|| names::unknown(node, &upstream.name, upstream.announced()))
    };
    wiring.fresh().filter_map(unfound).collect()
}

/// Warns of unknown names that are needed once another node is the primary.
pub(super) fn warnings(look: &Look<'_>) -> Vec<Warning> {
    let nodes = &look.inventory.nodes;
    let of = |node: &NodeSpec| {
        let others = nodes.iter().filter(|o| o.name != node.name);
        let lacked = others.filter(|o| lacks(look, &node.name, o));
        let mut hosts: Vec<String> = lacked.map(|o| o.announced().host.clone()).collect();
        hosts.dedup();
        let unknown = |hosts| Warning::of(&node.name, LoginTrouble::NamesUnknown(hosts));
        Some(hosts).filter(|hosts| !hosts.is_empty()).map(unknown)
    };
    look.scope().filter_map(of).collect()
}
