//! What an operation found and left behind, for its journal: what was seen before it, and one short
//! look after it.

use super::{World, observe};
use crate::engine::journal::snapshot::Snapshot;
use crate::topology::{Node, State, Topology, Trouble, TroubleKind};
use futures::StreamExt;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::timeout;

/// How long a node may take to show what it is now: an operator waits for it.
const GLANCE: Duration = Duration::from_secs(1);
/// The same, where it gave no answer before.
const SILENT: Duration = Duration::from_millis(300);

impl World {
    /// What was seen last; `None`: nothing yet.
    pub fn last_seen(&self) -> Option<Snapshot> {
        let seen = self.last_seen.lock();
        let seen = seen.unwrap_or_else(PoisonError::into_inner);
        seen.as_ref().map(|seen| Snapshot::of(seen.all()))
    }

    /// What the nodes are now, over the connections that are open anyway. A node that is slow to
    /// answer is left out of it.
    pub async fn glance(&self) -> Option<Snapshot> {
        let seen = self.last_seen.lock();
        let last = seen.unwrap_or_else(PoisonError::into_inner).clone()?;
        let looks = last
            .into_all()
            .nodes
            .into_iter()
            .map(|node| self.look_at(node));
        let nodes = futures::stream::iter(looks).buffered(self.concurrency());
        Some(Snapshot::of(&Topology {
            nodes: nodes.collect().await,
        }))
    }

    async fn look_at(&self, node: Node) -> Node {
        let within = if node.server().is_some() {
            GLANCE
        } else {
            SILENT
        };
        let look = async {
            let conn = self.connections.get(&node.name).await.map_err(|f| f.why)?;
            let server = observe::server(&conn, &self.logins.replicas).await;
            server.map_err(|t| t.detail)
        };
        let state = match timeout(within, look).await {
            Ok(Ok(server)) => State::Up(Box::new(server)),
            Ok(Err(why)) => down(why),
            Err(_) => down(format!("no answer within {} s", within.as_secs_f32())),
        };
        Node { state, ..node }
    }
}

fn down(detail: String) -> State {
    State::Down(Trouble {
        kind: TroubleKind::Other,
        detail,
    })
}
