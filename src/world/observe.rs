//! Looks at servers: one round trip each once connected, all nodes side by side, each bounded in
//! time. It changes nothing and judges nothing.
//!
//! Secrets that CONFIG tells are reduced to yes or no here and wiped.

mod directives;

use super::bounded::Stream;
use super::login::{Logins, Replicas, ServerLogin};
use super::resp::{Conn, LOOKUP, REPLY, lookup};
use super::unreachable::{from_redis, hung_up, no_answer, no_info, trouble};
use super::{info, sight, tls, turns};
use crate::inventory::{Inventory, NodeSpec};
use crate::topology::claims::CHANNEL;
use crate::topology::{
    Node, NodeName, ReplicaAuth, Server, State, Topology, Trouble, TroubleKind, Tunnel,
};
use directives::{DIRECTIVES, all_at_once, one_by_one};
use futures::future::join_all;
use redis::Value;
use secrecy::zeroize::Zeroize;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// The longest a way of reaching a node may take, SSH with all its steps included. The steps have
/// deadlines of their own; this one is the last.
pub(super) const LOOK: Duration = Duration::from_secs(10);
/// How many servers are asked at once for each host that is worked on at once: a question costs far
/// less than a login.
const SERVERS: usize = 4;
/// The channel on which Sentinels talk to each other through every node they watch.
pub(super) const SENTINELS: &str = "__sentinel__:hello";

/// A way of reaching a node's server.
pub trait Reach: Sync {
    /// A fresh stream to it.
    ///
    /// # Errors
    /// The one reason for having none.
    fn open(
        &self,
        node: &NodeSpec,
    ) -> impl Future<Output = Result<Box<dyn Stream>, Trouble>> + Send;

    /// Another login, where the inventory's is refused.
    fn otherwise(&self, _node: &NodeName) -> Option<ServerLogin> {
        None
    }

    /// The longest that opening may take: the last of all deadlines, for its steps have their own.
    /// Those that wait for their turn to log in to hosts wait for it within this time.
    fn longest(&self) -> Duration {
        LOOK
    }

    /// The host through which it was reached last, if it was.
    fn through(&self, _node: &NodeName) -> Option<Tunnel> {
        None
    }
}

/// A connection to a node, logged in.
///
/// # Errors
/// The one reason for having none.
pub async fn connect(
    reach: &impl Reach,
    node: &NodeSpec,
    login: Option<&ServerLogin>,
) -> Result<Conn, Trouble> {
    let open = || async {
        let longest = reach.longest();
        let stream = timeout(longest, reach.open(node)).await;
        stream.unwrap_or_else(|_| Err(no_answer(longest)))
    };
    let first = tls::log_in(node.tls.as_ref(), login, || Box::pin(open())).await;
    match (first, reach.otherwise(&node.name)) {
        (Err(refused), Some(other)) if refused.kind.is_about_password() => {
            let second = tls::log_in(node.tls.as_ref(), Some(&other), || Box::pin(open()));
            second.await.map_err(|_| refused)
        }
        (first, _) => first,
    }
}

/// What a server says of itself. `replicas` is what to compare `masterauth` with; what CONFIG does
/// not tell stays unknown.
///
/// # Errors
/// The one reason why there is no INFO.
pub async fn server(conn: &Conn, replicas: &Replicas) -> Result<Server, Trouble> {
    let mut questions = redis::pipe();
    questions
        .cmd("INFO")
        .cmd("PUBSUB")
        .arg("NUMSUB")
        .arg(SENTINELS)
        .arg(CHANNEL)
        .cmd("CONFIG")
        .arg("GET")
        .arg("masterauth");
    // All at once, as servers from 7.0 on take them.
    questions.cmd("CONFIG").arg("GET").arg(&DIRECTIVES[..]);
    let mut replies = conn.exchange(&questions, REPLY).await?.into_iter();
    let mut server = read_info(replies.next().unwrap_or_default())?;
    let listeners = replies.next();
    server.sentinels = listeners.as_ref().and_then(second_number);
    server.claims = listeners.as_ref().and_then(|reply| number_at(reply, 3));
    server.has_password = Some(conn.has_password());
    let masterauth = replies.next().unwrap_or_default();
    let told = replies.next().unwrap_or_default();
    server.config = if matches!(told, Value::ServerError(_)) && server.version.major < 7 {
        one_by_one(conn).await?
    } else {
        all_at_once(&told)
    };
    let masteruser = server.config.get("masteruser").map_or("", String::as_str);
    server.replica_auth = replica_auth(masterauth, masteruser, replicas);
    if server.maxmemory.is_none() {
        server.maxmemory = server
            .config
            .get("maxmemory")
            .and_then(|bytes| bytes.parse().ok());
    }
    Ok(server)
}

