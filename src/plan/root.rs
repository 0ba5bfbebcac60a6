//! Where the upstreams of a replica end. Pure.

use crate::topology::{Node, Topology};

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
    // A node that does not answer has no known upstream, so it is on top.
    match topology.top_of(node) {
        None => Root::Loop,
        Some(top) if top.server().is_none() => Root::Down(top),
        Some(top) if top.upstream().is_none() => Root::Primary(top),
        Some(_) => Root::Stranger,
    }
}
