//! What is seen inside a fence: all nodes are asked at once, and what they say serves the steps up to the demotion.

use super::World;
use super::connections::{Look, Stopped};
use super::replication::{self as r, Acted};
use super::role_change::OTHERS;
use crate::execute::Failure;
use crate::journal::Seen;
use crate::topology::{NodeName, Role, Server};
use futures::future::join_all;
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

impl World {
    /// Stops the writes of a primary, for `ms` at most.
    pub(super) async fn pause_writes(&self, node: &NodeName, ms: u64) -> Acted {
        let conn = self.connections.get(node).await?;
        let begun = Instant::now();
        let done = r::pause_writes(&conn, ms).await;
        let stopped = done.is_ok().then(|| Stopped {
            round_trip: begun.elapsed(),
            ..Stopped::default()
        });
        self.connections.keep_stopped(stopped);
        done
    }

    /// Lets writes go on.
    pub(super) async fn resume_writes(&self, node: &NodeName) -> Acted {
        self.connections.keep_stopped(None);
        r::resume_writes(&*self.connections.get(node).await?).await
    }

    /// Gives the other replicas the time to catch up; beside it, all nodes are looked at.
    pub(super) async fn drain_others(
        &self,
        node: &NodeName,
        replicas: &[NodeName],
        within_ms: u64,
    ) -> Acted {
        let others = self.connections.several(replicas).await;
        let conn = self.connections.get(node).await?;
        let drained = r::drain_others(&conn, &others, within_ms);
        futures::future::join(drained, self.look_around()).await.0
    }

    /// Waits until `node` has what `with` has.
    pub(super) async fn await_caught_up(
        &self,
        node: &NodeName,
        with: &NodeName,
        within_ms: u64,
    ) -> Acted {
        self.look_around().await;
        let stopped = self.connections.stopped();
        if let Some(seen) = stopped.and_then(|stopped| has_all(&stopped, node, with)) {
            return Ok(seen);
        }
        let (mine, theirs) = (
            self.connections.get(node).await?,
            self.connections.get(with).await?,
        );
        r::await_caught_up(&mine, &theirs, with, within_ms).await
    }

    /// Asks all nodes with an open connection, once in a fence. One that says nothing is waited for as long as right before a demotion.
    async fn look_around(&self) {
        let Some(mut stopped) = self.connections.stopped().filter(|s| !s.looked) else {
            return;
        };
        let within = OTHERS + 2 * stopped.round_trip;
        let kept = self.connections.all_kept();
        let looks = kept.iter().map(|(node, conn)| async move {
            let look = timeout(within, r::look(conn, within)).await.ok()?.ok()?;
            Some((node.clone(), Look::of(&look)))
        });
        stopped.looks = join_all(looks).await.into_iter().flatten().collect();
        stopped.looked = true;
        self.connections.keep_stopped(Some(stopped));
    }

    /// What was seen of a replica that stood at the last offset of a demoted primary before its demotion already: its link ended with that, so it has not one
    /// byte more. `None`: it has to be asked.
    ///
    /// # Errors
    /// Somebody else was seen to be a primary meanwhile.
    pub(super) fn seen_beside_demotion(
        &self,
        node: &NodeName,
        with: &NodeName,
    ) -> Result<Option<Seen>, Failure> {
        let stopped = self.connections.stopped();
        self.connections.keep_stopped(None);
        let beside = stopped.as_ref().and_then(|s| s.beside_demotion.clone());
        let (Some(stopped), Some(others)) = (stopped, beside) else {
            return Ok(None);
        };
        if let Some(other) = others.first() {
            return Err(Failure::none(format!(
                "`{other}` is a primary now: somebody else has made it one"
            )));
        }
        let last = self.connections.demoted(with);
        let seen = has_all(&stopped, node, with);
        Ok(seen.filter(|seen| seen.offset == last && seen.wanted == last))
    }
}

/// What was seen where a replica had all that its stopped primary had.
fn has_all(stopped: &Stopped, node: &NodeName, with: &NodeName) -> Option<Seen> {
    let (mine, theirs) = (stopped.looks.get(node)?, stopped.looks.get(with)?);
    let has = theirs.primary && mine.replid == theirs.replid && mine.offset >= theirs.offset;
    has.then(|| Seen {
        text: format!(
            "offset {} of {}; 0 bytes were missing at the first of 1 looks",
            mine.offset, theirs.offset
        ),
        wanted: Some(theirs.offset),
        offset: Some(mine.offset),
        ..Seen::default()
    })
}
