//! Claims a deployment on its servers. The claim on a node is a connection of its own. Other
//! operators see its name. It ends with this process.
//!
//! The names are set on all nodes before the names on all nodes are read. So of two operators with
//! one node in common at least one sees the other. Without a common node, neither can know of the
//! other. Each claim sends something every second. If its connection is lost, it claims again
//! before anything else is sent.

mod connection;

use super::clients::connected;
use super::connections::Connections;
use super::login::ServerLogin;
use super::observe;
use super::resp::{Conn, REPLY};
use super::servers::Servers;
use super::transport::ServerRoutes;
use crate::inventory::NodeSpec;
use crate::topology::claims::{Claim, Holder, others, worker};
use crate::topology::clients::{Client, LISTED, parse};
use crate::topology::{NodeName, Trouble};
use connection::Connection;
use futures::StreamExt;
use futures::future::join_all;
use redis::cmd;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How long the first node is waited for.
const FIRST: Duration = Duration::from_secs(3);
/// After the first claimed node, the wait for further nodes lasts at least this long, and this many
/// times as long as the slowest so far. The others are claimed when they answer.
const FURTHER: (Duration, u32) = (Duration::from_millis(100), 3);
/// Between two attempts to claim a node anew.
const AGAIN: Duration = Duration::from_secs(1);
/// How long an attempt of another operator lasts at most, before it steps back.
const TRIED: Duration = Duration::from_millis(600);
/// How long a step waits at most for a claim that is being renewed.
const RENEWED: Duration = Duration::from_secs(3);

/// What this process is called on servers, beside its claims.
pub fn token() -> &'static str {
    static TOKEN: OnceLock<String> = OnceLock::new();
    TOKEN.get_or_init(|| {
        let mut bytes = [0; 8];
        if openssl::rand::rand_bytes(&mut bytes).is_err() {
            bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
        }
        u64::from_be_bytes(bytes).to_string()
    })
}

/// A number between these two, by chance.
pub fn random_between(least: u64, most: u64) -> u64 {
    let mut bytes = [0; 8];
    if openssl::rand::rand_bytes(&mut bytes).is_err() {
        bytes[0] = token().as_bytes()[0];
    }
    least + u64::from_le_bytes(bytes) % (most - least + 1)
}

/// A claim that is held. It ends with this value.
pub struct Claimed {
    tasks: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
    /// The nodes that it is held on.
    pub nodes: Vec<NodeName>,
}

impl Drop for Claimed {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        *self.shared.lock() = Inner::default();
    }
}

/// What an attempt to claim came to.
pub enum Attempt {
    /// It is held.
    Held(Claimed),
    /// Others hold theirs; nothing was changed.
    Taken(Vec<Holder>),
}

/// What the tasks of a claim and the steps of an operation tell each other.
#[derive(Default)]
pub struct Shared {
    inner: Mutex<Inner>,
    told: Notify,
}

#[derive(Default)]
struct Inner {
    /// The nodes whose names are set, until all are listed.
    held: BTreeMap<NodeName, bool>,
    /// The first reading is done or under way. A node that is claimed later makes its own reading.
    listed: bool,
    /// The nodes that could not be claimed at once.
    failed: usize,
    /// Nodes whose claim is being renewed.
    unsure: usize,
    /// The operator who has taken over.
    lost: Option<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The operator who has taken over the deployment.
    pub fn lost(&self) -> Option<String> {
        self.lock().lost.clone()
    }

    /// Waits until no claim is being renewed. One that cannot be renewed in time is on a node that
    /// does not answer.
    pub async fn settled(&self) {
        let end = Instant::now() + RENEWED;
        while self.lock().unsure > 0 && Instant::now() < end {
            let _ = timeout(Duration::from_millis(20), self.told.notified()).await;
        }
    }
}

/// The claims of this process, and the look at those of others.
pub struct Claims {
    pub(super) servers: Arc<Servers>,
    pub(super) connections: Arc<Connections>,
    /// The claim of the run that is under way.
    pub(super) current: Mutex<Option<Arc<Shared>>>,
}

