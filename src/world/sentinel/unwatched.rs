//! Waits until Sentinels have left a node. It changes nothing.

use crate::engine::execute::Failure;
use crate::topology::NodeName;
use crate::world::connections::Connections;
use crate::world::observe::{SENTINELS, second_number};
use crate::world::replication::{Acted, seen};
use crate::world::resp::REPLY;
use redis::cmd;
use std::time::{Duration, Instant};

/// Pause between looks.
const CALM: Duration = Duration::from_millis(100);

/// Waits until Sentinels have left a node.
pub(super) async fn await_unwatched(
    connections: &Connections,
    node: &NodeName,
    at_most: u64,
    within_ms: u64,
) -> Acted {
    let end = Instant::now() + Duration::from_millis(within_ms);
    loop {
        let conn = connections.get(node).await?;
        let mut ask = cmd("PUBSUB");
        ask.arg("NUMSUB").arg(SENTINELS);
        let said = conn.call(&ask, REPLY).await;
        let said = said.map_err(|t| Failure::none(t.detail))?;
        let count = second_number(&said).unwrap_or(0);
        if count <= at_most {
            return Ok(seen(format!("{count} Sentinels listen")));
        }
        if Instant::now() >= end {
            return Err(Failure::none(format!(
                "after {} s {count} Sentinels still listen",
                within_ms / 1000
            )));
        }
        tokio::time::sleep(CALM).await;
    }
}
