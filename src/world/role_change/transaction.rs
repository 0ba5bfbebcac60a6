//! A role change in a transaction of the server: what it was, the change, and what it is then, with
//! nothing in between.

use crate::topology::{Trouble, TroubleKind};
use crate::world::resp::Conn;
use crate::world::role::{self, LiveRole};
use crate::world::unreachable::{from_redis, trouble};
use redis::{Pipeline, Value};
use std::time::Duration;

/// The answers that stand around the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world) struct Changed {
    /// What it was right before.
    pub before: LiveRole,
    /// What it is right after.
    pub after: LiveRole,
}

/// Sends `command` (the words of `REPLICAOF`) between two `ROLE`s, and waits `within` that time for
/// the answers. `hold_ms`: writes are paused first, for at most that time.
///
/// The transaction must not have INFO: servers before 6.2 then send its beginning to their
/// replicas, and never its end.
pub(in crate::world) async fn change(
    conn: &Conn,
    command: &[&str],
    hold_ms: Option<u64>,
    within: Duration,
) -> Result<Changed, Trouble> {
    let mut pipe = redis::pipe();
    pipe.cmd("MULTI");
    if let Some(ms) = hold_ms {
        pipe.cmd("CLIENT").arg("PAUSE").arg(ms).arg("WRITE");
    }
    pipe.cmd("ROLE").cmd("REPLICAOF");
    for word in command {
        pipe.arg(*word);
    }
    pipe.cmd("ROLE").cmd("EXEC");
    let answers = match transaction(conn, &pipe, within).await {
        Err(refused) if out_of_memory(&refused) => return in_one_go(conn, command, within).await,
        answers => answers?,
    };
    let mut answers = answers.into_iter();
    if hold_ms.is_some() {
        refused(answers.next())?;
    }
    let before = role_in(answers.next().as_ref())?;
    refused(answers.next())?;
    let after = role_in(answers.next().as_ref())?;
    Ok(Changed { before, after })
}

/// Servers before 6.2 queue nothing in a transaction while they have more data than `maxmemory`
/// allows. In that case, nothing was run.
fn out_of_memory(refused: &Trouble) -> bool {
    refused.detail.contains("OOM command not allowed")
}

/// The same without a transaction. A server runs commands that it reads in one go from one
/// connection with nothing in between, if they are as short as these.
async fn in_one_go(conn: &Conn, command: &[&str], within: Duration) -> Result<Changed, Trouble> {
    let mut pipe = redis::pipe();
    pipe.cmd("ROLE").cmd("REPLICAOF");
    for word in command {
        pipe.arg(*word);
    }
    pipe.cmd("ROLE");
    let mut answers = conn.exchange(&pipe, within).await?.into_iter();
    let before = role_in(answers.next().as_ref())?;
    refused(answers.next())?;
    let after = role_in(answers.next().as_ref())?;
    Ok(Changed { before, after })
}

/// The answers inside EXEC's array. A command that was not queued is the reason for the whole.
async fn transaction(
    conn: &Conn,
    pipe: &Pipeline,
    within: Duration,
) -> Result<Vec<Value>, Trouble> {
    let mut replies = conn.exchange(pipe, within).await?;
    let last = replies.pop();
    for reply in replies {
        if let Value::ServerError(error) = reply {
            return Err(from_redis(&error.into()));
        }
    }
    match last {
        Some(Value::Array(answers)) => Ok(answers),
        Some(Value::ServerError(error)) => Err(from_redis(&error.into())),
        Some(_) | None => Err(unread("EXEC")),
    }
}

fn refused(answer: Option<Value>) -> Result<(), Trouble> {
    match answer {
        Some(Value::ServerError(error)) => Err(from_redis(&error.into())),
        Some(_) => Ok(()),
        None => Err(unread("EXEC")),
    }
}

fn role_in(answer: Option<&Value>) -> Result<LiveRole, Trouble> {
    answer.and_then(role::parse).ok_or_else(|| unread("ROLE"))
}

/// There is a reply with an unknown meaning. The command may have been run, so the words do not
/// begin like a server's error. The caller then looks at the server's role.
fn unread(command: &str) -> Trouble {
    let detail = format!("its answer to {command} cannot be read");
    trouble(TroubleKind::NotRedis, detail)
}