impl Claims {
    /// One attempt to claim every node that answers. `ended` gets the claim of a holder and its
    /// silence, seconds. If it accepts, the holder's connections are ended first.
    pub async fn claim(
        &self,
        operation: &str,
        who: &str,
        ended: impl Fn(&Claim, u64) -> bool,
    ) -> Attempt {
        let shared = Arc::new(Shared::default());
        let name = Claim {
            operation: operation.to_owned(),
            who: who.to_owned(),
            token: token().to_owned(),
        };
        let tasks = self.servers.inventory.nodes.iter().map(|spec| {
            let keeper = Keeper {
                spec: spec.clone(),
                name: name.name(),
                routes: self.servers.routes.clone(),
                login: self.servers.logins.own.clone(),
                shared: shared.clone(),
            };
            tokio::spawn(keeper.keep())
        });
        let tasks: Vec<JoinHandle<()>> = tasks.collect();
        let held = first_round(&shared, tasks.len()).await;
        let mut claimed = Claimed {
            tasks,
            shared: shared.clone(),
            nodes: held.keys().cloned().collect(),
        };
        let mut holders = self.holders(&held).await;
        let dead: Vec<Holder> = holders
            .iter()
            .filter(|h| ended(&h.claim, h.idle_seconds))
            .cloned()
            .collect();
        if !dead.is_empty() {
            self.end_connections(&claimed.nodes, &dead).await;
            holders = self.holders(&held).await;
        }
        if !holders.is_empty() {
            for task in claimed.tasks.drain(..) {
                task.abort();
                let _ = task.await;
            }
            return Attempt::Taken(holders);
        }
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(shared);
        Attempt::Held(claimed)
    }

    /// What the steps of this run look at before they change anything.
    pub(super) fn current(&self) -> Option<Arc<Shared>> {
        let claim = self.current.lock();
        claim.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The claims of others on these nodes. The value of a node says whether our own claim listens
    /// there. If it does not, all clients are listed.
    async fn holders(&self, nodes: &BTreeMap<NodeName, bool>) -> Vec<Holder> {
        let looks = nodes.clone().into_iter().map(|(node, listens)| async move {
            let clients = match self.connections.get(&node).await {
                Ok(conn) => listed(&conn, !listens).await.unwrap_or_default(),
                Err(_) => Vec::new(),
            };
            (node, clients)
        });
        let lists: Vec<(NodeName, Vec<Client>)> = futures::stream::iter(looks)
            .buffer_unordered(self.connections.concurrency)
            .collect()
            .await;
        others(lists.iter().map(|(n, c)| (n, c.as_slice())), token())
    }

    /// The operations of others that are under way, as the claims on these nodes tell.
    pub async fn operations_of_others(&self, nodes: &[NodeName]) -> Vec<Holder> {
        let nodes = nodes.iter().map(|n| (n.clone(), true)).collect();
        self.holders(&nodes).await
    }

    /// Ends every connection of these holders' processes, on all nodes.
    async fn end_connections(&self, nodes: &[NodeName], holders: &[Holder]) {
        let tokens: Vec<&str> = holders.iter().map(|h| h.claim.token.as_str()).collect();
        let names: Vec<String> = tokens.iter().map(|t| worker(t)).collect();
        let of_them = |client: &Client| {
            let claim = Claim::parse(&client.name);
            claim.is_some_and(|c| tokens.contains(&c.token.as_str()))
                || names.contains(&client.name)
        };
        join_all(nodes.iter().map(|node| async move {
            let conn = self.connections.get(node).await.ok()?;
            let clients = listed(&conn, true).await.ok()?;
            let mut kills = redis::pipe();
            for client in clients.iter().filter(|c| of_them(c)) {
                kills.cmd("CLIENT").arg("KILL").arg("ID").arg(client.id);
            }
            if !kills.is_empty() {
                let _ = conn.exchange(&kills, REPLY).await;
            }
            Some(())
        }))
        .await;
    }
}

/// Waits until every node is claimed that answers about as fast as the others.
async fn first_round(shared: &Shared, nodes: usize) -> BTreeMap<NodeName, bool> {
    let begun = Instant::now();
    let mut count = 0;
    let mut end = begun + FIRST;
    loop {
        let (held, failed) = {
            let inner = shared.lock();
            (inner.held.len(), inner.failed)
        };
        if held > count {
            count = held;
            let further = (begun.elapsed() * FURTHER.1).max(FURTHER.0);
            end = (begun + FIRST).min(begun + further);
        }
        if held + failed >= nodes || Instant::now() >= end {
            break;
        }
        let left = end.saturating_duration_since(Instant::now());
        let _ = timeout(left.min(Duration::from_millis(20)), shared.told.notified()).await;
    }
    let mut inner = shared.lock();
    inner.listed = true;
    std::mem::take(&mut inner.held)
}

/// Holds the claim on one node.
struct Keeper {
    spec: NodeSpec,
    name: String,
    routes: Arc<ServerRoutes>,
    login: Option<ServerLogin>,
    shared: Arc<Shared>,
}

impl Keeper {
    async fn keep(self) {
        let mut was_held = false;
        let mut tried = false;
        loop {
            let made = Connection::open(&self.routes, &self.spec, self.login.as_ref(), &self.name);
            let made = made.await;
            if !std::mem::replace(&mut tried, true) && made.is_err() {
                self.shared.lock().failed += 1;
                self.shared.told.notify_one();
            }
            match made {
                Ok(mut connection) => {
                    let first = {
                        let mut inner = self.shared.lock();
                        if !inner.listed {
                            let listens = connection.listens;
                            inner.held.insert(self.spec.name.clone(), listens);
                        }
                        !inner.listed
                    };
                    self.shared.told.notify_one();
                    if !first {
                        self.look_again(connection.listens).await;
                    }
                    self.renewed(&mut was_held);
                    connection.stay().await;
                    // The connection has ended: its server, or an operator who takes over, has
                    // closed it.
                    self.shared.lock().unsure += 1;
                    was_held = true;
                }
                // Another try would not help, and would fill the server's log.
                Err(trouble) if !was_held && !trouble.kind.may_pass() => return,
                Err(_) => {
                    self.renewed(&mut was_held);
                    sleep(AGAIN).await;
                }
            }
        }
    }

