//! Checks that a restarted server has the same settings as before.

use crate::config::directives::{quote, split};
use crate::engine::execute::Failure;
use crate::findings::drift::same;
use crate::topology::NodeName;
use crate::world::connections::Connections;
use crate::world::replication::{Acted, seen};
use crate::world::resp::{Conn, REPLY};
use redis::Value;

/// Checks that it runs with these settings.
pub(super) async fn see_settings(
    connections: &Connections,
    node: &NodeName,
    settings: &[(String, String)],
) -> Acted {
    let conn = connections.get(node).await?;
    let other = others(settings, &replies(&conn, settings).await?);
    if other.is_empty() {
        let n = settings.len();
        return Ok(seen(format!("{n} of {n} are as before")));
    }
    Err(Failure::none(format!("it runs with {}", other.join("; "))))
}

/// Checks that a server that is about to be ended still has the settings of the plan.
pub(super) async fn unchanged(conn: &Conn, settings: &[(String, String)]) -> Result<(), Failure> {
    if !settings.iter().any(|(name, _)| name == "dir") {
        return Err(Failure::none(
            "the plan does not say where its data is: it was not stopped",
        ));
    }
    let other = others(settings, &replies(conn, settings).await?);
    if other.is_empty() {
        return Ok(());
    }
    Err(Failure::none(format!(
        "its settings have changed since the plan was made: it now runs with {}; it was not stopped",
        other.join("; ")
    )))
}

async fn replies(conn: &Conn, settings: &[(String, String)]) -> Result<Vec<Value>, Failure> {
    let mut questions = redis::pipe();
    for (name, _) in settings {
        questions.cmd("CONFIG").arg("GET").arg(name);
    }
    let replies = conn.exchange(&questions, REPLY).await;
    replies.map_err(|trouble| Failure::none(trouble.detail))
}

/// The settings that are not as wanted.
fn others(settings: &[(String, String)], replies: &[Value]) -> Vec<String> {
    let mut other = Vec::new();
    let missing = std::iter::repeat(&Value::Nil);
    for ((name, wanted), reply) in settings.iter().zip(replies.iter().chain(missing)) {
        let words = split(wanted).unwrap_or_else(|| vec![wanted.clone()]);
        match value(reply) {
            Some(live) if live == *wanted || same(name, &live, &words) => {}
            Some(live) => other.push(format!("`{name} {}`, not `{wanted}`", quote(&live))),
            None => other.push(format!("no `{name}`")),
        }
    }
    other
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_changed_since_the_plan_is_named() {
        let plan = [("dir", "/data"), ("appendonly", "yes"), ("save", "3600 1")];
        let plan = plan.map(|(n, v)| (n.to_owned(), v.to_owned()));
        let reply = |name: &str, value: &str| {
            let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
            Value::Array(vec![text(name), text(value)])
        };
        let same = [
            reply("dir", "/data"),
            reply("appendonly", "yes"),
            reply("save", "3600 1"),
        ];
        assert_eq!(others(&plan, &same), [""; 0]);
        let changed = [reply("dir", "/other"), reply("appendonly", "no")];
        assert_eq!(
            others(&plan, &changed),
            [
                "`dir /other`, not `/data`",
                "`appendonly no`, not `yes`",
                "no `save`"
            ]
        );
    }
}
