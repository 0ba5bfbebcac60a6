//! What only an old primary has: read from its own stream and compared with what the new primary
//! wrote since. It changes nothing.

use super::connections::Connections;
use super::psync;
use super::replication::look;
use super::resp::REPLY;
use super::servers::Servers;
use super::spool::Spool;
use crate::actions::rights::OF_REPLICAS;
use crate::error::{Exit, Problem, Result};
use crate::output::escape;
use crate::plan::permissions::{Lacks, allow};
use crate::rescue::lost_writes::{LostWrites, StreamEnd, StreamPiece};
use crate::rescue::split::{Judged, judge};
use crate::rescue::stream::{Tail, database_before};
use crate::topology::lineage::{can_send, fork, position};
use crate::topology::{Node, NodeName, Replication, Server, Trouble, TroubleKind};
use std::sync::Arc;

/// How far before the fork the database is looked for, bytes.
const BEFORE: u64 = 1 << 20;

/// Why the writes that only an old primary has could not be read.
#[derive(Debug)]
pub enum Unread {
    /// It cannot be known.
    Unknown(crate::error::Error),
    /// It is readable, and reading it failed.
    Failed(crate::error::Error),
}

/// Judges which of the found writes can be replayed. It computes in a thread of its own, so that a
/// task that holds a fence goes on meanwhile.
///
/// # Errors
/// What was read cannot be read again.
pub async fn judged(found: &LostWrites) -> Result<Judged> {
    let lost = found.lost.clone();
    let since = found.since.as_ref().ok().map(|heard| heard.tail.clone());
    apart(move || judge(&lost, since.as_ref()))
        .await
        .map_err(|why| again(&why))
}

/// The error where what was read cannot be read again.
pub fn again(why: &str) -> crate::error::Error {
    Problem::new("what was read of the replication stream cannot be read again")
        .cause(escape(why))
        .exit(Exit::Failed)
}

/// Computes in a thread of its own.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, String> + Send + 'static,
) -> std::result::Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(error.to_string()))
}

/// Decodes what was kept.
pub(super) async fn decode(spool: Spool, db: Option<u32>) -> std::result::Result<Tail, String> {
    apart(move || Tail::read(Arc::new(spool), db)).await
}

/// The replication streams of servers, read as a replica reads them.
pub struct Streams {
    pub(super) servers: Arc<Servers>,
    pub(super) connections: Arc<Connections>,
}

impl Streams {
    /// Reads the writes that `old` has and `new` lacks. `None`: there are none.
    ///
    /// # Errors
    /// It cannot be known, and why.
    pub async fn lost(&self, old: &Node, new: &Node) -> Result<Option<LostWrites>> {
        self.lost_up_to(old, new, u64::MAX).await
    }

    /// The same, of what `old` has up to an offset.
    pub async fn lost_up_to(&self, old: &Node, new: &Node, end: u64) -> Result<Option<LostWrites>> {
        let found = self.looked_for(old, new, end).await;
        found.map_err(|(Unread::Unknown(error) | Unread::Failed(error))| error)
    }

    /// The same, for callers that need to know why it is not known.
    pub(super) async fn looked_for(
        &self,
        old: &Node,
        new: &Node,
        end: u64,
    ) -> std::result::Result<Option<LostWrites>, Unread> {
        let (Some(was), Some(is)) = (old.server(), new.server()) else {
            return Ok(None);
        };
        let Some(from) = fork(&was.replication, &is.replication) else {
            return Err(Unread::Unknown(unknown(old, new, was, is)));
        };
        let (mine, grown) = self.look_twice(&old.name).await.map_err(Unread::Failed)?;
        let to = position(&mine).min(end);
        if to < from {
            return Ok(None);
        }
        if !can_send(&mine, from, grown) {
            return Err(Unread::Unknown(too_late(&old.name, &mine, from, to)));
        }
        let piece = self.piece(&old.name, &mine, grown, (from, to)).await;
        let (spool, db) = piece.map_err(Unread::Failed)?;
        let only = only_database(was, is);
        let lost = decode(spool, db.or(only)).await;
        let lost = lost.map_err(|why| Unread::Unknown(unreadable(&old.name, &why)))?;
        let since = self.since(&new.name, from, only).await;
        Ok(Some(LostWrites {
            from,
            to,
            lost,
            since,
        }))
    }

