//! The hosts of one deployment: the sessions with them, what was seen of them last, and whose turn
//! it is to write there.

use super::host;
use super::service::SILENT;
use super::ssh::{Host, RemoteCommand, Ssh, SshError, SshErrorKind};
use super::transport::host_of;
use crate::engine::execute::Failure;
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::case::Access;
use crate::plan::facts::{HostFacts, Unseen};
use crate::topology::{Node, NodeName, Topology};
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The hosts of nodes, or why there is no session with them.
pub(super) type Sessions = BTreeMap<NodeName, Result<Arc<Host>, SshError>>;

/// Whose turn it is on each host: nodes that share one write the same files there.
#[derive(Default)]
struct Turns(Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// The turn on a host, by the name SSH reaches it by.
    fn of(&self, host: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(host.to_ascii_lowercase()).or_default().clone()
    }
}

/// The hosts of one deployment.
pub struct Hosts {
    pub(super) inventory: Arc<Inventory>,
    ssh: Ssh,
    turns: Turns,
    seen: Mutex<BTreeMap<NodeName, HostFacts>>,
    /// How many are worked on side by side.
    pub(super) concurrency: usize,
    /// How long the whole way to one may take for a look.
    pub(super) patience: Duration,
}

impl Hosts {
    /// None is logged in to yet.
    pub(super) fn new(
        inventory: Arc<Inventory>,
        ssh: Ssh,
        concurrency: usize,
        patience: Duration,
    ) -> Self {
        Self {
            inventory,
            ssh,
            turns: Turns::default(),
            seen: Mutex::default(),
            concurrency,
            patience,
        }
    }

    /// The session with a node's host.
    pub async fn session(&self, node: &NodeName) -> Result<Arc<Host>, SshError> {
        let Some(spec) = self.inventory.get(node) else {
            return Err(SshError::new(
                SshErrorKind::Config,
                format!("the inventory has no node `{node}`"),
            ));
        };
        host_of(&self.ssh, spec).await
    }

    /// The same, if it can be had within that time.
    pub(super) async fn session_within(
        &self,
        node: &NodeName,
        time: Duration,
    ) -> Result<Arc<Host>, SshError> {
        let session = tokio::time::timeout(time, self.session(node)).await;
        session.unwrap_or_else(|_| Err(SshError::new(SshErrorKind::NoAnswer, SILENT)))
    }

    /// The sessions with all hosts, as far as each can be had within that time. The logins run side
    /// by side, and still take time if there are many.
    pub(super) async fn sessions_within(&self, time: Duration) -> Sessions {
        let looks = self.inventory.nodes.iter().map(|spec| async move {
            let session = self.session_within(&spec.name, time).await;
            (spec.name.clone(), session)
        });
        futures::stream::iter(looks)
            .buffer_unordered(self.concurrency)
            .collect()
            .await
    }

    /// A node as the inventory has it, and its host.
    pub(super) async fn node_on_host(
        &self,
        node: &NodeName,
    ) -> Result<(&NodeSpec, Arc<Host>), Failure> {
        let spec = self
            .inventory
            .get(node)
            .ok_or_else(|| Failure::none(format!("the inventory has no node `{node}`")))?;
        let host = self
            .session(node)
            .await
            .map_err(|e| Failure::none(e.brief()))?;
        Ok((spec, host))
    }

    /// Whose turn it is on a host, by the name SSH reaches it by.
    pub(super) fn turn(&self, host: &str) -> Arc<tokio::sync::Mutex<()>> {
        self.turns.of(host)
    }

    /// Whether the hosts of the nodes that do not answer can be worked on.
    pub async fn access(&self, topology: &Topology) -> BTreeMap<NodeName, Access> {
        let silent: Vec<&Node> = topology
            .nodes
            .iter()
            .filter(|n| n.server().is_none())
            .collect();
        let looks = silent.into_iter().map(|node| async {
            let access = match tokio::time::timeout(self.patience, self.session(&node.name)).await {
                Ok(Ok(_)) => Access::Yes,
                Ok(Err(error)) => Access::No(error.brief()),
                Err(_) => Access::No(format!("no answer within {} s", self.patience.as_secs())),
            };
            (node.name.clone(), access)
        });
        futures::stream::iter(looks)
            .buffer_unordered(self.concurrency)
            .collect()
            .await
    }

    /// Looks at the hosts of these nodes; the error is one phrase, with what to do.
    pub async fn facts(&self, nodes: &[NodeName]) -> BTreeMap<NodeName, Result<HostFacts, Unseen>> {
        let looks = nodes.iter().map(|node| async move {
            let facts = async {
                let host = self.session(node).await.map_err(|e| Unseen {
                    why: e.brief(),
                    hint: e.problem().hint,
                })?;
                let spec = self
                    .inventory
                    .get(node)
                    .ok_or_else(|| "it is not in the inventory".to_owned())?;
                let seen = host::facts(host.as_ref(), &self.inventory, spec).await;
                let mut facts = seen.map_err(Unseen::from)?;
                super::tls::files::for_host(&self.inventory, spec, &mut facts);
                Ok(facts)
            };
            (node.clone(), facts.await)
        });
        let seen: BTreeMap<NodeName, Result<HostFacts, Unseen>> = futures::stream::iter(looks)
            .buffer_unordered(self.concurrency)
            .collect()
            .await;
        self.remember(&seen);
        seen
    }

    pub(super) fn remember(&self, seen: &BTreeMap<NodeName, Result<HostFacts, Unseen>>) {
        let good = |(node, facts): (&NodeName, &Result<HostFacts, Unseen>)| {
            Some((node.clone(), facts.as_ref().ok()?.clone()))
        };
        let mut last = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        last.extend(seen.iter().filter_map(good));
    }

    /// What was seen of hosts last.
    pub fn last_facts(&self) -> BTreeMap<NodeName, HostFacts> {
        let last = self.seen.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the sessions politely.
    pub(super) async fn close(&self) {
        self.ssh.clone().close().await;
    }
}

/// A command that must end within seconds.
pub fn short(root: bool) -> RemoteCommand {
    RemoteCommand {
        stdin: Vec::new(),
        root,
        timeout: Duration::from_secs(10),
    }
}
