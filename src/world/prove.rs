//! Proofs that need no trust in any state field: an answer, and a write that is read again.

use super::connections::Connections;
use super::replication::{Acted, CALM, ask, look, seen};
use super::resp::{Conn, REPLY};
use crate::engine::execute::Failure;
use crate::topology::NodeName;
use redis::{Value, cmd};
use std::time::{Duration, Instant};

/// How long a probe may take to reach the replicas.
const PROBE: Duration = Duration::from_secs(10);
/// The probe is gone after this many milliseconds even if it cannot be removed.
const PROBE_LIFE_MS: u64 = 60_000;

/// Waits until a server answers. While it loads its data it answers, too.
pub async fn answer(connections: &Connections, node: &NodeName, within_ms: u64) -> Acted {
    let begun = Instant::now();
    loop {
        let why = match connections.renew(node).await {
            Ok(conn) => match look(&conn, REPLY).await {
                Ok(server) => return Ok(seen(format!("history {}", server.replication.replid))),
                Err(trouble) => trouble.detail,
            },
            Err(failure) => failure.why,
        };
        if begun.elapsed() >= Duration::from_millis(within_ms) {
            return Err(Failure::none(format!(
                "it does not answer after {} s: {why}",
                within_ms / 1000
            )));
        }
        tokio::time::sleep(CALM).await;
    }
}

/// Writes a key on `node`, sees it on every replica, sees writes refused there, and removes it.
pub async fn write(connections: &Connections, node: &NodeName, replicas: &[NodeName]) -> Acted {
    let conn = connections.get(node).await?;
    let value = format!("{:?}", std::time::SystemTime::now());
    let key = format!("replctl:probe:{}", std::process::id());
    let mut set = cmd("SET");
    set.arg(&key).arg(&value).arg("PX").arg(PROBE_LIFE_MS);
    let begun = Instant::now();
    ask(&conn, &set).await?;
    let waits = replicas
        .iter()
        .map(|replica| arrived(connections, replica, &key, &value));
    let failures: Vec<String> = futures::future::join_all(waits)
        .await
        .into_iter()
        .filter_map(|r| r.err().map(|f: Failure| f.why))
        .collect();
    let took = begun.elapsed();
    let removed = ask(&conn, cmd("DEL").arg(&key)).await;
    if !failures.is_empty() {
        return Err(Failure::none(failures.join("; ")));
    }
    removed?;
    Ok(seen(format!(
        "a write was read on {} replica{} after {:.1} ms",
        replicas.len(),
        if replicas.len() == 1 { "" } else { "s" },
        took.as_secs_f64() * 1e3
    )))
}

async fn arrived(
    connections: &Connections,
    replica: &NodeName,
    key: &str,
    value: &str,
) -> Result<(), Failure> {
    let conn = connections.get(replica).await?;
    let begun = Instant::now();
    loop {
        let reply = ask(&conn, cmd("GET").arg(key))
            .await
            .map_err(|f| Failure::none(format!("`{replica}`: {}", f.why)))?;
        if matches!(&reply, Value::BulkString(bytes) if bytes == value.as_bytes()) {
            break;
        }
        if begun.elapsed() >= PROBE {
            return Err(Failure::none(format!(
                "`{replica}` did not get a write within {} s",
                PROBE.as_secs()
            )));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    refuses(&conn, replica, key).await
}

/// A replica that takes writes is no copy.
async fn refuses(conn: &Conn, replica: &NodeName, key: &str) -> Result<(), Failure> {
    let mut set = cmd("SET");
    set.arg(key).arg("x").arg("PX").arg(1);
    match conn.call(&set, REPLY).await {
        Err(trouble) if trouble.detail.contains("READONLY") => Ok(()),
        Err(trouble) => Err(Failure::none(format!("`{replica}`: {}", trouble.detail))),
        Ok(_) => Err(Failure::none(format!(
            "`{replica}` takes writes although it is a replica (replica-read-only no)"
        ))),
    }
}
