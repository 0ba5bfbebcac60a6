//! What is read of a server's settings: in one question from 7.0 on, and directive by directive
//! before.

use super::super::resp::{Conn, REPLY};
use super::{second_text, text};
use crate::topology::Trouble;
use redis::Value;
use std::collections::BTreeMap;

/// What is read by `CONFIG GET`. `masterauth` is added, and never kept.
pub(super) const DIRECTIVES: [&str; 24] = [
    "maxmemory",
    "maxmemory-policy",
    "databases",
    "min-replicas-to-write",
    "min-replicas-max-lag",
    "protected-mode",
    "bind",
    "appendonly",
    "save",
    "stop-writes-on-bgsave-error",
    "logfile",
    "repl-diskless-sync",
    "repl-diskless-sync-delay",
    "repl-backlog-size",
    "repl-ping-replica-period",
    "replica-announce-ip",
    "replica-announce-port",
    "replica-read-only",
    "masteruser",
    "replica-priority",
    "port",
    "tls-port",
    "tls-replication",
    "rdb-version-check",
];
/// The directives of `[name, value, name, value, …]`; nothing where CONFIG is forbidden.
pub(super) fn all_at_once(reply: &Value) -> BTreeMap<String, String> {
    let Value::Array(parts) = reply else {
        return BTreeMap::new();
    };
    let pairs = parts.chunks_exact(2);
    let told = pairs.filter_map(|pair| Some((text(&pair[0])?, text(&pair[1])?)));
    told.filter(|(name, _)| DIRECTIVES.contains(&name.as_str()))
        .collect()
}

/// The same of servers before 7.0, which take a single pattern.
pub(super) async fn one_by_one(conn: &Conn) -> Result<BTreeMap<String, String>, Trouble> {
    let mut questions = redis::pipe();
    for directive in DIRECTIVES {
        questions.cmd("CONFIG").arg("GET").arg(directive);
    }
    let replies = conn.exchange(&questions, REPLY).await?;
    let told = DIRECTIVES.iter().zip(&replies);
    let told = told.filter_map(|(name, reply)| Some(((*name).to_owned(), second_text(reply)?)));
    Ok(told.collect())
}
