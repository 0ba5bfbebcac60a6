//! The open connections of one run: made before a fence, used inside it, renewed when a doubt has
//! to be settled.

use super::resp::{Conn, REPLY};
use super::restarted::Keys;
use super::watch_sync::StreamPosition;
use crate::engine::execute::Failure;
use crate::topology::{NodeName, Trouble};
use futures::future::{BoxFuture, join_all};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two questions that only keep connections open; servers count idle seconds.
const ALIVE: Duration = Duration::from_secs(1);

/// Opens a connection to a node of the inventory.
pub type Open = Box<dyn Fn(NodeName) -> BoxFuture<'static, Result<Conn, Trouble>> + Send + Sync>;

/// What a node said of itself in one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// It was a primary.
    pub primary: bool,
    /// Its history.
    pub replid: String,
    /// The bytes of the stream that it had.
    pub offset: u64,
}

/// What was seen since the writes of a primary were stopped. Writers wait during each round trip
/// inside a fence, so no node is asked twice.
#[derive(Debug, Clone, Default)]
pub struct Stopped {
    /// How long the command that stopped them took: a round trip.
    pub round_trip: Duration,
    /// All nodes with an open connection were asked.
    pub looked: bool,
    /// The answers that came in time.
    pub looks: BTreeMap<NodeName, Look>,
    /// The nodes that were seen to be primaries while the old one was demoted; `None`: no node was
    /// asked then.
    pub beside_demotion: Option<Vec<NodeName>>,
}

/// One connection a node.
pub struct Connections {
    open: Open,
    kept: Mutex<BTreeMap<NodeName, Arc<Conn>>>,
    before: Mutex<BTreeMap<NodeName, StreamPosition>>,
    demoted: Mutex<BTreeMap<NodeName, u64>>,
    stopped: Mutex<Option<Stopped>>,
    keys: Mutex<BTreeMap<NodeName, Keys>>,
    /// When servers were told to end, by the clocks of their hosts, seconds since 1970.
    told_to_end: Mutex<BTreeMap<NodeName, u64>>,
    /// How many nodes are asked side by side.
    pub(super) concurrency: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    /// No connection yet.
    pub fn new(open: Open, concurrency: usize) -> Self {
        Self {
            open,
            kept: Mutex::default(),
            before: Mutex::default(),
            demoted: Mutex::default(),
            stopped: Mutex::default(),
            keys: Mutex::default(),
            told_to_end: Mutex::default(),
            concurrency,
        }
    }

    /// The connection to a node, opened if there is none.
    pub async fn get(&self, node: &NodeName) -> Result<Arc<Conn>, Failure> {
        let kept = locked(&self.kept).get(node).cloned();
        match kept {
            Some(conn) => Ok(conn),
            None => self.renew(node).await,
        }
    }

    /// The connection to a node, if there is one.
    pub fn kept(&self, node: &NodeName) -> Option<Arc<Conn>> {
        locked(&self.kept).get(node).cloned()
    }

    /// All open connections.
    pub fn all_kept(&self) -> Vec<(NodeName, Arc<Conn>)> {
        let kept = locked(&self.kept);
        kept.iter().map(|(n, c)| (n.clone(), c.clone())).collect()
    }

    /// A connection of its own, for what must not meet anything else.
    pub async fn fresh(&self, node: &NodeName) -> Result<Conn, Failure> {
        let conn = (self.open)(node.clone()).await;
        conn.map_err(|t| Failure::none(t.detail))
    }

    /// A new connection to a node, kept instead of the old one.
    pub async fn renew(&self, node: &NodeName) -> Result<Arc<Conn>, Failure> {
        let conn = Arc::new(self.fresh(node).await?);
        locked(&self.kept).insert(node.clone(), conn.clone());
        Ok(conn)
    }

    /// Asks over all connections again and again, so that no server closes one for being idle while
    /// nothing else is asked (`timeout`).
    pub async fn keep_alive(&self) -> Infallible {
        loop {
            tokio::time::sleep(ALIVE).await;
            let kept: Vec<Arc<Conn>> = locked(&self.kept).values().cloned().collect();
            // The next step that needs a node finds out if it does not answer.
            let ping = redis::cmd("PING");
            let pings = kept.iter().map(|conn| conn.call(&ping, ALIVE));
            join_all(pings).await;
        }
    }

    /// Drops the connection to a node whose server has ended. The next question opens a new one.
    pub fn forget_one(&self, node: &NodeName) {
        locked(&self.kept).remove(node);
    }

    /// Drops all connections. The next question to a node opens a new one.
    pub fn forget(&self) {
        locked(&self.kept).clear();
    }

    /// Connections to several nodes, opened side by side; those that cannot be had are left out.
    pub async fn several(&self, nodes: &[NodeName]) -> Vec<(NodeName, Arc<Conn>)> {
        let opened = join_all(
            nodes
                .iter()
                .map(|n| async move { (n.clone(), self.get(n).await) }),
        )
        .await;
        opened
            .into_iter()
            .filter_map(|(n, conn)| Some((n, conn.ok()?)))
            .collect()
    }

    /// Opens connections to `nodes`, keeps the present state of the nodes, and returns the ids of
    /// the connections there.
    pub async fn open_to(&self, nodes: &[NodeName]) -> Vec<(NodeName, u64)> {
        let opened = self.several(nodes).await;
        join_all(opened.iter().map(|(node, conn)| async move {
            if let Ok(now) = super::replication::look(conn, REPLY).await {
                self.remember(node, StreamPosition::of(&now));
            }
        }))
        .await;
        opened
            .into_iter()
            .filter_map(|(node, conn)| Some((node, conn.client_id()?)))
            .collect()
    }

    /// Keeps a node's stream position before it follows another node.
    pub fn remember(&self, node: &NodeName, before: StreamPosition) {
        locked(&self.before).insert(node.clone(), before);
    }

    /// Keeps the offset at which an old primary ended, bytes.
    pub fn demoted_at(&self, node: &NodeName, offset: u64) {
        locked(&self.demoted).insert(node.clone(), offset);
    }

    /// The offset at which it ended, if this run has demoted it.
    pub fn demoted(&self, node: &NodeName) -> Option<u64> {
        locked(&self.demoted).get(node).copied()
    }

    /// Keeps what is seen from the moment when writes were stopped. `None`: writes go on, or roles
    /// change, so nothing of it counts any more.
    pub fn keep_stopped(&self, stopped: Option<Stopped>) {
        *locked(&self.stopped) = stopped;
    }

    /// What was seen since writes were stopped.
    pub fn stopped(&self) -> Option<Stopped> {
        locked(&self.stopped).clone()
    }

    /// Keeps how many keys a server has that is about to be restarted.
    pub(super) fn keep_keys(&self, node: &NodeName, count: Keys) {
        locked(&self.keys).insert(node.clone(), count);
    }

    /// How many it had.
    pub(super) fn keys_before(&self, node: &NodeName) -> Option<Keys> {
        locked(&self.keys).get(node).copied()
    }

    /// Keeps the time right before a server is told to end, by the clock of its host.
    pub(super) fn keep_end(&self, node: &NodeName, time: u64) {
        locked(&self.told_to_end).insert(node.clone(), time);
    }

    /// When this run has told it to end, by the clock of its host.
    pub(super) fn told_to_end(&self, node: &NodeName) -> Option<u64> {
        locked(&self.told_to_end).get(node).copied()
    }

    /// Its stream position before.
    pub fn before(&self, node: &NodeName) -> Option<StreamPosition> {
        locked(&self.before).get(node).cloned()
    }
}