    fn renewed(&self, was_held: &mut bool) {
        if std::mem::take(was_held) {
            let mut inner = self.shared.lock();
            inner.unsure = inner.unsure.saturating_sub(1);
        }
        self.shared.told.notify_one();
    }

    /// The name is set again, so now we see operators who came meanwhile. One that only tried is
    /// gone a moment later.
    async fn look_again(&self, listens: bool) {
        let seen = self.others(listens).await;
        if seen.is_empty() {
            return;
        }
        sleep(TRIED).await;
        let still = self.others(listens).await;
        let holder = still
            .iter()
            .find(|s| seen.iter().any(|h| h.claim == s.claim));
        if let Some(holder) = holder {
            self.shared.lock().lost = Some(holder.to_string());
        }
    }

    async fn others(&self, listens: bool) -> Vec<Holder> {
        let look = async {
            let conn =
                observe::connect(self.routes.as_ref(), &self.spec, self.login.as_ref()).await;
            listed(&conn.ok()?, !listens).await.ok()
        };
        let clients = timeout(REPLY * 2, look).await.ok().flatten();
        let clients = clients.unwrap_or_default();
        others([(&self.spec.name, clients.as_slice())], token())
    }
}

/// The clients that may be claims. If there are many, only those that listen to channels: every
/// claim listens if its user may. `all`: all clients, whatever that costs the server.
async fn listed(conn: &Conn, all: bool) -> Result<Vec<Client>, Trouble> {
    let mut kinds = vec!["pubsub"];
    if all || few_clients(conn).await {
        kinds.push("normal");
    }
    let mut clients = Vec::new();
    for kind in kinds {
        let mut list = cmd("CLIENT");
        list.arg("LIST").arg("TYPE").arg(kind);
        let reply = conn.call(&list, REPLY).await?;
        let text = redis::from_redis_value::<Vec<u8>>(reply).unwrap_or_default();
        clients.extend(parse(&String::from_utf8_lossy(&text)));
    }
    Ok(clients)
}

async fn few_clients(conn: &Conn) -> bool {
    connected(conn).await.is_ok_and(|count| count <= LISTED)
}
