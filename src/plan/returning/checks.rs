//! Everything that blocks the return of an old primary, each with a hint. Pure.

use super::Rejoin;
use crate::engine::{Ground, Refusal};
use crate::plan::{preflight, versions};
use crate::topology::{Node, ReplicaAuth, Topology};

/// Where to look.
pub const LOOK: &str = "see: replctl status";

/// Every refusal to bring a running primary back under `successor`.
pub fn running(
    operation: &Rejoin,
    node: &Node,
    successor: &Node,
    topology: &Topology,
) -> Result<(), Vec<Refusal>> {
    let mut out = Vec::new();
    let (Some(mine), Some(theirs)) = (node.server(), successor.server()) else {
        return Ok(());
    };
    for (other, server) in [(node, mine), (successor, theirs)] {
        preflight::watched(other, server, &mut out);
        if server.loading.is_some() {
            out.push(Refusal::new(
                Ground::NotReady,
                format!("`{}` is still loading its data", other.name),
                "wait until it is done: replctl status",
            ));
        }
    }
    versions::refused(node, successor, &mut out);
    if theirs.has_password == Some(false)
        && matches!(
            mine.replica_auth,
            Some(ReplicaAuth::Right | ReplicaAuth::Wrong)
        )
    {
        out.push(Refusal::new(
            Ground::Login,
            format!(
                "`{}` has a masterauth, and `{}` no password: it would be refused",
                node.name, successor.name
            ),
            format!("replctl setup {}", successor.name),
        ));
    }
    preflight::reaches(node, mine, successor, &mut out);
    let circle = topology
        .upstream_of(successor)
        .is_some_and(|up| up.name == operation.node);
    if circle {
        out.push(Refusal::new(
            Ground::Topology,
            format!("`{}` replicates from `{}`", successor.name, node.name),
            LOOK,
        ));
    }
    if out.is_empty() { Ok(()) } else { Err(out) }
}
