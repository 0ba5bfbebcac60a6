//! The servers of one deployment, each asked over new connections of its own. It changes nothing.

use super::bounded::Stream;
use super::lag;
use super::login::{Logins, ServerLogin};
use super::observe::{self, Reach};
use super::resp::{self, Conn, REPLY};
use super::role::{self, LiveRole};
use super::transport::ServerRoutes;
use super::unreachable::no_answer;
use crate::inventory::{Inventory, NodeSpec};
use crate::topology::lag::Lags;
use crate::topology::{NodeName, Role, State, Topology, Trouble, TroubleKind};
use std::sync::Arc;
use std::time::Duration;

/// The servers of one deployment.
pub struct Servers {
    pub(super) inventory: Arc<Inventory>,
    /// Whom replctl logs in as.
    pub(super) logins: Arc<Logins>,
    pub(super) routes: Arc<ServerRoutes>,
    /// How many are asked side by side.
    pub(super) concurrency: usize,
    /// How long the whole way to one may take, its host included.
    pub(super) patience: Duration,
}

impl Servers {
    /// Our own user's name on them.
    pub(super) fn user(&self) -> &str {
        self.logins
            .own
            .as_ref()
            .map_or("default", ServerLogin::name)
    }

    /// A new connection to one.
    pub(super) async fn connect(&self, node: &NodeSpec) -> Result<Conn, Trouble> {
        observe::connect(self.routes.as_ref(), node, self.logins.own.as_ref()).await
    }

    /// A stream to one that is logged in and spoken over by hand.
    pub(super) async fn raw(&self, node: &NodeSpec) -> Result<Box<dyn Stream>, Trouble> {
        let opened = tokio::time::timeout(self.patience, self.routes.open(node)).await;
        let mut stream = opened.unwrap_or_else(|_| Err(no_answer(self.patience)))?;
        resp::log_in(&mut *stream, self.logins.own.as_ref()).await?;
        Ok(stream)
    }

    /// What all of them say, the detached ones among them.
    pub(super) async fn look(&self) -> Topology {
        let routes = self.routes.as_ref();
        let seen = observe::topology(&self.inventory, &self.logins, routes, self.concurrency);
        let mut topology = seen.await;
        let now = jiff::Timestamp::now();
        for node in &mut topology.nodes {
            if let State::Up(server) = &mut node.state {
                server.certificate = routes.keyring.certificate(&node.name, now);
            }
        }
        topology
    }

    /// How many seconds each replica is behind.
    pub async fn lags(&self, topology: &Topology) -> Lags {
        let own = self.logins.own.as_ref();
        let routes = self.routes.as_ref();
        lag::seconds(topology, &self.inventory, own, routes, self.concurrency).await
    }

    /// Whether a node is a primary now, by its own ROLE over a new connection.
    ///
    /// # Errors
    /// What was seen instead, in one sentence.
    pub async fn still_primary(&self, node: &NodeName) -> Result<(), String> {
        let Some(spec) = self.inventory.get(node) else {
            return Err(format!("the inventory has no node `{node}`"));
        };
        let look = async {
            let conn = self.connect(spec).await?;
            let reply = match conn.call(&redis::cmd("ROLE"), REPLY).await {
                Ok(reply) => reply,
                Err(refused) if refused.kind == TroubleKind::Frozen => return Err(refused),
                // Where it may not be asked, INFO says the same.
                Err(_) => {
                    let now = observe::replication(&conn, REPLY).await?;
                    return Ok(now.role == Role::Primary);
                }
            };
            Ok(matches!(
                role::parse(&reply),
                Some(LiveRole::Primary { .. })
            ))
        };
        match look.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!(
                "`{node}` was the primary a moment ago and is none now"
            )),
            Err(trouble) => Err(format!(
                "`{node}` was the primary a moment ago and cannot be asked any more: {}",
                trouble.detail
            )),
        }
    }
}
