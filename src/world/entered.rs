//! The world of one run: one deployment's servers over RESP and its hosts over SSH, with the
//! secrets needed for both.

use super::claim::Claims;
use super::connections::{Connections, Open};
use super::guard::FenceGuards;
use super::hooks::Hooks;
use super::hosts::Hosts;
use super::last_seen::LastSeen;
use super::login::Logins;
use super::lost::Streams;
use super::password::{Entrances, FilesRead, PasswordChange};
use super::running::Running;
use super::sentinel::{SentinelConnections, Sentinels};
use super::servers::Servers;
use super::setup_look::{Facts, SetupLook};
use super::sight::Tunnels;
use super::snapshot::glance;
use super::ssh::{Options, Ssh};
use super::tls::Keyring;
use super::transfers::TransferProgress;
use super::transport::ServerRoutes;
use super::unreachable::trouble;
use super::{limits, names, observe, service};
use crate::engine::journal::snapshot::Snapshot;
use crate::engine::journal::store::Store;
use crate::error::Result;
use crate::inventory::Inventory;
use crate::inventory::secrets::Secrets;
use crate::output;
use crate::topology::detached::Observed;
use crate::topology::{NodeName, Topology, TroubleKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long the whole way to a host may take if replctl only reads its file or tests whether it is
/// reachable, and does not ask the operator.
const HOST_LOOK: Duration = Duration::from_secs(6);
/// The same, where the operator may be asked for a passphrase.
const ASKED_LOOK: Duration = Duration::from_mins(5);

/// The world of one run: its parts, each of which does one thing.
pub struct World {
    /// The deployment.
    pub inventory: Arc<Inventory>,
    /// Journals, notes and the lock.
    pub store: Store,
    /// The logins of replctl.
    pub logins: Arc<Logins>,
    /// The servers, each asked over new connections.
    pub servers: Arc<Servers>,
    /// The open connections to servers.
    pub connections: Arc<Connections>,
    /// The hosts.
    pub hosts: Arc<Hosts>,
    /// The Sentinels.
    pub sentinels: Sentinels,
    /// What was seen last.
    pub last_seen: Arc<LastSeen>,
    /// The claims on servers.
    pub claims: Claims,
    /// The guards, which lift fences that do not end by themselves.
    pub guards: FenceGuards,
    /// The passwords of servers.
    pub passwords: PasswordChange,
    /// The replication streams of servers.
    pub streams: Streams,
    /// The operator's own commands.
    pub hooks: Hooks,
    /// The operation that is run.
    pub running: Arc<Running>,
    /// Where the progress of transfers goes.
    pub transfers: TransferProgress,
    /// The secrets that must not be repeated from the replies of servers and hosts.
    pub(super) secrets: Arc<Secrets>,
}

/// How a world is entered.
#[derive(Debug, Clone, Copy)]
pub struct WorldOptions {
    /// Write keys of hosts that are not known yet.
    pub accept_new_host_keys: bool,
    /// The operator may be asked for passwords and about host keys.
    pub ask: bool,
    /// How many nodes are worked on side by side.
    pub concurrency: usize,
    /// Nothing is changed, not even on this machine.
    pub looks: bool,
}

/// Logs in at one of the inventory's servers, which may be a Sentinel.
fn opener(routes: &Arc<ServerRoutes>, logins: &Arc<Logins>) -> Open {
    let (routes, logins) = (routes.clone(), logins.clone());
    Box::new(move |node: NodeName| {
        let (routes, logins) = (routes.clone(), logins.clone());
        Box::pin(async move {
            let Some(spec) = routes.inventory.get(&node) else {
                return Err(trouble(
                    TroubleKind::Other,
                    format!("the inventory has no node `{node}`"),
                ));
            };
            let sentinel = routes.inventory.is_sentinel(&node);
            let login = if sentinel {
                &logins.sentinels
            } else {
                &logins.own
            };
            observe::connect(routes.as_ref(), spec, login.as_ref()).await
        })
    })
}

/// The journals and notes, opened or only looked at.
fn store(inventory: &Inventory, looks: bool) -> Result<Store> {
    if !looks {
        return Store::open(&inventory.name);
    }
    let (store, unseen) = Store::look(&inventory.name)?;
    if let Some(problem) = unseen {
        output::warning(&problem);
    }
    Ok(store)
}

/// The sessions with hosts, none of which is open yet.
fn ssh(options: WorldOptions) -> Ssh {
    let terminal = options
        .ask
        .then(|| -> Arc<dyn super::ssh::Ask> { Arc::new(super::ssh::Terminal) });
    Ssh::new(Options {
        accept_new_host_keys: options.accept_new_host_keys,
        ask: terminal,
        ..Options::default()
    })
}

impl World {
    /// Reads the secrets and opens the store; touches no host.
    pub async fn enter(inventory: Inventory, options: WorldOptions) -> Result<Self> {
        let logins = Arc::new(Logins::read(&inventory, options.ask).await?);
        Self::with(inventory, options, logins, ssh(options))
    }

    /// The same with logins and sessions that are there already.
    pub(super) fn with(
        inventory: Inventory,
        options: WorldOptions,
        logins: Arc<Logins>,
        ssh: Ssh,
    ) -> Result<Self> {
        limits::make_room(&inventory.nodes, options.looks)?;
        let keyring = Arc::new(Keyring::read(&inventory)?);
        let store = store(&inventory, options.looks)?;
        let secrets = Arc::new(Secrets::of(&inventory, logins.passwords()));
        let inventory = Arc::new(inventory);
        let routes = Arc::new(ServerRoutes {
            inventory: inventory.clone(),
            ssh,
            keyring,
            tunnels: Tunnels::default(),
            entrances: Entrances::default(),
        });
        Ok(Self::of(
            inventory,
            store,
            (logins, secrets),
            routes,
            options,
        ))
    }

    /// Puts the parts together.
    fn of(
        inventory: Arc<Inventory>,
        store: Store,
        (logins, secrets): (Arc<Logins>, Arc<Secrets>),
        routes: Arc<ServerRoutes>,
        options: WorldOptions,
    ) -> Self {
        let concurrency = options.concurrency;
        let patience = if options.ask { ASKED_LOOK } else { HOST_LOOK };
        let ssh = routes.ssh.clone();
        let hosts = Arc::new(Hosts::new(inventory.clone(), ssh, concurrency, patience));
        let open = opener(&routes, &logins);
        let connections = Arc::new(Connections::new(open, concurrency));
        let servers = Arc::new(Servers {
            inventory: inventory.clone(),
            logins: logins.clone(),
            routes,
            concurrency,
            patience,
        });
        let last_seen = Arc::new(LastSeen::default());
        let running = Arc::new(Running::default());
        let to_sentinels = SentinelConnections::new(servers.clone(), hosts.clone());
        let to_sentinels = Arc::new(to_sentinels);
        Self {
            sentinels: Sentinels {
                connections: to_sentinels.clone(),
                servers: servers.clone(),
                last_seen: last_seen.clone(),
                store: store.clone(),
            },
            claims: Claims {
                servers: servers.clone(),
                connections: connections.clone(),
                current: Mutex::default(),
            },
            guards: FenceGuards::new(inventory.path.clone()),
            passwords: PasswordChange {
                servers: servers.clone(),
                connections: connections.clone(),
                hosts: hosts.clone(),
                sentinels: to_sentinels,
                files_read: FilesRead::default(),
            },
            streams: Streams {
                servers: servers.clone(),
                connections: connections.clone(),
            },
            hooks: Hooks {
                inventory: inventory.clone(),
                store: store.clone(),
                secrets: secrets.clone(),
                connections: connections.clone(),
                running: running.clone(),
            },
            running,
            transfers: TransferProgress::default(),
            inventory,
            store,
            logins,
            servers,
            connections,
            hosts,
            last_seen,
            secrets,
        }
    }

    /// Looks at every node's server, and over SSH at how it is run and what its next start reads.
    pub async fn observe(&self) -> Observed {
        let looks = futures::future::join(
            self.servers.look(),
            self.hosts.sessions_within(self.hosts.patience),
        );
        let (mut topology, sessions) = looks.await;
        let unwritten = self.store.unwritten();
        let hosts = &self.hosts;
        service::look_at_services(hosts, &mut topology, (&sessions, &unwritten)).await;
        names::look_names_up(hosts, &mut topology).await;
        self.observed_and_remembered(topology)
    }

    /// The same, and what is known of the hosts of these nodes. The passwords in their files are
    /// read beside that, for [`PasswordChange::held`].
    pub async fn observe_with_facts(&self, nodes: &[NodeName]) -> (Observed, Facts) {
        let look = SetupLook {
            servers: &self.servers,
            hosts: &self.hosts,
            files_read: &self.passwords.files_read,
            unwritten: &self.store.unwritten(),
        };
        let (topology, facts) = look.look(nodes).await;
        (self.observed_and_remembered(topology), facts)
    }

    /// Looks at every node's server only.
    pub async fn observe_servers(&self) -> Observed {
        self.observed(self.servers.look().await)
    }

    /// What was seen, with what is noted as detached; kept as what was seen last.
    fn observed_and_remembered(&self, topology: Topology) -> Observed {
        let observed = self.observed(topology);
        self.last_seen.keep(&observed);
        observed
    }

    /// What was seen, with what is noted as detached.
    fn observed(&self, topology: Topology) -> Observed {
        let noted: Vec<NodeName> = self.store.alone().into_iter().map(|d| d.node).collect();
        Observed::new(topology, &noted)
    }

    /// The present state of the nodes that were seen last.
    pub async fn glance(&self) -> Option<Snapshot> {
        let last = self.last_seen.get()?;
        Some(glance(last, &self.connections, &self.logins.replicas).await)
    }

    /// Ends the sessions politely.
    pub async fn leave(self) {
        let hosts = self.hosts.clone();
        drop(self);
        hosts.close().await;
    }
}
