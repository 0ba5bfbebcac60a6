//! A primary becomes a replica: in a hand-over, and when an old primary returns. A node that is no
//! primary any more stays as it is.

use super::transaction::{Changed, change};
use super::{in_words, primary_of, put_back, role_of, settle};
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::topology::{Address, NodeName};
use crate::world::connections::{Connections, Look, Stopped};
use crate::world::replication::{Acted, FENCED, bytes, look, upstream};
use crate::world::resp::Conn;
use crate::world::role::LiveRole;
use std::time::Duration;

/// How long the other nodes may take, besides two round trips, to show right before a demotion that
/// none of them is a primary. Writers wait during this time.
pub const OTHERS: Duration = Duration::from_millis(20);

/// The primary becomes a replica of `address`, and its last offset is kept for
/// [`super::take_over`]. It is left as it is if it was no primary any more, or if one of `others`
/// is one by now.
pub async fn demote(
    connections: &Connections,
    node: &NodeName,
    address: &Address,
    others: &[NodeName],
) -> Acted {
    let conn = connections.get(node).await?;
    still_alone(connections, node, &conn, others).await?;
    let stopped = connections.stopped();
    let within = OTHERS + 2 * stopped.as_ref().map_or(Duration::ZERO, |s| s.round_trip);
    // At the same time as the demotion: somebody may make another node the primary now.
    let (done, other) = futures::future::join(
        to_replica(connections, node, &conn, address, FENCED),
        primary_of(connections, others, within),
    )
    .await;
    connections.keep_stopped(stopped.map(|stopped| Stopped {
        beside_demotion: Some(other.into_iter().collect()),
        ..stopped
    }));
    let last = match done? {
        Some(offset) => offset,
        None => stands_at(connections, node).await?,
    };
    connections.demoted_at(node, last);
    Ok(Evidence {
        text: format!("follows {address}; it ended at offset {last}"),
        offset: Some(last),
        ..Evidence::default()
    })
}

/// Checks that a node is still the primary, and that none of `others` is one. A look at all of them
/// since writes were stopped is enough.
async fn still_alone(
    connections: &Connections,
    node: &NodeName,
    conn: &Conn,
    others: &[NodeName],
) -> Result<(), Failure> {
    let stopped = connections.stopped().unwrap_or_default();
    let mine = stopped.looks.get(node);
    let other = if let (true, Some(Look { primary: true, .. })) = (stopped.looked, mine) {
        let primary = |other: &&NodeName| stopped.looks.get(*other).is_some_and(|l| l.primary);
        others.iter().find(primary).cloned()
    } else {
        let within = OTHERS + 2 * stopped.round_trip;
        let looks = (
            role_of(conn, FENCED),
            primary_of(connections, others, within),
        );
        let (now, other) = futures::future::join(looks.0, looks.1).await;
        let now = now.map_err(|t| Failure::none(t.detail))?;
        if !matches!(now, LiveRole::Primary { .. }) {
            return Err(Failure::none(no_primary(&now)));
        }
        other
    };
    match other {
        None => Ok(()),
        Some(other) => Err(Failure::none(format!(
            "`{other}` is a primary now: somebody else has made it one"
        ))),
    }
}

/// Makes a primary a replica of `address`. Returns its last offset as a primary, or `None` if that
/// answer was lost and the node is seen to follow.
///
/// # Errors
/// The node was no primary any more, and has its role again; or the change failed.
pub(in crate::world) async fn to_replica(
    connections: &Connections,
    node: &NodeName,
    conn: &Conn,
    address: &Address,
    within: Duration,
) -> Result<Option<u64>, Failure> {
    let port = address.port.to_string();
    let lost = match change(conn, &[&address.host, &port], None, within).await {
        Ok(Changed {
            before: LiveRole::Primary { offset },
            after: LiveRole::Replica { upstream, .. },
        }) if upstream == *address => return Ok(Some(offset)),
        Ok(Changed {
            before: LiveRole::Replica { upstream, .. },
            ..
        }) => {
            // Somebody was faster by less than a millisecond.
            let words = [upstream.host.clone(), upstream.port.to_string()];
            let words = [words[0].as_str(), words[1].as_str()];
            let why = format!("it is a replica of {upstream} now: somebody else has changed it");
            return put_back(conn, &words, why).await.map(|_| None);
        }
        Ok(changed) => {
            let now = in_words(&changed.after);
            return Err(Failure::unknown(format!(
                "it was told to follow {address} and is {now}"
            )));
        }
        Err(t) if !t.may_be_executed() => return Err(Failure::none(t.detail)),
        Err(t) => t.detail,
    };
    // Another connection shows the result, after the first can do nothing more.
    match settle(connections, node, conn.client_id()).await {
        Ok(LiveRole::Replica { upstream, .. }) if upstream == *address => Ok(None),
        Ok(LiveRole::Replica { .. } | LiveRole::Primary { .. } | LiveRole::Sentinel) => {
            Err(Failure::none(lost))
        }
        Err(why) => Err(Failure::unknown(format!(
            "{lost}; and looking again: {why}"
        ))),
    }
}

/// Where a node that was demoted stands.
async fn stands_at(connections: &Connections, node: &NodeName) -> Result<u64, Failure> {
    let conn = connections.get(node).await?;
    let now = look(&conn, FENCED).await;
    let now = now.map_err(|t| Failure::none(format!("`{node}`: {}", t.detail)))?;
    if upstream(&now).is_none() {
        return Err(Failure::none(format!("`{node}` is a primary")));
    }
    Ok(bytes(&now).max(now.replication.offset))
}

fn no_primary(now: &LiveRole) -> String {
    format!(
        "it is no primary any more, but {}: somebody else has changed it",
        in_words(now)
    )
}