/// The replication section alone, for polling.
///
/// # Errors
/// As for [`server`].
pub async fn replication(
    conn: &Conn,
    within: Duration,
) -> Result<crate::topology::Replication, Trouble> {
    let reply = conn
        .call(redis::cmd("INFO").arg("replication"), within)
        .await?;
    Ok(read_info(reply)?.replication)
}

fn read_info(reply: Value) -> Result<Server, Trouble> {
    if let Value::ServerError(error) = reply {
        let trouble = from_redis(&error.into());
        return Err(if trouble.detail.contains("unknown command") {
            no_info(&trouble.detail)
        } else {
            trouble
        });
    }
    let text = text(&reply)
        .ok_or_else(|| trouble(TroubleKind::NotRedis, "its answer to INFO is no text"))?;
    info::parse(&text).map_err(|why| trouble(TroubleKind::NotRedis, why.to_string()))
}

/// Reduces the reply to `CONFIG GET masterauth`, and wipes it.
fn replica_auth(reply: Value, user: &str, replicas: &Replicas) -> Option<ReplicaAuth> {
    let Value::Array(mut parts) = reply else {
        return None;
    };
    let Some(Value::BulkString(secret)) = parts.get_mut(1) else {
        return None;
    };
    let auth = replicas.judge(user, secret);
    secret.zeroize();
    auth
}

/// Text of a reply; other bytes than UTF-8 are replaced.
pub(super) fn text(value: &Value) -> Option<String> {
    if let Value::BulkString(bytes) = value {
        Some(String::from_utf8_lossy(bytes).into_owned())
    } else if let Value::SimpleString(text) | Value::VerbatimString { text, .. } = value {
        Some(text.clone())
    } else {
        None
    }
}

/// The second element of `[name, value]`.
pub(super) fn second_text(reply: &Value) -> Option<String> {
    if let Value::Array(parts) = reply {
        text(parts.get(1)?)
    } else {
        None
    }
}

/// The number at that place of a list of names and numbers.
fn number_at(reply: &Value, place: usize) -> Option<u64> {
    if let Value::Array(parts) = reply
        && let Value::Int(number) = parts.get(place)?
    {
        return u64::try_from(*number).ok();
    }
    None
}

/// The number of `[name, number]`.
pub(super) fn second_number(reply: &Value) -> Option<u64> {
    let Value::Array(parts) = reply else {
        return None;
    };
    if let Value::Int(number) = parts.get(1)? {
        (*number).try_into().ok()
    } else {
        text(parts.get(1)?)?.parse().ok()
    }
}

/// Looks at all nodes of a deployment, four times `concurrency` at once. A node that gives no
/// usable answer is a row with its one reason.
pub async fn topology(
    inventory: &Inventory,
    logins: &Logins,
    reach: &impl Reach,
    concurrency: usize,
) -> Topology {
    let looks = inventory.nodes.iter().map(|spec| node(spec, logins, reach));
    let looks: Vec<_> = looks.collect();
    let nodes = turns::all(looks, concurrency * SERVERS, turns::LOOK).await;
    let mut topology = Topology {
        nodes: nodes.into(),
    };
    add_host_names(&mut topology, inventory);
    add_other_names(&mut topology).await;
    look_again(&mut topology, inventory, logins, reach, concurrency).await;
    topology
}

/// Looks at one node.
async fn node(spec: &NodeSpec, logins: &Logins, reach: &impl Reach) -> Node {
    let look = async || {
        let conn = connect(reach, spec, logins.own.as_ref()).await?;
        let mut server = server(&conn, &logins.replicas).await?;
        sight::wished(&conn, spec, &mut server).await;
        Ok(server)
    };
    // A Sentinel that changes a role closes the connections of all clients, also this one.
    let look = async {
        match look().await {
            Err(trouble) if trouble == hung_up() => look().await,
            looked => looked,
        }
    };
    let (seen, mut node) = futures::future::join(look, unseen(spec)).await;
    node.state = match seen {
        Ok(server) => State::Up(Box::new(server)),
        Err(trouble) => State::Down(trouble),
    };
    if spec.announce.is_none()
        && let Some(own) = node.own_announcement()
    {
        if own.host != node.address.host {
            node.reached = ips(&own.host).await;
        }
        node.announced = own;
    }
    node.sight.through = node.server().and_then(|_| reach.through(&spec.name));
    node.sight.elsewhere = sight::elsewhere(&node, spec, logins.own.as_ref()).await;
    node
}

