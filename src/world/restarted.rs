//! What a server is asked around its restart: its keys are counted, it saves and ends, and later it
//! is seen to have what it had and to run as it ran.

use super::connections::Connections;
use super::replication::{Acted, ask, seen};
use super::resp::{Conn, REPLY};
use crate::actions::server::ServerAction;
use crate::config::directives::{quote, split};
use crate::engine::execute::Failure;
use crate::engine::journal::Seen;
use crate::findings::drift::same;
use crate::topology::{NodeName, TroubleKind};
use redis::{Value, cmd};
use std::time::{Duration, Instant};

/// The keys of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keys {
    /// All of them.
    pub all: u64,
    /// Those that have a time to live.
    pub mortal: u64,
}

/// Does one of the steps around a restart.
pub async fn act(connections: &Connections, node: &NodeName, action: &ServerAction) -> Acted {
    match action {
        ServerAction::ShutDown {
            within_ms,
            counting_ms,
        } => {
            let ended = shut_down(connections, node, *within_ms, *counting_ms).await;
            connections.forget_one(node);
            ended
        }
        ServerAction::CompareKeys => compare_keys(connections, node).await,
        ServerAction::SeeSettings { settings } => see_settings(connections, node, settings).await,
        ServerAction::PauseWrites { .. }
        | ServerAction::ResumeWrites
        | ServerAction::RequireReplicas { .. }
        | ServerAction::AwaitNear { .. }
        | ServerAction::AwaitCaughtUp { .. }
        | ServerAction::DrainOthers { .. }
        | ServerAction::CheckMostAdvanced { .. }
        | ServerAction::AwaitInSync { .. }
        | ServerAction::AwaitQuiet { .. }
        | ServerAction::AwaitAnswer { .. }
        | ServerAction::AwaitUnlisted { .. }
        | ServerAction::CountClients
        | ServerAction::KickClients
        | ServerAction::PersistRole
        | ServerAction::SetDirective { .. }
        | ServerAction::SetReplicaAuth
        | ServerAction::ProveWrite { .. } => Ok(Seen::default()),
    }
}

/// `SHUTDOWN SAVE`. The server that does it closes the connection without a word; one that cannot
/// save says so and goes on. Whether its process is gone, its host has to say.
///
/// `counting_ms`: writes are paused and its keys are counted first. The pause ends with it, or by
/// itself.
async fn shut_down(
    connections: &Connections,
    node: &NodeName,
    within_ms: u64,
    counting_ms: Option<u64>,
) -> Acted {
    let conn = connections.fresh(node).await?;
    if let Some(ms) = counting_ms {
        ask(&conn, cmd("CLIENT").arg("PAUSE").arg(ms).arg("WRITE")).await?;
        connections.keep_keys(node, keys(&conn).await?);
    }
    let ended = end(&conn, within_ms).await;
    if ended.is_err() && counting_ms.is_some() {
        let _ = conn.call(cmd("CLIENT").arg("UNPAUSE"), REPLY).await;
    }
    ended
}

async fn end(conn: &Conn, within_ms: u64) -> Acted {
    let (begun, within) = (Instant::now(), Duration::from_millis(within_ms));
    let mut question = redis::pipe();
    question.cmd("SHUTDOWN").arg("SAVE");
    match conn.exchange(&question, within).await {
        Ok(replies) => {
            let said = replies.into_iter().next();
            let why = match said {
                Some(Value::ServerError(error)) => {
                    let details = error.details().unwrap_or_default();
                    format!("{} {details}", error.code())
                }
                Some(_) | None => "it gave an answer and did not end".to_owned(),
            };
            Err(Failure::none(format!("it goes on: {}", why.trim())))
        }
        Err(trouble) if trouble.kind == TroubleKind::Frozen => Err(Failure::unknown(format!(
            "it has not ended after {} s",
            within.as_secs()
        ))),
        Err(_) => {
            let took = begun.elapsed().as_secs_f64();
            Ok(seen(format!("it closed the connection after {took:.1} s")))
        }
    }
}

/// Compares them with what was kept: a server that starts drops those that have expired.
async fn compare_keys(connections: &Connections, node: &NodeName) -> Acted {
    let now = keys(&*connections.get(node).await?).await?;
    let Some(before) = connections.keys_before(node) else {
        return Ok(seen(format!("{} keys", now.all)));
    };
    if now.all > before.all || now.all < before.all.saturating_sub(before.mortal) {
        return Err(Failure::none(format!(
            "it has {} keys, and had {} before",
            now.all, before.all
        )));
    }
    Ok(seen(format!("{} keys, {} before", now.all, before.all)))
}

async fn keys(conn: &Conn) -> Result<Keys, Failure> {
    let reply = ask(conn, cmd("INFO").arg("keyspace")).await?;
    let Value::BulkString(bytes) = &reply else {
        return Err(Failure::none(
            "its keys cannot be counted: INFO was not understood",
        ));
    };
    Ok(read(&String::from_utf8_lossy(bytes)))
}

/// `db0:keys=3,expires=1,avg_ttl=0`.
fn read(info: &str) -> Keys {
    let mut keys = Keys::default();
    let databases = info.lines().filter(|line| line.starts_with("db"));
    for line in databases {
        let fields = line.split_once(':').map_or("", |(_, fields)| fields);
        for field in fields.trim().split(',') {
            let Some((name, number)) = field.split_once('=') else {
                continue;
            };
            let number: u64 = number.parse().unwrap_or(0);
            match name {
                "keys" => keys.all = keys.all.saturating_add(number),
                "expires" => keys.mortal = keys.mortal.saturating_add(number),
                _ => {}
            }
        }
    }
    keys
}

/// Sees that it runs with these settings.
async fn see_settings(
    connections: &Connections,
    node: &NodeName,
    settings: &[(String, String)],
) -> Acted {
    let conn = connections.get(node).await?;
    let mut questions = redis::pipe();
    for (name, _) in settings {
        questions.cmd("CONFIG").arg("GET").arg(name);
    }
    let replies = conn.exchange(&questions, REPLY).await;
    let replies = replies.map_err(|trouble| Failure::none(trouble.detail))?;
    let mut other = Vec::new();
    for ((name, wanted), reply) in settings.iter().zip(&replies) {
        let words = split(wanted).unwrap_or_else(|| vec![wanted.clone()]);
        match value(reply) {
            Some(live) if same(name, &live, &words) => {}
            Some(live) => other.push(format!("`{name} {}`, not `{wanted}`", quote(&live))),
            None => other.push(format!("no `{name}`")),
        }
    }
    if other.is_empty() {
        let n = settings.len();
        return Ok(seen(format!("{n} of {n} are as before")));
    }
    Err(Failure::none(format!("it runs with {}", other.join("; "))))
}

/// The value of `[name, value]`, or of a map of one.
fn value(reply: &Value) -> Option<String> {
    let text = |value: &Value| {
        if let Value::BulkString(bytes) = value {
            return Some(String::from_utf8_lossy(bytes).into_owned());
        }
        let Value::SimpleString(text) = value else {
            return None;
        };
        Some(text.clone())
    };
    if let Value::Array(parts) = reply {
        return text(parts.get(1)?);
    }
    let Value::Map(pairs) = reply else {
        return None;
    };
    text(&pairs.first()?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_all_databases_are_counted() {
        let info = "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb12:keys=4,expires=4,avg_ttl=9,subexpiry=0\r\nother:1\r\n";
        assert_eq!(read(info), Keys { all: 7, mortal: 5 });
        assert_eq!(read("db0:keys=x"), Keys::default());
    }
}
