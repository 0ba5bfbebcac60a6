//! Checks that a restarted server has the same settings as before.

use crate::config::directives::{quote, split};
use crate::engine::execute::Failure;
use crate::findings::drift::same;
use crate::topology::NodeName;
use crate::world::connections::Connections;
use crate::world::replication::{Acted, seen};
use crate::world::resp::REPLY;
use redis::Value;

/// Checks that it runs with these settings.
pub(super) async fn see_settings(
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
            Some(live) if live == *wanted || same(name, &live, &words) => {}
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

/// The value in `[name, value]`, or in a map with one entry.
pub(super) fn value(reply: &Value) -> Option<String> {
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