/// What is known of a node before any look. A name that does not resolve here may resolve
/// elsewhere; it adds nothing.
pub async fn unseen(spec: &NodeSpec) -> Node {
    let announced = spec.announced().clone();
    let resolved = ips(&spec.address.host).await;
    let reached = if announced.host == spec.address.host {
        resolved.clone()
    } else {
        ips(&announced.host).await
    };
    Node {
        name: spec.name.clone(),
        address: spec.address.clone(),
        announced,
        resolved,
        reached,
        names_there: BTreeMap::new(),
        sight: crate::topology::Sight::default(),
        state: State::Down(trouble(TroubleKind::Other, "it was not looked at")),
        persisted: None,
        service: None,
    }
}

/// The IP addresses behind a node's names.
pub async fn resolve(spec: &NodeSpec) -> Vec<String> {
    let node = unseen(spec).await;
    node.resolved.into_iter().chain(node.reached).collect()
}

/// The IP addresses behind a name.
pub(super) async fn ips(host: &str) -> Vec<String> {
    let found: BTreeSet<IpAddr> = lookup(host, LOOKUP).await.into_iter().flatten().collect();
    found.into_iter().map(|ip| ip.to_string()).collect()
}

/// If replctl keeps the hosts' own name tables, every host knows a node by its name.
fn add_host_names(topology: &mut Topology, inventory: &Inventory) {
    if inventory.server.hostnames {
        for node in &mut topology.nodes {
            node.reached.push(node.name.0.clone());
            if node.announced.host == node.address.host {
                node.resolved.push(node.name.0.clone());
            }
        }
    }
}

/// A replica may know its upstream by a name that the inventory does not have. If that name
/// resolves to a node's IP address here, it means that node.
async fn add_other_names(topology: &mut Topology) {
    let strange: BTreeSet<String> = topology
        .nodes
        .iter()
        .filter_map(|node| node.upstream())
        .filter(|upstream| {
            topology.at(&upstream.address).is_none()
                && upstream.address.host.parse::<IpAddr>().is_err()
        })
        .map(|upstream| upstream.address.host.clone())
        .take(64) // they come from servers: a hostile one must not keep us looking up
        .collect();
    let found = join_all(strange.iter().map(|host| ips(host))).await;
    for (host, ips) in strange.iter().zip(found) {
        also_called(topology, host, &ips);
    }
}

/// Takes `host` for another name of whatever has one of these IP addresses.
pub(super) fn also_called(topology: &mut Topology, host: &str, ips: &[String]) {
    for node in &mut topology.nodes {
        for known in [&mut node.resolved, &mut node.reached] {
            if known.iter().any(|ip| ips.contains(ip)) {
                known.push(host.to_owned());
            }
        }
    }
}

/// The primary must be read before its replicas, or every byte that came in between counts as
/// missing. Side by side, no node is first. So replicas that seem to be behind are read once more.
async fn look_again(
    topology: &mut Topology,
    inventory: &Inventory,
    logins: &Logins,
    reach: &impl Reach,
    concurrency: usize,
) {
    let behind: Vec<&NodeSpec> = topology
        .nodes
        .iter()
        .filter(|node| topology.behind(node).is_some_and(|bytes| bytes > 0))
        .filter_map(|node| inventory.get(&node.name))
        .collect();
    let login = logins.own.as_ref();
    let looks = behind.into_iter().map(|spec| async {
        let conn = connect(reach, spec, login).await.ok()?;
        Some((spec.name.clone(), replication(&conn, REPLY).await.ok()?))
    });
    // In a list first: the compiler cannot see that closures over borrowed nodes may go to another
    // thread.
    let looks: Vec<_> = looks.collect();
    let again = turns::all(looks, concurrency * SERVERS, turns::LOOK).await;
    let again: BTreeMap<NodeName, _> = again.into_iter().flatten().collect();
    for node in &mut topology.nodes {
        if let (State::Up(server), Some(newer)) = (&mut node.state, again.get(&node.name))
            && newer.replid == server.replication.replid
            && std::mem::discriminant(&newer.role)
                == std::mem::discriminant(&server.replication.role)
        {
            server.replication = newer.clone();
        }
    }
}

#[cfg(test)]
mod closed;
#[cfg(test)]
mod tests;
