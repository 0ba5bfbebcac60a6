//! The world of one run: one deployment's servers over RESP and its hosts over SSH, with the
//! secrets needed for both.

use super::act_host::Turns;
use super::bounded::Stream;
use super::connections::Connections;
use super::limits;
use super::login::Logins;
use super::observe::{self, Reach};
use super::password::Entrances;
use super::sight::Tunnels;
use super::ssh::{Host, Options, Run, Ssh, SshError, SshErrorKind};
use super::tls::Keyring;
use super::transfers::TransferProgress;
use super::transport::{Way, host_of};
use super::unreachable::trouble;
use crate::actions::password::written::Passwords;
use crate::engine::journal::store::Store;
use crate::error::{Error, Exit, Problem, Result};
use crate::inventory::secrets::Secrets;
use crate::inventory::{Inventory, NodeSpec};
use crate::output;
use crate::plan::case::Access;
use crate::plan::facts::HostFacts;
use crate::topology::detached::Observed;
use crate::topology::{Node, NodeName, State, Topology, Trouble, TroubleKind};
use futures::StreamExt;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the whole way to a host may take when only its file is to be read or its reach to be
/// known, and nobody is asked anything.
const HOST_LOOK: Duration = Duration::from_secs(6);
/// The same, where the operator may be asked for a passphrase.
const ASKED_LOOK: Duration = Duration::from_mins(5);

/// The world of one run.
pub struct World {
    /// The deployment.
    pub inventory: Arc<Inventory>,
    /// Journals, debts and the lock.
    pub store: Store,
    /// Whom it logs in as.
    pub logins: Logins,
    /// Connections to servers.
    pub connections: Connections,
    /// What must not be repeated of what servers and hosts say.
    pub(super) secrets: Secrets,
    /// What was seen of hosts last.
    pub(super) hosts_seen: Mutex<BTreeMap<NodeName, HostFacts>>,
    /// The passwords in files that were read with a look at hosts, until they are asked for.
    pub(super) files_read: Mutex<BTreeMap<NodeName, Result<Option<Passwords>, String>>>,
    /// What was seen last.
    pub(super) last_seen: Mutex<Option<Observed>>,
    /// Connections to Sentinels that were made before a fence, to be used inside it.
    pub(super) sentinel_conns: Mutex<BTreeMap<crate::topology::Address, super::resp::Conn>>,
    /// Whether a host has said that a Sentinel listens there, by address.
    pub(super) vouched: Mutex<BTreeMap<crate::topology::Address, bool>>,
    pub(super) ssh: Ssh,
    pub(super) keyring: Arc<Keyring>,
    pub(super) tunnels: Tunnels,
    /// Other ways in, while passwords are changed.
    pub(super) entrances: Entrances,
    /// Where the progress of transfers goes.
    pub transfers: TransferProgress,
    pub(super) turns: Turns,
    pub(super) running: Mutex<super::hooks::Running>,
    /// Those who lift fences that do not end by themselves.
    pub(super) guards: tokio::sync::Mutex<BTreeMap<NodeName, super::guard::Guard>>,
    /// The claim of the run that is under way.
    pub(super) claim: Mutex<Option<Arc<super::claim::Shared>>>,
    concurrency: usize,
    host_look: Duration,
}

/// How a world is entered.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Write keys of hosts that are not known yet.
    pub accept_new_host_keys: bool,
    /// The operator may be asked for passwords and about host keys.
    pub ask: bool,
    /// How many nodes are worked on side by side.
    pub concurrency: usize,
    /// Nothing is changed, on this machine neither.
    pub looks: bool,
}

