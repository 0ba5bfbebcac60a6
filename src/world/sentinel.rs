//! The Sentinels that watch the deployment: found through the nodes they watch, asked what they
//! see. It decides nothing.

mod act;
mod connections;
mod discover;
mod failover;
mod first;
mod known;
mod members;
mod pace;
mod reply;
mod set;
mod trusted;
mod unwatched;

pub(super) use act::SentinelSteps;
pub use act::settle_failovers;
pub use connections::SentinelConnections;

use super::last_seen::LastSeen;
use super::observe::{Reach, also_called, ips};
use super::resp::{Conn, REPLY};
use super::servers::Servers;
use super::unreachable::trouble;
use crate::engine::journal::store::Store;
use crate::inventory::address::is_literal;
use crate::topology::sentinel::{Hello, Sees, View, ViewState, Watch, watched};
use crate::topology::{Address, Topology, Trouble, TroubleKind};
use futures::future::join_all;
use redis::{Value, cmd};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::time::timeout;

/// How long the whole way to a Sentinel may take, SSH with all its steps included.
const LOOK: Duration = Duration::from_secs(8);
/// How many nodes are listened on side by side: each Sentinel says hello through every node it
/// watches.
const EARS: usize = 2;
/// More Sentinels than this are not asked.
const MOST: usize = 64;

/// The Sentinels of one deployment, and what they see of it.
pub struct Sentinels {
    /// The ways to them.
    pub connections: Arc<SentinelConnections>,
    pub(super) servers: Arc<Servers>,
    /// Gets the names by which the Sentinels know the nodes.
    pub(super) last_seen: Arc<LastSeen>,
    /// The journals, which know the Sentinels of the last promotion.
    pub(super) store: Store,
}

impl Sentinels {
    /// The Sentinels that watch these nodes, and what each says; `None` where none watches and the
    /// inventory names none. If the inventory's Sentinels and those that they know are fewer than
    /// the nodes count, it listens for up to 2.6 s. So only callers that need it use it.
    ///
    /// The names by which they know the nodes are added to `topology`, if they stand for one of its
    /// addresses.
    pub async fn look(&self, topology: &mut Topology) -> Option<Watch> {
        let counted = watched(topology);
        if counted.is_none() && self.servers.inventory.sentinels().is_empty() {
            return None;
        }
        let heard = match counted {
            Some(counted) => {
                let (told, heard) = mpsc::unbounded_channel();
                // If all listening Sentinels are known in another way, there is no wait for their
                // hellos every two seconds.
                tokio::select! {
                    all = self.all_known(topology, counted, heard) => {
                        if let Some((name, views)) = all {
                            return Some(self.watch(topology, name, Vec::new(), views).await);
                        }
                        Vec::new()
                    }
                    heard = self.hellos(topology, counted, &told) => heard,
                }
            }
            None => Vec::new(),
        };
        let wished = self
            .servers
            .inventory
            .sentinel
            .as_ref()
            .map(|s| s.name.clone());
        let mut names: Vec<String> = Vec::new();
        for hello in &heard {
            if !names.contains(&hello.name) {
                names.push(hello.name.clone());
            }
        }
        let name = match wished {
            Some(name) if names.is_empty() || names.contains(&name) => name,
            Some(_) | None => names.first()?.clone(),
        };
        let own = self
            .servers
            .inventory
            .sentinels()
            .iter()
            .map(|s| s.address.clone());
        let told = heard.iter().filter(|h| h.name == name);
        let known: BTreeSet<Address> = own.chain(told.map(|h| h.address.clone())).collect();
        let views = self.with_peers(&name, known).await;
        let others = names.into_iter().filter(|n| *n != name).collect();
        Some(self.watch(topology, name, others, views).await)
    }

    /// All of them together. The names by which they know the nodes are added to `topology`.
    async fn watch(
        &self,
        topology: &mut Topology,
        name: String,
        other_names: Vec<String>,
        views: Vec<View>,
    ) -> Watch {
        self.learn_names(topology, &views).await;
        Watch {
            other_names,
            name,
            counted: watched(topology).unwrap_or(0),
            views: each_once(views),
            hosts: self.hosts_of_sentinels().await,
        }
    }

