//! Role changes over RESP: set, then compared, in one transaction of the server. If the answer is
//! lost, no guess settles the doubt: the connection of the change is killed, so that the change can
//! no longer run. Only then the server is asked for its role.

mod demotion;
mod transaction;

pub(super) use demotion::to_replica;
pub use demotion::{OTHERS, demote};

use super::connections::Connections;
use super::replication::{Acted, FENCED, look, seen};
use super::resp::{Conn, REPLY};
use super::role::{self, LiveRole};
use super::unreachable::hung_up;
use super::watch_sync;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::topology::{Address, NodeName, Trouble, TroubleKind};
use futures::future::join_all;
use redis::cmd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use transaction::{Changed, change};

const NO_ONE: [&str; 2] = ["NO", "ONE"];

/// A failure that comes sooner was no time-out.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The pauses between two tries to settle a doubt. Sentinels correct a wrong role within their
/// period of 100 ms, plus what the network takes.
const TRY_AGAIN_AFTER: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(300),
];

/// `REPLICAOF host port`; a look over a new connection settles a lost answer. `is_replica`: the
/// node was a replica when the plan was made. If it is a primary by now, it stays one, because the
/// writes that it has taken since would be lost.
pub async fn follow(
    connections: &Connections,
    node: &NodeName,
    address: &Address,
    is_replica: bool,
) -> Acted {
    let conn = connections.get(node).await?;
    // Known already if it was asked before the fence. Inside the fence, writers wait during this
    // round trip.
    if connections.before(node).is_none()
        && let Ok(before) = look(&conn, FENCED).await
    {
        connections.remember(node, watch_sync::StreamPosition::of(&before));
    }
    if is_replica {
        let now = role_of(&conn, FENCED).await;
        match now.map_err(|t| Failure::none(t.detail))? {
            LiveRole::Replica { .. } | LiveRole::Sentinel => {}
            LiveRole::Primary { .. } => return Err(Failure::none(made_primary())),
        }
    }
    let port = address.port.to_string();
    let failed = match change(&conn, &[&address.host, &port], None, FENCED).await {
        Ok(Changed {
            before: LiveRole::Primary { .. },
            ..
        }) if is_replica => return put_back(&conn, &NO_ONE, made_primary()).await,
        Ok(Changed {
            after: LiveRole::Replica { upstream, .. },
            ..
        }) if upstream == *address => return Ok(seen(format!("follows {address}"))),
        Ok(changed) => {
            let now = in_words(&changed.after);
            return Err(Failure::unknown(format!(
                "it was told to follow {address} and is {now}"
            )));
        }
        Err(t) if !t.may_be_executed() => return Err(Failure::none(t.detail)),
        Err(t) => t.detail,
    };
    match settle(connections, node, conn.client_id()).await {
        Ok(LiveRole::Replica { upstream, .. }) if upstream == *address => {
            Ok(seen(format!("follows {address}")))
        }
        Ok(LiveRole::Replica { .. } | LiveRole::Primary { .. } | LiveRole::Sentinel) => {
            Err(Failure::none(failed))
        }
        Err(why) => Err(Failure::unknown(format!(
            "{failed}; and looking again: {why}"
        ))),
    }
}

/// A replica becomes the primary after `from` was demoted. Its last offset as a replica must be
/// exactly the last offset of `from`; else it is put back before it has taken a write.
pub async fn take_over(
    connections: &Connections,
    node: &NodeName,
    from: &NodeName,
    hold_ms: Option<u64>,
) -> Acted {
    let conn = connections.get(node).await?;
    // An earlier run demoted `from` and sent this promotion, and its result was checked before this
    // run. So the run can only go forward.
    let Some(last) = connections.demoted(from) else {
        return promote(connections, node).await;
    };
    let done = change(&conn, &NO_ONE, hold_ms, FENCED).await;
    let acted = match done {
        Ok(changed) => compared(&conn, from, last, changed).await,
        Err(t) if !t.may_be_executed() => Err(Failure::none(t.detail)),
        Err(t) => return in_doubt(connections, node, from, last, &conn, t).await,
    };
    if hold_ms.is_some() {
        // The pause would end by itself, but writers would wait until then.
        let _ = conn.call(cmd("CLIENT").arg("UNPAUSE"), FENCED).await;
    }
    acted
}

