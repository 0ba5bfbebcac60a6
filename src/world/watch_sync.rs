//! Waiting until a replica is in sync, and telling a partial resync from a full one.

use super::replication::{Acted, CALM, bytes, look, upstream};
use super::resp::{Conn, REPLY};
use crate::engine::execute::Failure;
use crate::engine::journal::{Resync, Seen};
use crate::topology::{Link, NodeName, Server, SyncProgress};
use std::time::{Duration, Instant};

/// How long a resync that makes progress is waited for at most.
const LONGEST: Duration = Duration::from_hours(1);

/// More full resyncs in one wait than this are a loop: the replica cannot read what it is sent, or
/// its upstream cuts it off.
const MOST_SYNCS: u32 = 3;

/// A copy whose sender has said nothing for so many seconds does not come on.
const SILENT: u64 = 5;

/// What a node was before it was told to follow another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    replid: String,
    offset: u64,
}

impl Before {
    /// Of a server as it is now.
    pub fn of(server: &Server) -> Self {
        Self {
            replid: server.replication.replid.clone(),
            offset: bytes(server),
        }
    }

    /// How it got from there to where it is now. After a full resync the history is another, or the
    /// backlog begins anew behind the data.
    pub fn to(&self, now: &Server) -> Resync {
        let r = &now.replication;
        let same = r.replid == self.replid || r.replid2.as_deref() == Some(self.replid.as_str());
        let anew = r
            .backlog
            .is_some_and(|b| b.first > self.offset + 1 && b.held < b.size);
        if same && !anew {
            Resync::Partial
        } else {
            Resync::Full
        }
    }
}

/// Waits until the link is up and the node has what its upstream had when the link was seen to be
/// up. While a resync makes progress it is waited for; without any progress for `within_ms` it has
/// failed.
pub async fn await_in_sync(
    conn: &Conn,
    with: &Conn,
    with_name: &NodeName,
    is_with: impl Fn(&crate::topology::Address) -> bool,
    within_ms: u64,
    before: Option<Before>,
) -> Acted {
    let begun = Instant::now();
    let patience = Duration::from_millis(within_ms);
    let mut progress = (None, None);
    let mut moved = begun;
    let mut wanted = None;
    let mut syncing = false;
    let mut syncs = 0;
    let mut last = "it has not connected yet".to_owned();
    loop {
        match look(conn, REPLY).await {
            Ok(server) => {
                let Some(up) = upstream(&server) else {
                    return Err(Failure::none("it is a primary"));
                };
                if !is_with(&up.address) {
                    return Err(Failure::none(format!(
                        "it follows {} instead of `{with_name}`",
                        up.address
                    )));
                }
                // With the upstream unheard its own PINGs would count as progress, without an end.
                let offset = wanted.map(|_| up.offset);
                let step = (offset, up.sync.and_then(|s| s.read));
                if step != progress {
                    progress = step;
                    moved = Instant::now();
                }
                syncs += u32::from(up.sync.is_some() && !syncing);
                syncing = up.sync.is_some();
                if syncs > MOST_SYNCS {
                    return Err(Failure::none(
                        "its full resync fails and starts again, time after time",
                    ));
                }
                // Before the first byte its upstream makes the dump, and nothing is seen to move;
                // but the upstream sends a sign of life every second, unless it cannot be reached.
                let heard = |sync: SyncProgress| sync.idle_seconds.is_none_or(|s| s < SILENT);
                if up.sync.is_some_and(heard) {
                    moved = Instant::now();
                }
                if up.link == Link::Up && up.sync.is_none() {
                    let mut unheard = None;
                    if wanted.is_none() {
                        match look(with, REPLY).await {
                            Ok(server) => wanted = Some(server.replication.offset),
                            Err(trouble) => unheard = Some(trouble.detail),
                        }
                    }
                    if let Some(wanted) = wanted.filter(|w| up.offset >= *w) {
                        let resync = before.map(|b| b.to(&server));
                        return Ok(Seen {
                            text: format!("offset {}", up.offset),
                            wanted: Some(wanted),
                            offset: Some(up.offset),
                            resync,
                            ..Seen::default()
                        });
                    }
                    last = match unheard {
                        Some(why) => format!("`{with_name}` cannot be asked: {why}"),
                        None => format!("it has {} of {} bytes", up.offset, wanted.unwrap_or(0)),
                    };
                } else if up.sync.is_some() {
                    "a full resync is running".clone_into(&mut last);
                } else {
                    last = format!("its link to {} is down", up.address);
                }
            }
            Err(trouble) => last = trouble.detail,
        }
        if moved.elapsed() >= patience || begun.elapsed() >= LONGEST {
            return Err(Failure::none(format!(
                "not in sync with `{with_name}` after {} s: {last}",
                begun.elapsed().as_secs()
            )));
        }
        tokio::time::sleep(if begun.elapsed() < Duration::from_secs(1) {
            CALM / 10
        } else {
            CALM
        })
        .await;
    }
}