    /// Whether a piece of its stream is known to hold no command.
    pub(super) async fn no_commands(&self, node: &NodeName, from: u64, to: u64) -> bool {
        let Ok((now, grown)) = self.look_twice(node).await else {
            return false;
        };
        if !can_send(&now, from, grown) {
            return false;
        }
        let Ok(spool) = self.tap(node, &now.replid, from, to).await else {
            return false;
        };
        let tail = decode(spool, None).await;
        tail.is_ok_and(|tail| tail.commands == 0)
    }

    /// What a new primary wrote from offset `from` on. `only`: the database, if there is only one.
    pub(super) async fn since(
        &self,
        new: &NodeName,
        from: u64,
        only: Option<u32>,
    ) -> std::result::Result<StreamPiece, String> {
        let mut end = StreamEnd {
            to: from.saturating_sub(1),
            db: only,
            names_database: false,
        };
        let tail = self.hear_more(new, &mut end).await?;
        Ok(StreamPiece { tail, end })
    }

    /// A piece of a stream, and the database at its beginning, if the stream before the piece shows
    /// it. It looks as far back as the server can surely still send.
    async fn piece(
        &self,
        node: &NodeName,
        now: &Replication,
        grown: u64,
        (from, to): (u64, u64),
    ) -> Result<(Spool, Option<u32>)> {
        let begin = now.backlog.map_or(from, |b| b.first);
        // Nearer to the edge of the backlog, a busy server may drop the bytes a moment later.
        let earliest = (begin.max(from.saturating_sub(BEFORE)).max(1)..=from)
            .step_by(1024)
            .find(|at| can_send(now, *at, grown))
            .unwrap_or(from);
        let split = usize::try_from(from - earliest).unwrap_or(usize::MAX);
        let (mut before, mut spool) = (Vec::new(), Spool::default());
        let keep = |bytes: &[u8]| {
            let (first, rest) = bytes.split_at(bytes.len().min(split - before.len()));
            before.extend_from_slice(first);
            spool.push(rest)
        };
        self.tapped(node, &now.replid, (earliest, to), keep).await?;
        Ok((spool, database_before(&before)))
    }

    /// Reads on to the present end of a primary's stream. Returns the new piece.
    pub(super) async fn hear_more(
        &self,
        new: &NodeName,
        end: &mut StreamEnd,
    ) -> std::result::Result<Tail, String> {
        let told = |e| super::rejoin::sentence(&e);
        let (now, grown) = self.look_twice(new).await.map_err(told)?;
        let (from, to) = (end.to + 1, position(&now));
        if to < from {
            return Ok(Tail::default());
        }
        if !can_send(&now, from, grown) {
            return Err(format!(
                "the backlog of `{new}` no longer reaches back that far"
            ));
        }
        // A server that was promoted begins its stream with a SELECT; one that always was a primary
        // goes on in the database it was in.
        let (spool, before) = if end.names_database {
            let spool = self.tap(new, &now.replid, from, to).await;
            (spool.map_err(told)?, end.db)
        } else {
            let piece = self.piece(new, &now, grown, (from, to)).await;
            piece.map_err(told)?
        };
        let tail = decode(spool, before.or(end.db)).await;
        let tail = tail.map_err(|why| format!("the stream of `{new}` cannot be read: {why}"))?;
        *end = StreamEnd {
            to,
            db: tail.db,
            names_database: tail.db.is_some() && (end.names_database || tail.units > 0),
        };
        Ok(tail)
    }