/// The result of a promotion, by the answers around it.
async fn compared(conn: &Conn, from: &NodeName, last: u64, changed: Changed) -> Acted {
    let LiveRole::Primary { offset } = changed.after else {
        let now = in_words(&changed.after);
        return Err(Failure::unknown(format!("it said yes and is {now}")));
    };
    let LiveRole::Replica { upstream, .. } = changed.before else {
        return by_another(conn, from, last).await;
    };
    if offset == last {
        return Ok(primary(offset, last));
    }
    let port = upstream.port.to_string();
    put_back(conn, &[&upstream.host, &port], unequal(offset, last, from)).await
}

/// The node was a primary already. If it became one at the last offset of the old primary, it has
/// every byte, whoever promoted it.
async fn by_another(conn: &Conn, from: &NodeName, last: u64) -> Acted {
    let now = look(conn, FENCED).await;
    let now = now.map_err(|t| Failure::none(t.detail))?;
    match now.replication.second_offset {
        Some(second) if second == last + 1 => Ok(primary(last, last)),
        Some(_) | None => Err(Failure::none(format!(
            "{}, at another offset than {last}, where `{from}` ended",
            made_primary()
        ))),
    }
}

/// The answer to a promotion was lost. The offset at which it began as a primary tells whether it
/// had everything.
async fn in_doubt(
    connections: &Connections,
    node: &NodeName,
    from: &NodeName,
    last: u64,
    conn: &Conn,
    trouble: Trouble,
) -> Acted {
    match settle(connections, node, conn.client_id()).await {
        Ok(LiveRole::Primary { .. }) => {
            let conn = connections.get(node).await?;
            let _ = conn.call(cmd("CLIENT").arg("UNPAUSE"), FENCED).await;
            let now = look(&conn, REPLY).await;
            let begun = now.ok().and_then(|s| s.replication.second_offset);
            match begun.map(|second| second.saturating_sub(1)) {
                Some(offset) if offset == last => Ok(primary(offset, last)),
                Some(offset) => Err(Failure::unknown(unequal(offset, last, from))),
                None => Err(Failure::unknown(
                    "it is a primary, and the offset at which it became one is not known",
                )),
            }
        }
        Ok(LiveRole::Replica { .. } | LiveRole::Sentinel) => Err(Failure::none(trouble.detail)),
        Err(why) => Err(Failure::unknown(format!(
            "{}; and looking again: {why}. It may become primary when it answers again",
            trouble.detail
        ))),
    }
}

/// The old primary becomes the primary again, unless one of `others` is one by now. Nodes that do
/// not answer were replicas right before the fence.
pub async fn restore_primary(
    connections: &Connections,
    node: &NodeName,
    others: &[NodeName],
) -> Acted {
    let conn = connections.get(node).await?;
    if let Ok(LiveRole::Primary { .. }) = role_of(&conn, FENCED).await {
        return Ok(seen("it is the primary still"));
    }
    if let Some(other) = primary_among(connections, others).await {
        return Err(Failure::none(format!(
            "`{other}` is a primary now, so this node is not made a second one"
        )));
    }
    promote(connections, node).await
}

/// The first of these nodes that is a primary now.
pub async fn primary_among(connections: &Connections, nodes: &[NodeName]) -> Option<NodeName> {
    let looks = nodes.iter().map(|node| {
        let conn = async move { connections.get(node).await.ok() };
        is_primary_now(node, conn, FENCED)
    });
    join_all(looks).await.into_iter().flatten().next()
}

/// The same inside a fence. It opens no new connection, because writers would wait for a node that
/// is gone.
pub async fn primary_of(
    connections: &Connections,
    nodes: &[NodeName],
    within: Duration,
) -> Option<NodeName> {
    let looks = nodes.iter().map(|node| {
        let conn = std::future::ready(connections.kept(node));
        is_primary_now(node, conn, within)
    });
    join_all(looks).await.into_iter().flatten().next()
}

async fn is_primary_now(
    node: &NodeName,
    conn: impl Future<Output = Option<Arc<Conn>>>,
    within: Duration,
) -> Option<NodeName> {
    let role = tokio::time::timeout(within, async {
        let conn = conn.await?;
        role_of(&conn, within).await.ok()
    });
    let role = role.await.ok().flatten();
    matches!(role, Some(LiveRole::Primary { .. })).then(|| node.clone())
}

