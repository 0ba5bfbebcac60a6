//! Checks that every node still has the role on which a plan is based. It changes nothing.

use super::connections::Connections;
use super::replication::{Acted, seen};
use super::resp::REPLY;
use super::role::LiveRole;
use super::role_change::{in_words, role_of};
use crate::actions::role::{NodeRole, Was};
use crate::engine::execute::Failure;
use futures::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// How long a node that did not answer during planning has to show that it is back. All nodes are
/// asked at the same time, so dead nodes cost this time only once.
const BACK: Duration = Duration::from_millis(250);

/// Asks every node for its role.
///
/// # Errors
/// The roles that differ now. In that case, nothing was changed.
pub(super) async fn check_roles(connections: &Connections, roles: &[NodeRole]) -> Acted {
    let looks = roles.iter().cloned().map(|role| async move {
        let within = if role.was == Was::Silent { BACK } else { REPLY };
        let now = timeout(within, async {
            let conn = connections.get(&role.node).await.ok()?;
            role_of(&conn, within).await.ok()
        });
        let now = now.await.ok().flatten();
        (role, now)
    });
    let looked: Vec<_> = futures::stream::iter(looks)
        .buffered(connections.concurrency)
        .collect()
        .await;
    let changed: Vec<String> = looked
        .iter()
        .filter_map(|(role, now)| difference(role, now.as_ref()))
        .collect();
    if !changed.is_empty() {
        return Err(Failure::none(format!(
            "{}: somebody else has changed it since the plan was made",
            changed.join("; ")
        )));
    }
    let answered = looked.iter().filter(|(_, now)| now.is_some()).count();
    let s = if answered == 1 {
        " has its role"
    } else {
        "s have their roles"
    };
    Ok(seen(format!("{answered} node{s} still")))
}

/// The difference, in a phrase. A node that no longer answers has not changed its role. A step that
/// needs the node finds that out.
fn difference(role: &NodeRole, now: Option<&LiveRole>) -> Option<String> {
    let now = now?;
    let same = match (&role.was, now) {
        (Was::Primary, LiveRole::Primary { .. }) => true,
        (Was::ReplicaOf(was), LiveRole::Replica { upstream, .. }) => was == upstream,
        // If it is back as a replica, it does no harm.
        (Was::Silent, now) => !matches!(now, LiveRole::Primary { .. }),
        (Was::Primary | Was::ReplicaOf(_), _) => false,
    };
    let was = match &role.was {
        Was::Primary => "was a primary".to_owned(),
        Was::ReplicaOf(address) => format!("was a replica of {address}"),
        Was::Silent => "did not answer".to_owned(),
    };
    (!same).then(|| format!("`{}` {was} and is {} now", role.node, in_words(now)))
}
