//! Role changes over RESP, and what is done where their answer is lost. No doubt is settled by a guess: the connection the change was sent over is
//! killed, so that it can no longer be run, and only then the server is asked what it is.

use super::connections::Connections;
use super::replication::{Acted, FENCED, doubtful, look, seen};
use super::resp::{Conn, REPLY};
use super::role::{self, LiveRole};
use super::watch_sync;
use crate::execute::Failure;
use crate::journal::Seen;
use crate::topology::{Address, NodeName, Trouble, TroubleKind};
use redis::cmd;
use std::time::Duration;

/// `REPLICAOF host port`; a lost answer is settled by looking over a new connection.
pub async fn follow(connections: &Connections, node: &NodeName, address: &Address) -> Acted {
    let conn = connections.get(node).await?;
    // Known already where it was asked before the fence: inside it, this is a round trip in which writers wait.
    if connections.before(node).is_none()
        && let Ok(before) = look(&conn, FENCED).await
    {
        connections.remember(node, watch_sync::Before::of(&before));
    }
    let mut command = cmd("REPLICAOF");
    command.arg(&address.host).arg(address.port);
    let failed = match conn.call(&command, FENCED).await {
        Ok(_) => return Ok(seen(format!("follows {address}"))),
        Err(t) if !doubtful(&t) => return Err(Failure::none(t.detail)),
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

/// `REPLICAOF NO ONE`. A lost answer is no failure and no success: the connection is killed, so that what was sent over it can no longer
/// be run, and only then the role is read over another.
pub async fn promote(connections: &Connections, node: &NodeName) -> Acted {
    let conn = connections.get(node).await?;
    let mut command = cmd("REPLICAOF");
    command.arg("NO").arg("ONE");
    let failed = match conn.call(&command, FENCED).await {
        Ok(_) => match role_of(&conn, FENCED).await {
            Ok(LiveRole::Primary { offset }) => return Ok(primary(offset)),
            Ok(LiveRole::Replica { .. } | LiveRole::Sentinel) => {
                "it said yes and is still a replica".to_owned()
            }
            Err(t) => t.detail,
        },
        Err(t) if !doubtful(&t) => return Err(Failure::none(t.detail)),
        Err(t) => t.detail,
    };
    match settle(connections, node, conn.client_id()).await {
        Ok(LiveRole::Primary { offset }) => Ok(primary(offset)),
        Ok(LiveRole::Replica { .. } | LiveRole::Sentinel) => Err(Failure::none(failed)),
        Err(why) => Err(Failure::unknown(format!(
            "{failed}; and looking again: {why}. It may become primary when it answers again"
        ))),
    }
}

fn primary(offset: u64) -> Seen {
    Seen {
        text: "it is a primary".to_owned(),
        offset: Some(offset),
        ..Seen::default()
    }
}

/// Kills the connection `client_id`, so that nothing sent over it can run any more, and says what the server is then.
pub async fn settle(
    connections: &Connections,
    node: &NodeName,
    client_id: Option<u64>,
) -> Result<LiveRole, String> {
    let fresh = connections.renew(node).await.map_err(|f| f.why)?;
    let Some(id) = client_id else {
        return Err("the connection's id is not known, so it cannot be killed".to_owned());
    };
    let mut kill = cmd("CLIENT");
    kill.arg("KILL").arg("ID").arg(id);
    fresh.call(&kill, REPLY).await.map_err(|t| t.detail)?;
    role_of(&fresh, REPLY).await.map_err(|t| t.detail)
}

/// `ROLE`: the shortest answer to what a server is.
async fn role_of(conn: &Conn, within: Duration) -> Result<LiveRole, Trouble> {
    let reply = conn.call(&cmd("ROLE"), within).await?;
    role::parse(&reply).ok_or_else(|| Trouble {
        kind: TroubleKind::NotRedis,
        detail: "its answer to ROLE cannot be read".to_owned(),
    })
}

#[cfg(test)]
mod tests;
