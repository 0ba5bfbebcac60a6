//! The look inside a fence: all nodes are asked at once, and the steps up to the demotion use their
//! answers.

use super::connections::{Connections, Look, Stopped};
use super::replication::{self as r, Acted};
use super::resp::Conn;
use super::role_change::OTHERS;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::topology::{NodeName, Role, Server};
use futures::future::join_all;
use std::sync::Arc;
use std::time::Instant;
use tokio::time::timeout;

impl Look {
    fn of(server: &Server) -> Self {
        Self {
            primary: matches!(server.replication.role, Role::Primary),
            replid: server.replication.replid.clone(),
            offset: r::bytes(server),
        }
    }
}

/// Stops the writes of a primary, for `ms` at most.
pub(super) async fn pause_writes(connections: &Connections, node: &NodeName, ms: u64) -> Acted {
    let conn = connections.get(node).await?;
    let begun = Instant::now();
    let done = r::pause_writes(&conn, ms).await;
    let stopped = done.is_ok().then(|| Stopped {
        round_trip: begun.elapsed(),
        ..Stopped::default()
    });
    connections.keep_stopped(stopped);
    done
}

/// Lets writes go on.
pub(super) async fn resume_writes(connections: &Connections, node: &NodeName) -> Acted {
    connections.keep_stopped(None);
    r::resume_writes(&*connections.get(node).await?).await
}

/// Gives the other replicas time to catch up, if they were not seen to have everything.
pub(super) async fn drain_others(
    connections: &Connections,
    node: &NodeName,
    replicas: &[NodeName],
    within_ms: u64,
) -> Acted {
    look_around(connections).await;
    let stopped = connections.stopped().unwrap_or_default();
    let late: Vec<NodeName> = replicas
        .iter()
        .filter(|replica| has_all(&stopped, replica, node).is_none())
        .cloned()
        .collect();
    let late = connections.several(&late).await;
    drain(&*connections.get(node).await?, &late, within_ms).await
}

/// Waits until `node` has what `with` has.
pub(super) async fn await_caught_up(
    connections: &Connections,
    node: &NodeName,
    with: &NodeName,
    within_ms: u64,
) -> Acted {
    look_around(connections).await;
    let stopped = connections.stopped();
    if let Some(seen) = stopped.and_then(|stopped| has_all(&stopped, node, with)) {
        return Ok(seen);
    }
    let (mine, theirs) = (connections.get(node).await?, connections.get(with).await?);
    r::await_caught_up(&mine, &theirs, with, within_ms).await
}

/// Asks all nodes with an open connection, once in a fence. The wait for a silent node is as long
/// as right before a demotion.
async fn look_around(connections: &Connections) {
    let Some(mut stopped) = connections.stopped().filter(|s| !s.looked) else {
        return;
    };
    let within = OTHERS + 2 * stopped.round_trip;
    let kept = connections.all_kept();
    let looks = kept.iter().map(|(node, conn)| async move {
        let look = timeout(within, r::look(conn, within)).await.ok()?.ok()?;
        Some((node.clone(), Look::of(&look)))
    });
    stopped.looks = join_all(looks).await.into_iter().flatten().collect();
    stopped.looked = true;
    connections.keep_stopped(Some(stopped));
}

/// The result for a replica that was at the last offset of a demoted primary already before the
/// demotion. Its link ended with the demotion, so it cannot have one byte more. `None`: it has to
/// be asked.
///
/// # Errors
/// Another node was seen to be a primary meanwhile.
pub(super) fn seen_beside_demotion(
    connections: &Connections,
    node: &NodeName,
    with: &NodeName,
) -> Result<Option<Evidence>, Failure> {
    let stopped = connections.stopped();
    connections.keep_stopped(None);
    let beside = stopped.as_ref().and_then(|s| s.beside_demotion.clone());
    let (Some(stopped), Some(others)) = (stopped, beside) else {
        return Ok(None);
    };
    if let Some(other) = others.first() {
        return Err(Failure::none(format!(
            "`{other}` is a primary now: somebody else has made it one"
        )));
    }
    let last = connections.demoted(with);
    let seen = has_all(&stopped, node, with);
    Ok(seen.filter(|seen| seen.offset == last && seen.wanted == last))
}

/// Gives the replicas the time to catch up; never a failure.
async fn drain(conn: &Conn, replicas: &[(NodeName, Arc<Conn>)], within_ms: u64) -> Acted {
    let name = NodeName::from("the old primary");
    let waits = replicas.iter().map(|(node, replica)| {
        let name = &name;
        async move {
            (
                node,
                r::await_caught_up(replica, conn, name, within_ms).await,
            )
        }
    });
    let late: Vec<String> = join_all(waits)
        .await
        .into_iter()
        .filter_map(|(node, result)| result.err().map(|f| format!("`{node}`: {}", f.why)))
        .collect();
    Ok(r::seen(if late.is_empty() {
        "all have everything".to_owned()
    } else {
        late.join("; ")
    }))
}

/// What was seen where a replica had all that its stopped primary had.
fn has_all(stopped: &Stopped, node: &NodeName, with: &NodeName) -> Option<Evidence> {
    let (mine, theirs) = (stopped.looks.get(node)?, stopped.looks.get(with)?);
    let has = theirs.primary && mine.replid == theirs.replid && mine.offset >= theirs.offset;
    has.then(|| r::caught_up(mine.offset, theirs.offset, 0, 1))
}