    /// What each of these says, and those that they know besides.
    async fn with_peers(&self, name: &str, known: BTreeSet<Address>) -> Vec<View> {
        let mut views = self.views(name, known.clone()).await;
        // The other Sentinels know those that send no hello on the nodes.
        let peers = views.iter().filter_map(View::sees).flat_map(|s| &s.peers);
        let more: BTreeSet<Address> = peers
            .map(|p| p.address.clone())
            .filter(|a| !known.contains(a))
            .take(MOST)
            .collect();
        views.extend(self.views(name, more).await);
        views
    }

    /// The Sentinels that the inventory names, without listening for others. If it names none: all
    /// that watch.
    pub async fn look_in_short(&self, topology: &mut Topology) -> Option<Watch> {
        let own = self.servers.inventory.sentinels();
        let name = self
            .servers
            .inventory
            .sentinel
            .as_ref()
            .map(|s| s.name.clone());
        let Some(name) = name.filter(|_| !own.is_empty()) else {
            watched(topology)?;
            return self.look(topology).await;
        };
        let known = own.iter().map(|s| s.address.clone()).collect();
        let views = self.views(&name, known).await;
        Some(self.watch(topology, name, Vec::new(), views).await)
    }

    /// Sentinels that announce host names call the nodes by them.
    async fn learn_names(&self, topology: &mut Topology, views: &[View]) {
        let sees = views.iter().filter_map(View::sees);
        let told = sees.flat_map(|s| {
            s.primary
                .iter()
                .chain(s.replicas.iter().map(|r| &r.address))
        });
        let strange: BTreeSet<String> = told
            .filter(|at| !is_literal(&at.host) && topology.at(at).is_none())
            .map(|at| at.host.clone())
            .take(MOST)
            .collect();
        let found = join_all(strange.iter().map(|host| ips(host))).await;
        for (host, ips) in strange.iter().zip(found) {
            also_called(topology, host, &ips);
            self.last_seen.also_called(host, &ips);
        }
    }

    /// What the host names of the inventory's Sentinels stand for.
    async fn hosts_of_sentinels(&self) -> BTreeMap<String, Vec<String>> {
        let own = self.servers.inventory.sentinels().iter();
        let hosts: BTreeSet<&String> = own
            .flat_map(|s| [&s.address.host, &s.announced().host])
            .filter(|host| !is_literal(host))
            .collect();
        let found = join_all(hosts.iter().map(|host| ips(host))).await;
        hosts.into_iter().cloned().zip(found).collect()
    }

    async fn hellos(
        &self,
        topology: &Topology,
        counted: u64,
        told: &UnboundedSender<Hello>,
    ) -> Vec<Hello> {
        let way = &self.servers.routes;
        let ears = topology
            .nodes
            .iter()
            .filter(|n| n.server().is_some_and(|s| s.sentinels.unwrap_or(0) > 0))
            .filter_map(|n| self.servers.inventory.get(&n.name))
            .take(EARS);
        let heard = join_all(ears.map(|spec| async {
            let stream = timeout(LOOK, way.open(spec)).await.ok()?.ok()?;
            match discover::listen(stream, self.servers.logins.own.as_ref(), counted, told).await {
                Err(refused) if refused.kind.is_about_password() => {
                    let other = way.otherwise(&spec.name)?;
                    let stream = timeout(LOOK, way.open(spec)).await.ok()?.ok()?;
                    discover::listen(stream, Some(&other), counted, told)
                        .await
                        .ok()
                }
                heard => heard.ok(),
            }
        }))
        .await;
        let mut all: BTreeMap<String, Hello> = BTreeMap::new();
        for (id, hello) in heard.into_iter().flatten().flatten() {
            let newer = all
                .get(&id)
                .is_none_or(|known| known.config_epoch <= hello.config_epoch);
            if newer {
                all.insert(id, hello);
            }
        }
        all.into_values().collect()
    }

