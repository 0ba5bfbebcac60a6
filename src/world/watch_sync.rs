//! Waiting until a replica is in sync, and telling a partial resync from a full one.

use super::replication::{Acted, CALM, bytes, look, upstream};
use super::resp::{Conn, REPLY};
use crate::engine::execute::Failure;
use crate::engine::journal::{Evidence, Resync};
use crate::topology::{Link, NodeName, Server, SyncProgress, Upstream};
use std::time::{Duration, Instant};

/// How long a resync that makes progress is waited for at most.
const LONGEST: Duration = Duration::from_hours(1);

/// More full resyncs in one wait than this are a loop: the replica cannot read the sent data, or
/// its upstream disconnects it.
const MOST_SYNCS: u32 = 3;

/// If the sender of a copy has been silent for so many seconds, the copy makes no progress.
const SILENT: u64 = 5;

/// A place in a replication history: where a node was before it followed another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPosition {
    replid: String,
    offset: u64,
}

impl StreamPosition {
    /// Of a server as it is now.
    pub fn of(server: &Server) -> Self {
        Self {
            replid: server.replication.replid.clone(),
            offset: bytes(server),
        }
    }

    /// How the node got from there to its present place. After a full resync, the history differs,
    /// or the backlog begins anew behind the data.
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
/// up. The wait goes on while a resync makes progress. Without any progress for `within_ms`, it has
/// failed.
pub async fn await_in_sync(
    conn: &Conn,
    with: &Conn,
    with_name: &NodeName,
    is_with: impl Fn(&crate::topology::Address) -> bool,
    within_ms: u64,
    before: Option<StreamPosition>,
) -> Acted {
    let begun = Instant::now();
    let patience = Duration::from_millis(within_ms);
    let mut wait = SyncWait::new(begun);
    loop {
        let last = match look(conn, REPLY).await {
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
                wait.note(up)?;
                match wait.has_all(up, with, with_name).await {
                    Ok(wanted) => {
                        return Ok(Evidence {
                            text: format!("offset {}", up.offset),
                            wanted: Some(wanted),
                            offset: Some(up.offset),
                            resync: before.map(|b| b.to(&server)),
                            ..Evidence::default()
                        });
                    }
                    Err(why) => why,
                }
            }
            Err(trouble) => trouble.detail,
        };
        if wait.moved.elapsed() >= patience || begun.elapsed() >= LONGEST {
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

/// What was seen of a replica while it is waited for.
struct SyncWait {
    /// Its offset, once it is known what is wanted, and the bytes of the copy that it has read.
    progress: (Option<u64>, Option<u64>),
    /// When it was last seen to make progress.
    moved: Instant,
    /// The offset of its upstream when the link was seen to be up.
    wanted: Option<u64>,
    /// A full resync was running at the last look.
    syncing: bool,
    /// How many have begun.
    syncs: u32,
}

impl SyncWait {
    fn new(begun: Instant) -> Self {
        Self {
            progress: (None, None),
            moved: begun,
            wanted: None,
            syncing: false,
            syncs: 0,
        }
    }

    /// Notes whether it makes progress.
    ///
    /// # Errors
    /// It begins full resyncs again and again.
    fn note(&mut self, up: &Upstream) -> Result<(), Failure> {
        // Before we have read the upstream, its PINGs would count as progress without end.
        let offset = self.wanted.map(|_| up.offset);
        let step = (offset, up.sync.and_then(|s| s.read));
        if step != self.progress {
            self.progress = step;
            self.moved = Instant::now();
        }
        self.syncs += u32::from(up.sync.is_some() && !self.syncing);
        self.syncing = up.sync.is_some();
        if self.syncs > MOST_SYNCS {
            return Err(Failure::none(
                "its full resync fails and starts again, time after time",
            ));
        }
        // Before the first byte, the upstream makes the dump, and no progress is visible. But it
        // sends a sign of life every second, unless it cannot be reached.
        let heard = |sync: SyncProgress| sync.idle_seconds.is_none_or(|s| s < SILENT);
        if up.sync.is_some_and(heard) {
            self.moved = Instant::now();
        }
        Ok(())
    }

    /// The offset that was wanted, where it has that; else what it lacks.
    async fn has_all(
        &mut self,
        up: &Upstream,
        with: &Conn,
        with_name: &NodeName,
    ) -> Result<u64, String> {
        if up.sync.is_some() {
            return Err("a full resync is running".to_owned());
        }
        if up.link != Link::Up {
            return Err(format!("its link to {} is down", up.address));
        }
        let wanted = if let Some(wanted) = self.wanted {
            wanted
        } else {
            let looked = look(with, REPLY).await;
            let upstream =
                looked.map_err(|t| format!("`{with_name}` cannot be asked: {}", t.detail))?;
            *self.wanted.insert(upstream.replication.offset)
        };
        if up.offset >= wanted {
            return Ok(wanted);
        }
        Err(format!("it has {} of {wanted} bytes", up.offset))
    }
}