/// `REPLICAOF NO ONE`. A lost answer is no failure and no success: the connection is killed, so
/// that the sent command can no longer run. Only then the role is read over another connection.
pub async fn promote(connections: &Connections, node: &NodeName) -> Acted {
    let conn = connections.get(node).await?;
    let failed = match change(&conn, &NO_ONE, None, FENCED).await {
        Ok(Changed {
            after: LiveRole::Primary { offset },
            ..
        }) => return Ok(is_primary(offset)),
        Ok(_) => "it said yes and is still a replica".to_owned(),
        Err(t) if !t.may_be_executed() => return Err(Failure::none(t.detail)),
        Err(t) => t.detail,
    };
    match settle(connections, node, conn.client_id()).await {
        Ok(LiveRole::Primary { offset }) => Ok(is_primary(offset)),
        Ok(LiveRole::Replica { .. } | LiveRole::Sentinel) => Err(Failure::none(failed)),
        Err(why) => Err(Failure::unknown(format!(
            "{failed}; and looking again: {why}. It may become primary when it answers again"
        ))),
    }
}

/// Takes back a change that met an unexpected role. It says "put back" only if that was seen.
async fn put_back(conn: &Conn, command: &[&str], why: String) -> Acted {
    let back = change(conn, command, None, FENCED).await;
    let wanted_primary = command == NO_ONE;
    match back {
        Ok(changed) if matches!(changed.after, LiveRole::Primary { .. }) == wanted_primary => {
            Err(Failure::none(format!("{why}; its role was put back")))
        }
        Ok(changed) => Err(Failure::unknown(format!(
            "{why}; it could not be put back: it is {}",
            in_words(&changed.after)
        ))),
        Err(trouble) => Err(Failure::unknown(format!(
            "{why}; and putting it back failed: {}",
            trouble.detail
        ))),
    }
}

fn made_primary() -> String {
    "it is a primary now: somebody else has made it one".to_owned()
}

fn unequal(offset: u64, last: u64, from: &NodeName) -> String {
    if offset > last {
        format!(
            "it has bytes that `{from}` never sent: it is at offset {offset}, and `{from}` ended at {last}"
        )
    } else {
        format!("it lacks bytes: it is at offset {offset}, and `{from}` ended at {last}")
    }
}

/// `a replica of 10.0.0.1:6379`.
pub(super) fn in_words(role: &LiveRole) -> String {
    match role {
        LiveRole::Primary { .. } => "a primary".to_owned(),
        LiveRole::Replica { upstream, .. } => format!("a replica of {upstream}"),
        LiveRole::Sentinel => "a Sentinel".to_owned(),
    }
}

fn is_primary(offset: u64) -> Evidence {
    Evidence {
        text: "it is a primary".to_owned(),
        offset: Some(offset),
        ..Evidence::default()
    }
}

fn primary(offset: u64, last: u64) -> Evidence {
    Evidence {
        wanted: Some(last),
        ..is_primary(offset)
    }
}

/// Kills the connection `client_id`, so that nothing sent over it can run any more, and says what
/// the server is then.
///
/// A Sentinel that changes a role closes the connections of all clients of that server, also the
/// one that asks here. Several Sentinels may do so one after the other. So a failure that comes at
/// once, and a connection that is closed at any time, are followed by another try.
pub async fn settle(
    connections: &Connections,
    node: &NodeName,
    client_id: Option<u64>,
) -> Result<LiveRole, String> {
    let Some(id) = client_id else {
        return Err("the connection's id is not known, so it cannot be killed".to_owned());
    };
    for pause in TRY_AGAIN_AFTER {
        let begun = Instant::now();
        match settle_once(connections, node, id).await {
            Ok(role) => return Ok(role),
            Err(why) if why != hung_up().detail && begun.elapsed() >= AT_ONCE => return Err(why),
            Err(_) => tokio::time::sleep(pause).await,
        }
    }
    settle_once(connections, node, id).await
}

async fn settle_once(
    connections: &Connections,
    node: &NodeName,
    id: u64,
) -> Result<LiveRole, String> {
    let fresh = connections.renew(node).await.map_err(|f| f.why)?;
    let mut kill = cmd("CLIENT");
    kill.arg("KILL").arg("ID").arg(id);
    fresh.call(&kill, REPLY).await.map_err(|t| t.detail)?;
    role_of(&fresh, REPLY).await.map_err(|t| t.detail)
}

/// `ROLE`: the shortest answer to what a server is.
pub(super) async fn role_of(conn: &Conn, within: Duration) -> Result<LiveRole, Trouble> {
    let reply = conn.call(&cmd("ROLE"), within).await?;
    role::parse(&reply).ok_or_else(|| Trouble {
        kind: TroubleKind::NotRedis,
        detail: "its answer to ROLE cannot be read".to_owned(),
    })
}

#[cfg(test)]
mod tests;
