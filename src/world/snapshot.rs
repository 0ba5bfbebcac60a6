//! What an operation left behind, for its journal: one short look after it.

use super::connections::Connections;
use super::login::Replicas;
use super::observe;
use crate::engine::journal::snapshot::Snapshot;
use crate::topology::detached::Observed;
use crate::topology::{Node, State, Topology, Trouble, TroubleKind};
use futures::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// How long a node may take to show what it is now: an operator waits for it.
const GLANCE: Duration = Duration::from_secs(1);
/// The same, where it gave no answer before.
const SILENT: Duration = Duration::from_millis(300);

/// The present state of the nodes that were seen last, over connections that are open anyway. A
/// node that is slow to answer is left out.
pub async fn glance(last: Observed, connections: &Connections, replicas: &Replicas) -> Snapshot {
    let looks = last
        .into_all()
        .nodes
        .into_iter()
        .map(|node| look_at(node, connections, replicas));
    let nodes = futures::stream::iter(looks).buffered(connections.concurrency);
    Snapshot::of(&Topology {
        nodes: nodes.collect().await,
    })
}

async fn look_at(node: Node, connections: &Connections, replicas: &Replicas) -> Node {
    let within = if node.server().is_some() {
        GLANCE
    } else {
        SILENT
    };
    let look = async {
        let conn = connections.get(&node.name).await.map_err(|f| f.why)?;
        let server = observe::server(&conn, replicas).await;
        server.map_err(|t| t.detail)
    };
    let state = match timeout(within, look).await {
        Ok(Ok(server)) => State::Up(Box::new(server)),
        Ok(Err(why)) => down(why),
        Err(_) => down(format!("no answer within {} s", within.as_secs_f32())),
    };
    Node { state, ..node }
}

fn down(detail: String) -> State {
    State::Down(Trouble {
        kind: TroubleKind::Other,
        detail,
    })
}