    /// A server's replication as it is now, and how many bytes came between two looks.
    pub(super) async fn look_twice(&self, node: &NodeName) -> Result<(Replication, u64)> {
        let conn = self.connections.get(node).await;
        let conn = conn.map_err(|f| silent(node, &f.why))?;
        let first = look(&conn, REPLY)
            .await
            .map_err(|t| silent(node, &t.detail))?;
        let second = look(&conn, REPLY)
            .await
            .map_err(|t| silent(node, &t.detail))?;
        let grown = position(&second.replication).saturating_sub(position(&first.replication));
        Ok((second.replication, grown))
    }

    /// A piece of a node's stream.
    pub(super) async fn tap(
        &self,
        node: &NodeName,
        replid: &str,
        from: u64,
        to: u64,
    ) -> Result<Spool> {
        let mut spool = Spool::default();
        let keep = |bytes: &[u8]| spool.push(bytes);
        self.tapped(node, replid, (from, to), keep).await?;
        Ok(spool)
    }

    /// The same, given to `take` as it comes.
    async fn tapped(
        &self,
        node: &NodeName,
        replid: &str,
        (from, to): (u64, u64),
        take: impl FnMut(&[u8]) -> std::result::Result<(), String>,
    ) -> Result<()> {
        let Some(spec) = self.servers.inventory.get(node) else {
            return Err(silent(node, "the inventory does not have it"));
        };
        let failed = |t: Trouble| {
            let problem =
                Problem::new(format!("the replication stream of `{node}` cannot be read"))
                    .cause(escape(&t.detail));
            if t.kind != TroubleKind::Forbidden {
                return problem.exit(Exit::Failed);
            }
            let lacks = Lacks {
                user: self.servers.user().to_owned(),
                address: Some(spec.address.clone()),
                forbidden: OF_REPLICAS.to_vec(),
                ..Lacks::default()
            };
            problem.hint(allow(&lacks)).exit(Exit::Failed)
        };
        let stream = self.servers.raw(spec).await.map_err(failed)?;
        let read = psync::read(stream, replid, from, to, take).await;
        read.map_err(failed)
    }
}

/// The database in which the two hold keys, if there is only one. The commands are then assumed to
/// use it.
fn only_database(a: &Server, b: &Server) -> Option<u32> {
    let mut all = a.keys.keys().chain(b.keys.keys());
    let first = *all.next()?;
    all.all(|db| *db == first).then_some(first)
}

fn silent(node: &NodeName, why: &str) -> crate::error::Error {
    Problem::new(format!("`{node}` cannot be asked"))
        .cause(escape(why))
        .hint("replctl status")
        .exit(Exit::Failed)
}

fn unreadable(node: &NodeName, why: &str) -> crate::error::Error {
    Problem::new(format!(
        "the replication stream of `{node}` cannot be understood"
    ))
    .cause(escape(why))
    .exit(Exit::Failed)
}

fn unknown(old: &Node, new: &Node, was: &Server, is: &Server) -> crate::error::Error {
    let what = format!(
        "what `{}` has and `{}` lacks cannot be known",
        old.name, new.name
    );
    Problem::new(what)
        .cause(crate::topology::lineage::unknown_because(was, is))
        .hint("compare their keys; what is in its memory can be dumped with: redis-cli --rdb FILE")
        .exit(Exit::Failed)
}

fn too_late(node: &NodeName, now: &Replication, from: u64, to: u64) -> crate::error::Error {
    let held = now.backlog.map_or_else(
        || "it keeps no backlog".to_owned(),
        |b| format!("its backlog begins at offset {}", b.first),
    );
    Problem::new(format!(
        "`{node}` has {} bytes of its own, and can no longer send all of them",
        (to + 1).saturating_sub(from)
    ))
    .cause(format!(
        "its own begin at offset {from}, and {held}, or is about to drop them; asking for them would make it dump everything"
    ))
    .hint("a larger repl-backlog-size keeps more; what is in its memory can be dumped with: redis-cli --rdb FILE")
    .exit(Exit::Failed)
}