    async fn views(&self, name: &str, addresses: BTreeSet<Address>) -> Vec<View> {
        join_all(addresses.into_iter().map(|address| async move {
            let state = if self.connections.may_be_asked(&address).await {
                match self.view(name, &address).await {
                    Ok(sees) => ViewState::Up(Box::new(sees)),
                    Err(trouble) => ViewState::Down(trouble),
                }
            } else {
                ViewState::NotAsked
            };
            View { address, state }
        }))
        .await
    }

    /// What one Sentinel says.
    async fn view(&self, name: &str, address: &Address) -> Result<Sees, Trouble> {
        look(&self.connections.open(address).await?, name).await
    }
}

/// One Sentinel may be known by two addresses: the first that answers counts.
fn each_once(views: Vec<View>) -> Vec<View> {
    let mut ids = BTreeSet::new();
    let new = |view: &View| match view.sees().and_then(|s| s.run_id.clone()) {
        Some(id) => ids.insert(id),
        None => true,
    };
    let mut new = new;
    views.into_iter().filter(|v| new(v)).collect()
}

/// Everything a Sentinel says of one deployment, in one round trip.
async fn look(conn: &Conn, name: &str) -> Result<Sees, Trouble> {
    let mut questions = redis::pipe();
    for question in [
        "MASTER",
        "GET-MASTER-ADDR-BY-NAME",
        "REPLICAS",
        "SENTINELS",
        "CKQUORUM",
    ] {
        questions.cmd("SENTINEL").arg(question).arg(name);
    }
    questions.cmd("SENTINEL").arg("MYID");
    questions.cmd("INFO").arg("sentinel");
    questions.cmd("SENTINEL").arg("DEBUG");
    let replies = conn.exchange(&questions, REPLY).await?;
    let reply = |i: usize| replies.get(i).unwrap_or(&Value::Nil);
    if let Value::ServerError(error) = reply(0) {
        return Err(crate::world::unreachable::from_redis(&error.clone().into()));
    }
    let mut sees = reply::primary(reply(0)).ok_or_else(|| {
        trouble(
            TroubleKind::NotRedis,
            format!("it does not watch anything called `{name}`, or is no Sentinel"),
        )
    })?;
    sees.primary = reply::primary_address(reply(1)).or(sees.primary);
    sees.replicas = reply::replicas(reply(2));
    sees.peers = reply::peers(reply(3));
    sees.no_quorum = reply::no_quorum(reply(4));
    sees.run_id = reply::my_id(reply(5));
    (sees.tilt, sees.watches) = reply::tilt(reply(6));
    match reply::info_period(reply(7)) {
        Ok(ms) => sees.info_period_ms = Some(ms),
        Err(why) => sees.no_debug = why,
    }
    Ok(sees)
}

/// The primary as a Sentinel tells clients, and whether it is at rest: one round trip, for waiting.
async fn glance(conn: &Conn, name: &str) -> Result<Sees, Trouble> {
    let mut questions = redis::pipe();
    questions.cmd("SENTINEL").arg("MASTER").arg(name);
    questions
        .cmd("SENTINEL")
        .arg("GET-MASTER-ADDR-BY-NAME")
        .arg(name);
    questions.cmd("SENTINEL").arg("REPLICAS").arg(name);
    questions.cmd("SENTINEL").arg("CKQUORUM").arg(name);
    questions.cmd("INFO").arg("sentinel");
    let replies = conn.exchange(&questions, REPLY).await?;
    let reply = |i: usize| replies.get(i).unwrap_or(&Value::Nil);
    let mut sees = reply::primary(reply(0))
        .ok_or_else(|| trouble(TroubleKind::NotRedis, "its answer cannot be read"))?;
    sees.primary = reply::primary_address(reply(1)).or(sees.primary);
    sees.replicas = reply::replicas(reply(2));
    sees.no_quorum = reply::no_quorum(reply(3));
    (sees.tilt, sees.watches) = reply::tilt(reply(4));
    Ok(sees)
}

/// `SENTINEL FAILOVER`.
fn fail_over(name: &str) -> redis::Cmd {
    let mut command = cmd("SENTINEL");
    command.arg("FAILOVER").arg(name);
    command
}
