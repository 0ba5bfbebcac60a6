//! Primaries that refuse writes while one of their replicas is restarted, because too few are left
//! (`min-replicas-to-write`). Pure.

use super::way::{Way, with_pause};
use super::{AdoptInput, Subject, follows};
use crate::engine::warning::adopt::{Adopt as Say, TooFew};
use crate::engine::{Accept, Adopt, Ground, Refusal, Warning};
use crate::topology::{Node, NodeName, Server};

/// A warning for each node whose restart stops the writes of a primary.
pub(super) fn outages(
    around: &AdoptInput<'_>,
    subjects: &[Subject<'_>],
    way: Option<&Way>,
) -> Vec<Warning> {
    let of = |subject: &Subject<'_>| {
        let (primary, has) = then(around, subject.node, way)?;
        let server = primary.server()?;
        let wants = server.replicas_for_a_write()?;
        let left = has.saturating_sub(1);
        let used = subject.node.server().and_then(|s| s.used_memory);
        let too_few = TooFew {
            primary: primary.name.clone(),
            wants,
            left,
            bytes: used.unwrap_or(0),
        };
        (wants > left).then(|| Warning::of(&subject.spec.name, Say::TooFewReplicas(too_few)))
    };
    subjects.iter().filter_map(of).collect()
}

/// The refusals for them.
pub(super) fn refusals(op: &Adopt, outages: &[Warning]) -> Vec<Refusal> {
    let hint = format!(
        "add another replica first: replctl add; or accept that: replctl {}",
        with_pause(op)
    );
    let of = |says: &Warning| {
        Refusal::new(Ground::Topology, says.text(), hint.clone()).unless(Accept::Pause)
    };
    outages.iter().map(of).collect()
}

/// The primary while this node is restarted, and how many replicas in sync that has then.
fn then<'a>(around: &AdoptInput<'a>, node: &Node, way: Option<&Way>) -> Option<(&'a Node, u64)> {
    if !node.is_primary() {
        let primary = around
            .topology
            .upstream_of(node)
            .filter(|up| up.is_primary())?;
        return Some((primary, in_sync(primary.server()?)));
    }
    let Way::HandOver(to, _) = way? else {
        return None;
    };
    let below = |name: &NodeName| {
        let nodes = around.topology.nodes.iter();
        nodes.filter(|n| follows(around.topology, n, name)).count() as u64
    };
    // The others follow the new primary then, and so does the old one.
    Some((around.topology.get(to)?, below(&node.name) + below(to)))
}

/// The replicas that the server counts, without clients such as `redis-cli --replica`.
fn in_sync(server: &Server) -> u64 {
    let good = server.good_replicas();
    good.filter(|line| line.address.port != 0).count() as u64
}