impl World {
    /// Reads the secrets and opens the store; touches no host.
    pub async fn enter(inventory: Inventory, entry: Entry) -> Result<Self> {
        limits::make_room(inventory.nodes.len(), entry.looks)?;
        let logins = Logins::read(&inventory, entry.ask).await?;
        let keyring = Arc::new(Keyring::read(&inventory)?);
        let store = if entry.looks {
            let (store, unseen) = Store::look(&inventory.name)?;
            if let Some(problem) = unseen {
                output::warning(&problem);
            }
            store
        } else {
            Store::open(&inventory.name)?
        };
        let terminal = entry
            .ask
            .then(|| -> Arc<dyn super::ssh::Ask> { Arc::new(super::ssh::Terminal) });
        let options = Options {
            accept_new_host_keys: entry.accept_new_host_keys,
            ask: terminal,
            ..Options::default()
        };
        let ssh = Ssh::new(options);
        let secrets = Secrets::of(&inventory, logins.passwords());
        let inventory = Arc::new(inventory);
        let tunnels = Tunnels::default();
        let entrances = Entrances::default();
        let way = Arc::new(Way {
            inventory: inventory.clone(),
            ssh: ssh.clone(),
            keyring: keyring.clone(),
            tunnels: tunnels.clone(),
            entrances: entrances.clone(),
        });
        let (own, of_sentinels) = (logins.own.clone(), logins.sentinels.clone());
        let open = move |node: NodeName| {
            let sentinel = way.inventory.is_sentinel(&node);
            let login = if sentinel { &of_sentinels } else { &own };
            let (way, login) = (way.clone(), login.clone());
            let opened: futures::future::BoxFuture<'static, _> = Box::pin(async move {
                let Some(spec) = way.inventory.get(&node) else {
                    return Err(trouble(
                        TroubleKind::Other,
                        format!("the inventory has no node `{node}`"),
                    ));
                };
                observe::connect(way.as_ref(), spec, login.as_ref()).await
            });
            opened
        };
        let connections = Connections::new(Box::new(open));
        Ok(Self {
            inventory,
            store,
            logins,
            secrets,
            last_seen: Mutex::default(),
            files_read: Mutex::default(),
            sentinel_conns: Mutex::default(),
            vouched: Mutex::default(),
            connections,
            ssh,
            keyring,
            tunnels,
            entrances,
            transfers: TransferProgress::default(),
            turns: Turns::default(),
            hosts_seen: Mutex::default(),
            running: Mutex::default(),
            guards: tokio::sync::Mutex::default(),
            claim: Mutex::default(),
            concurrency: entry.concurrency,
            host_look: if entry.ask { ASKED_LOOK } else { HOST_LOOK },
        })
    }

    /// Looks at every node's server, and over SSH at how it is run and what its next start reads.
    pub async fn observe(&self) -> Observed {
        let (mut topology, hosts) = futures::future::join(self.servers(), self.hosts()).await;
        self.look_at_services(&mut topology, &hosts).await;
        self.look_names_up(&mut topology).await;
        self.observed_and_remembered(topology)
    }

    /// What was seen, with what is noted as detached; kept as what was seen last.
    pub(super) fn observed_and_remembered(&self, topology: Topology) -> Observed {
        let observed = self.observed(topology);
        let mut last = self
            .last_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Some(observed.clone());
        drop(last);
        observed
    }

    /// What was seen last, as it was seen.
    pub fn seen_last(&self) -> Option<Observed> {
        let last = self
            .last_seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }

    /// What was seen, with what is noted as detached.
    fn observed(&self, topology: Topology) -> Observed {
        let noted: Vec<NodeName> = self.store.alone().into_iter().map(|d| d.node).collect();
        Observed::new(topology, &noted)
    }

    /// Looks at every node's server only.
    pub async fn observe_servers(&self) -> Observed {
        self.observed(self.servers().await)
    }

    /// Every node's server, the detached ones among them.
    pub(super) async fn servers(&self) -> Topology {
        let way = self.way();
        let seen = observe::topology(&self.inventory, &self.logins, &way, self.concurrency);
        let mut topology = seen.await;
        let now = jiff::Timestamp::now();
        for node in &mut topology.nodes {
            if let State::Up(server) = &mut node.state {
                server.certificate = self.keyring.certificate(&node.name, now);
            }
        }
        topology
    }

    /// How many seconds each replica is behind.
    pub async fn lags(&self, topology: &Topology) -> crate::topology::lag::Lags {
        let way = self.way();
        crate::world::lag::seconds(
            topology,
            &self.inventory,
            self.logins.own.as_ref(),
            &way,
            self.concurrency,
        )
        .await
    }

    /// Whether the hosts of the nodes that do not answer can be worked on.
    pub async fn access(&self, topology: &Topology) -> BTreeMap<NodeName, Access> {
        let silent: Vec<&Node> = topology
            .nodes
            .iter()
            .filter(|n| n.server().is_none())
            .collect();
        let looks = silent.into_iter().map(|node| async {
            let access = match tokio::time::timeout(self.host_look, self.host(&node.name)).await {
                Ok(Ok(_)) => Access::Yes,
                Ok(Err(error)) => Access::No(error.brief()),
                Err(_) => Access::No(format!("no answer within {} s", self.host_look.as_secs())),
            };
            (node.name.clone(), access)
        });
        futures::stream::iter(looks)
            .buffer_unordered(self.concurrency)
            .collect()
            .await
    }

    /// The session with a node's host.
    pub async fn host(&self, node: &NodeName) -> Result<Arc<Host>, SshError> {
        let Some(spec) = self.inventory.get(node) else {
            return Err(SshError::new(
                SshErrorKind::Config,
                format!("the inventory has no node `{node}`"),
            ));
        };
        host_of(&self.ssh, spec).await
    }

    /// Opens connections to `nodes`, keeps what the nodes are now, and says what the connections
    /// are called there.
    pub async fn connect(&self, nodes: &[NodeName]) -> Vec<(NodeName, u64)> {
        let opened = self.connections.several(nodes).await;
        join_all(opened.iter().map(|(node, conn)| async move {
            if let Ok(now) = super::replication::look(conn, super::resp::REPLY).await {
                let now = super::watch_sync::Before::of(&now);
                self.connections.remember(node, now);
            }
        }))
        .await;
        opened
            .into_iter()
            .filter_map(|(node, conn)| Some((node, conn.client_id()?)))
            .collect()
    }

    /// Kills the connections of an earlier run, so that nothing it sent can still be run, and sees
    /// that their servers answer.
    pub async fn settle(&self, connections: &[(NodeName, u64)]) -> Result<()> {
        let settled = join_all(connections.iter().map(|(node, id)| async move {
            (
                node,
                super::role_change::settle(&self.connections, node, Some(*id)).await,
            )
        }))
        .await;
        let mut problems = Vec::new();
        for (node, result) in settled {
            if let Err(why) = result {
                let what = format!(
                    "`{node}` cannot be asked what became of the operation; nothing was touched"
                );
                problems.push(Problem::new(what).cause(crate::output::escape(&why)).hint("bring it back, then: replctl resume; or, if it is lost: replctl promote NODE --abandon-unfinished").because(crate::error::Reason::Unreachable));
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Error {
                problems,
                exit: Exit::Stopped,
            })
        }
    }

    /// A stream to a node's server that is logged in and spoken over by hand.
    pub(super) async fn raw(&self, node: &NodeSpec) -> Result<Box<dyn Stream>, Trouble> {
        let way = self.way();
        let mut stream = tokio::time::timeout(self.host_look, way.open(node))
            .await
            .unwrap_or_else(|_| Err(crate::world::unreachable::no_answer(self.host_look)))?;
        super::resp::log_in(&mut *stream, self.logins.own.as_ref()).await?;
        Ok(stream)
    }

    /// The ways to the servers.
    pub(super) fn way(&self) -> Way {
        Way {
            inventory: self.inventory.clone(),
            ssh: self.ssh.clone(),
            keyring: self.keyring.clone(),
            tunnels: self.tunnels.clone(),
            entrances: self.entrances.clone(),
        }
    }

    /// How long the whole way to a host may take for a look.
    pub(super) fn host_look(&self) -> Duration {
        self.host_look
    }

    /// How many hosts are worked on at once.
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// Ends the sessions politely.
    pub async fn leave(self) {
        drop(self.connections);
        self.ssh.close().await;
    }
}

/// A command that must end within seconds.
pub fn short(root: bool) -> Run {
    Run {
        stdin: Vec::new(),
        root,
        timeout: Duration::from_secs(10),
    }
}
