//! Measures how many seconds replicas are behind: takes the primary's offset and waits until each
//! replica has applied it. Writes nothing.

use super::login::ServerLogin;
use super::observe::{Reach, connect, replication};
use super::resp::Conn;
use crate::inventory::{Inventory, NodeSpec};
use crate::topology::lag::{Lag, Lags};
use crate::topology::lineage::position;
use crate::topology::{Node, NodeName, Topology, Trouble};
use futures::StreamExt;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The longest chase.
pub const LONGEST: Duration = Duration::from_secs(2);
/// Pause between two looks at a replica.
const PAUSE: Duration = Duration::from_millis(2);

/// How long ago `primary` had produced what `replica` has just applied: 0 where nothing is written.
/// Gives up after [`LONGEST`].
///
/// # Errors
/// The reason for having no answer from one of them.
pub async fn chase(primary: &Conn, replica: &Conn) -> Result<Lag, Trouble> {
    let begin = Instant::now();
    let target = position(&replication(primary, LONGEST).await?);
    let mut first = true;
    let arrived = async {
        while position(&replication(replica, LONGEST).await?) < target {
            first = false;
            sleep(PAUSE).await;
        }
        Ok(begin.elapsed().as_secs_f64())
    };
    match timeout(LONGEST, arrived).await {
        Ok(seconds) => {
            let seconds = seconds?;
            // The replica had everything at the first look: the round trips are our time, not its
            // lag.
            Ok(Lag {
                seconds: if first { 0.0 } else { seconds },
                at_least: false,
            })
        }
        Err(_) => Ok(Lag {
            seconds: LONGEST.as_secs_f64(),
            at_least: true,
        }),
    }
}

/// Chases the offset of the primary on top of each replica's chain, all replicas side by side. One
/// that cannot be measured has no entry.
pub async fn seconds(
    topology: &Topology,
    inventory: &Inventory,
    login: Option<&ServerLogin>,
    reach: &impl Reach,
    concurrency: usize,
) -> Lags {
    let of_one_history = topology
        .nodes
        .iter()
        .filter(|node| topology.behind(node).is_some());
    let pairs: Vec<(&NodeSpec, &NodeSpec)> = of_one_history
        .filter_map(|node| {
            let top: &Node = topology.top_of(node)?;
            Some((inventory.get(&node.name)?, inventory.get(&top.name)?))
        })
        .collect();
    let mut primaries: BTreeMap<&NodeName, Conn> = BTreeMap::new();
    for (_, top) in &pairs {
        if !primaries.contains_key(&top.name)
            && let Ok(conn) = connect(reach, top, login).await
        {
            primaries.insert(&top.name, conn);
        }
    }
    let chases = pairs.iter().map(|(spec, top)| async {
        let primary = primaries.get(&top.name)?;
        let replica = connect(reach, spec, login).await.ok()?;
        Some((spec.name.clone(), chase(primary, &replica).await.ok()?))
    });
    futures::stream::iter(chases)
        .buffer_unordered(concurrency.max(1))
        .filter_map(std::future::ready)
        .collect()
        .await
}
