//! `CONFIG SET` of one directive of a plan. It may be sent twice, so a connection that was closed
//! meanwhile is no reason to leave it undone.

use super::connections::Connections;
use super::replication::{self as r, Acted};
use super::resp::{Conn, REPLY};
use crate::engine::execute::Failure;
use crate::topology::NodeName;
use redis::cmd;

/// Sets it; where that fails, once more over a new connection. A number is read back.
pub(super) async fn set_directive(
    connections: &Connections,
    node: &NodeName,
    name: &str,
    value: &str,
) -> Acted {
    let first = match connections.get(node).await {
        Ok(conn) => set(&conn, name, value).await,
        Err(failure) => Err(failure),
    };
    let Err(_) = first else {
        return first;
    };
    set(&*connections.renew(node).await?, name, value).await
}

async fn set(conn: &Conn, name: &str, value: &str) -> Acted {
    let done = r::set_directive(conn, name, value).await?;
    let Ok(wanted) = value.parse::<u64>() else {
        return Ok(done);
    };
    let mut question = cmd("CONFIG");
    question.arg("GET").arg(name);
    let unread =
        |why: String| Failure::unknown(format!("{name} was set, and not read back: {why}"));
    let reply = conn.call(&question, REPLY).await;
    let reply = reply.map_err(|t| unread(t.detail))?;
    let said: Vec<String> = redis::from_redis_value(reply).map_err(|e| unread(e.to_string()))?;
    match said.get(1) {
        Some(now) if now.parse() == Ok(wanted) => Ok(done),
        Some(now) => Err(Failure::unknown(format!("{name} is {now}, not {value}"))),
        None => Err(unread("the server does not tell it".to_owned())),
    }
}
