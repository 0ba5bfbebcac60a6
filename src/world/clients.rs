//! Lists the clients of servers and disconnects them. Never inside a fence.

use super::connections::Connections;
use super::replication::seen;
use super::resp::{Conn, REPLY};
use super::unreachable::trouble;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::topology::clients::{Census, Client, LISTED, Writes, census, parse};
use crate::topology::phrases::plural;
use crate::topology::{NodeName, Trouble, TroubleKind};
use futures::StreamExt;
use redis::{Value, cmd};
use std::collections::{BTreeMap, BTreeSet};

/// The kinds of clients that use data; replicas and the server's own links are others.
const KINDS: [&str; 2] = ["normal", "pubsub"];
/// Commands that run others, which may write.
const RUN_OTHERS: [&str; 7] = [
    "eval", "evalsha", "fcall", "exec", "multi", "discard", "watch",
];
/// Groups that are kept of one node.
const KEPT: usize = 100;
/// How many connections are ended in one go.
const AT_ONCE: usize = 500;

/// The clients of several nodes, each with what kept them from being listed.
pub async fn clients(
    connections: &Connections,
    nodes: &[NodeName],
) -> Vec<(NodeName, Result<Census, String>)> {
    let looks = nodes
        .iter()
        .map(|node| async move { (node.clone(), clients_of(connections, node).await) });
    futures::stream::iter(looks)
        .buffered(connections.concurrency)
        .collect()
        .await
}

async fn clients_of(connections: &Connections, node: &NodeName) -> Result<Census, String> {
    let conn = connections.get(node).await.map_err(|f| f.why)?;
    listed(&conn).await.map_err(|t| t.detail)
}

/// Counts a node's clients, and lists them if they are few. A failure here stops nothing.
pub(super) async fn count_clients(connections: &Connections, node: &NodeName) -> Evidence {
    match few_clients_of(connections, node).await {
        Ok(census) => kept(census.in_words(), census),
        Err(why) => seen(format!("not known: {why}")),
    }
}

async fn few_clients_of(connections: &Connections, node: &NodeName) -> Result<Census, String> {
    let conn = connections.get(node).await.map_err(|f| f.why)?;
    match connected(&conn).await.map_err(|t| t.detail)? {
        many if many > LISTED => Ok(Census::counted(many)),
        _ => listed(&conn).await.map_err(|t| t.detail),
    }
}

/// Disconnects a node's clients, so that they look for the primary anew. replctl's and the
/// Sentinels' connections stay.
pub(super) async fn kick_clients(
    connections: &Connections,
    node: &NodeName,
) -> Result<Evidence, Failure> {
    let failed = |t: Trouble| Failure::none(t.detail);
    let Ok(conn) = connections.get(node).await else {
        return Ok(left_out());
    };
    let census = match listed(&conn).await {
        Ok(census) => census,
        Err(trouble) if trouble.kind.is_silent() => return Ok(left_out()),
        Err(trouble) => return Err(failed(trouble)),
    };
    let mut gone = 0;
    for ids in census.ids.chunks(AT_ONCE) {
        let mut kills = redis::pipe();
        for id in ids {
            kills.cmd("CLIENT").arg("KILL").arg("ID").arg(*id);
        }
        let replies = conn.exchange(&kills, REPLY).await.map_err(failed)?;
        if let Some(Value::ServerError(error)) = replies.first() {
            return Err(Failure::none(error.to_string()));
        }
        // A client that has left by itself meanwhile does not count.
        gone += replies.iter().filter(|r| **r == Value::Int(1)).count();
    }
    Ok(kept(
        format!("disconnected {}", plural(gone, "client")),
        census,
    ))
}

/// For the proof and the journal, which do not need every host of thousands.
fn kept(text: String, mut census: Census) -> Evidence {
    census.groups.truncate(KEPT);
    Evidence {
        text,
        clients: Some(Box::new(census)),
        ..Evidence::default()
    }
}

/// The result for a node that does not answer.
fn left_out() -> Evidence {
    seen("left out: it does not answer")
}

/// How many clients a server has, replctl's and the Sentinels' connections too. It costs the server
/// nothing.
pub(super) async fn connected(conn: &Conn) -> Result<u64, Trouble> {
    let reply = conn.call(cmd("INFO").arg("clients"), REPLY).await?;
    let text = redis::from_redis_value::<Vec<u8>>(reply).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines();
    let count = lines.find_map(|line| line.strip_prefix("connected_clients:"));
    count.and_then(|n| n.trim().parse().ok()).ok_or_else(|| {
        let detail = "it does not say how many clients it has";
        trouble(TroubleKind::NotRedis, detail)
    })
}

/// A server's clients, replctl's and the Sentinels' connections left out.
async fn listed(conn: &Conn) -> Result<Census, Trouble> {
    let mut clients: Vec<Client> = Vec::new();
    for kind in KINDS {
        let mut list = cmd("CLIENT");
        list.arg("LIST").arg("TYPE").arg(kind);
        let reply = conn.call(&list, REPLY).await?;
        let text = redis::from_redis_value::<Vec<u8>>(reply).unwrap_or_default();
        clients.extend(parse(&String::from_utf8_lossy(&text)));
    }
    let commands = clients.iter().map(|c| c.command.clone());
    let commands: BTreeSet<String> = commands.filter(|c| !c.is_empty()).collect();
    Ok(census(&clients, &writes(conn, commands).await))
}

/// Whether each of these commands writes, by the server. If it gives no answer, nothing is known.
async fn writes(conn: &Conn, commands: BTreeSet<String>) -> BTreeMap<String, Writes> {
    if commands.is_empty() {
        return BTreeMap::new(); // without a name, it would tell of all there are
    }
    let mut info = cmd("COMMAND");
    info.arg("INFO");
    for command in &commands {
        info.arg(command);
    }
    let Ok(Value::Array(answers)) = conn.call(&info, REPLY).await else {
        return BTreeMap::new();
    };
    let told = commands.into_iter().zip(answers);
    told.filter_map(|(command, answer)| {
        let writes = if RUN_OTHERS.contains(&command.as_str()) {
            Writes::Possible
        } else {
            of_flags(&answer)?
        };
        Some((command, writes))
    })
    .collect()
}

/// `[name, arity, [flag, …], …]`.
fn of_flags(answer: &Value) -> Option<Writes> {
    let Value::Array(parts) = answer else {
        return None;
    };
    let (Value::Array(flags) | Value::Set(flags)) = parts.get(2)? else {
        return None;
    };
    let mut flags = flags
        .iter()
        .filter_map(|f| redis::from_redis_value_ref::<String>(f).ok());
    Some(if flags.any(|f| f == "write") {
        Writes::Seen
    } else {
        Writes::NotSeen
    })
}
