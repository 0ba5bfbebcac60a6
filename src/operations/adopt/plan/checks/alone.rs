//! The refusals of restarting a primary without a replica that could take over. Pure.

use super::super::{AdoptInput, Subject};
use crate::engine::{Ground, Refusal};
use crate::topology::versions::program;
use crate::topology::{Product, Server};

/// The refusals that no option accepts.
pub(in super::super) fn alone(around: &AdoptInput<'_>, primary: &Subject<'_>) -> Vec<Refusal> {
    let name = &primary.spec.name;
    let Some(server) = primary.node.server() else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let mut refuse = |ground, why: String, hint: &str| out.push(Refusal::new(ground, why, hint));
    let lines = server.replication.replicas.iter();
    // Backups and redis-cli connect as replicas, but without a port.
    let others: Vec<String> = lines
        .filter(|line| line.address.port != 0)
        .map(|line| line.address.to_string())
        .collect();
    if !others.is_empty() {
        refuse(
            Ground::Topology,
            format!(
                "`{name}` has replicas that are no nodes of the inventory: {}",
                others.join(", ")
            ),
            "write them into the inventory first: replctl init --from HOST --merge",
        );
    } else if around.watched {
        refuse(
            Ground::Topology,
            format!(
                "Sentinels watch `{name}`, and none of its replicas is in the inventory: during its restart, they may promote a replica that replctl does not know"
            ),
            "write its replicas into the inventory: replctl init --from HOST --merge; or give it one: replctl add",
        );
    }
    if !tells_what_it_dropped(server) {
        refuse(
            Ground::Unsupported,
            format!(
                "`{name}` runs {}, which does not tell how many keys it drops when it starts: without a replica, nothing could prove that it has all of them",
                program(server.product, server.version)
            ),
            "give it a replica first: replctl add",
        );
    }
    out
}

/// Whether INFO reports how many keys had expired when the data was loaded.
fn tells_what_it_dropped(server: &Server) -> bool {
    server.product == Product::Valkey || server.version.major >= 7
}
