//! Following upstreams: where a replica's data comes from, and which replicas hang loose when the primary changes. Pure.

use crate::topology::{Link, Node, Topology};

/// Where the upstreams of a replica end.
pub enum Root<'a> {
    /// At a primary that answers.
    Primary(&'a Node),
    /// At a node of the deployment that does not answer.
    Down(&'a Node),
    /// At an address that is no node of the deployment.
    Stranger,
    /// Nowhere.
    Loop,
}

/// Follows the upstreams of `node`.
pub fn walk<'a>(node: &'a Node, topology: &'a Topology) -> Root<'a> {
    let mut at = node;
    for _ in 0..=topology.nodes.len() {
        if at.server().is_none() {
            return Root::Down(at);
        }
        let Some(upstream) = at.upstream() else {
            return Root::Primary(at);
        };
        let Some(next) = topology.at(&upstream.address) else {
            return Root::Stranger;
        };
        at = next;
    }
    Root::Loop
}

/// The replicas that answer and do not hang under `target` once it is the primary: those directly under the old primary, and those
/// whose upstream does not answer, is no node of the deployment, or leads nowhere. A replica under another good replica stays there.
pub fn loose<'a>(
    target: &'a Node,
    old: Option<&'a Node>,
    topology: &'a Topology,
) -> impl Iterator<Item = &'a Node> {
    topology.nodes.iter().filter(move |n| {
        if n.name == target.name || n.server().is_none() {
            return false;
        }
        let Some(upstream) = n.upstream() else {
            return false;
        };
        let Some(above) = topology.at(&upstream.address) else {
            return true;
        };
        if above.name == target.name {
            return upstream.link == Link::Down
                && upstream.sync.is_none()
                && !target.announced.eq(&upstream.address);
        }
        if above.server().is_none() || old.is_some_and(|o| o.name == above.name) {
            return true;
        }
        match walk(n, topology) {
            Root::Loop | Root::Stranger | Root::Down(_) => passes_not(n, target, topology),
            Root::Primary(_) => false,
        }
    })
}

/// Whether the way up from `node` does not lead through `target`: then nothing that is done to `target` brings it back.
fn passes_not(node: &Node, target: &Node, topology: &Topology) -> bool {
    let mut at = node;
    for _ in 0..=topology.nodes.len() {
        let Some(next) = topology.upstream_of(at) else {
            return false;
        };
        if next.name == target.name {
            return false;
        }
        at = next;
    }
    true
}
