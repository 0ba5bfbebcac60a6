//! What only an old primary has: read from its own stream and compared with what the new primary wrote since. It changes nothing.

use super::World;
use super::replication::look;
use super::resp::REPLY;
use super::tap;
use crate::error::{Exit, Problem, Result};
use crate::output::escape;
use crate::plan::needs::{Lacks, OF_REPLICAS, allow};
use crate::rescue::split::{Conflict, Since, split};
use crate::rescue::stream::{Tail, database_before, decode};
use crate::topology::lineage::{can_send, fork, position};
use crate::topology::{Node, NodeName, Replication, Server, Trouble, TroubleKind};

/// How far before the fork the database is looked for, bytes.
const BEFORE: u64 = 1 << 20;

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// Offset of the first byte that only the old primary has.
    pub from: u64,
    /// Offset of the last.
    pub to: u64,
    /// Its commands.
    pub lost: Tail,
    /// What the new primary wrote since, where it still knows.
    pub since: std::result::Result<Heard, String>,
}

/// A piece of a stream, read up to where it went at that moment.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// What it says.
    pub tail: Tail,
    /// Offset of its last byte.
    pub to: u64,
}

impl Found {
    /// For each of the lost commands, in order, what stands against replaying it.
    pub fn verdicts(&self) -> Vec<Option<Conflict>> {
        let since = self.since.as_ref().map(|heard| &heard.tail);
        split(&self.lost, &since.map_or(Since::Unknown, Since::Known))
    }
}

impl World {
    /// Reads what `old` has and `new` has not. `None`: nothing.
    ///
    /// # Errors
    /// It cannot be known, and why.
    pub async fn lost(&self, old: &Node, new: &Node) -> Result<Option<Found>> {
        self.lost_up_to(old, new, u64::MAX).await
    }

    /// The same, of what `old` has up to an offset.
    pub async fn lost_up_to(&self, old: &Node, new: &Node, end: u64) -> Result<Option<Found>> {
        let (Some(was), Some(is)) = (old.server(), new.server()) else {
            return Ok(None);
        };
        let Some(from) = fork(&was.replication, &is.replication) else {
            return Err(unknown(old, new, was, is));
        };
        let (mine, grown) = self.look_twice(&old.name).await?;
        let to = position(&mine).min(end);
        if to < from {
            return Ok(None);
        }
        if !can_send(&mine, from, grown) {
            return Err(too_late(&old.name, &mine, from, to));
        }
        let (bytes, db) = self.piece(&old.name, &mine, grown, (from, to)).await?;
        let only = only_database(was, is);
        let lost = decode(&bytes, db.or(only)).map_err(|why| unreadable(&old.name, &why))?;
        let since = self.since(&new.name, from, only).await;
        Ok(Some(Found {
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
        let bytes = self.tap(node, &now.replid, from, to).await;
        let tail = bytes.ok().and_then(|bytes| decode(&bytes, None).ok());
        tail.is_some_and(|tail| tail.commands() == 0)
    }

    /// What a new primary wrote from offset `from` on. `only`: the database, where there is but one.
    pub(super) async fn since(
        &self,
        new: &NodeName,
        from: u64,
        only: Option<u32>,
    ) -> std::result::Result<Heard, String> {
        let mut heard = Heard {
            tail: Tail {
                db: only,
                ..Tail::default()
            },
            to: from.saturating_sub(1),
        };
        self.hear_more(new, &mut heard).await?;
        Ok(heard)
    }

    /// A piece of a stream, and the database at its beginning, where what was said before tells it: as far back as the server surely still can send.
    async fn piece(
        &self,
        node: &NodeName,
        now: &Replication,
        grown: u64,
        (from, to): (u64, u64),
    ) -> Result<(Vec<u8>, Option<u32>)> {
        let begin = now.backlog.map_or(from, |b| b.first);
        // Nearer to the backlog's edge than this, a busy server may have dropped it a moment later.
        let earliest = (begin.max(from.saturating_sub(BEFORE)).max(1)..=from)
            .step_by(1024)
            .find(|at| can_send(now, *at, grown))
            .unwrap_or(from);
        let mut bytes = self.tap(node, &now.replid, earliest, to).await?;
        let split = usize::try_from(from - earliest).unwrap_or(usize::MAX);
        let after = bytes.split_off(split.min(bytes.len()));
        Ok((after, database_before(&bytes)))
    }

    /// Reads on to where the stream of a primary is now.
    pub(super) async fn hear_more(
        &self,
        new: &NodeName,
        heard: &mut Heard,
    ) -> std::result::Result<(), String> {
        let told = |e: crate::error::Error| {
            let first = e.problems.into_iter().next();
            first.map(|p| p.what).unwrap_or_default()
        };
        let (now, grown) = self.look_twice(new).await.map_err(told)?;
        let (from, to) = (heard.to + 1, position(&now));
        if to < from {
            return Ok(());
        }
        if !can_send(&now, from, grown) {
            return Err(format!(
                "the backlog of `{new}` no longer reaches back that far"
            ));
        }
        // A server that was promoted begins its stream with a SELECT; one that always was a primary goes on in the database it was in.
        let known = heard.tail.db.filter(|_| !heard.tail.units.is_empty());
        let (bytes, before) = if let Some(db) = known {
            let bytes = self.tap(new, &now.replid, from, to).await;
            (bytes.map_err(told)?, Some(db))
        } else {
            let piece = self.piece(new, &now, grown, (from, to)).await;
            piece.map_err(told)?
        };
        let next = decode(&bytes, before.or(heard.tail.db))
            .map_err(|why| format!("the stream of `{new}` cannot be read: {why}"))?;
        heard.tail.append(next);
        heard.to = to;
        Ok(())
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

    pub(super) async fn tap(
        &self,
        node: &NodeName,
        replid: &str,
        from: u64,
        to: u64,
    ) -> Result<Vec<u8>> {
        let Some(spec) = self.inventory.get(node) else {
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
                user: self.user().to_owned(),
                address: Some(spec.address.clone()),
                forbidden: OF_REPLICAS.to_vec(),
                ..Lacks::default()
            };
            problem.hint(allow(&lacks)).exit(Exit::Failed)
        };
        let stream = self.raw(spec).await.map_err(failed)?;
        tap::read(stream, replid, from, to).await.map_err(failed)
    }
}

/// The one database in which the two hold keys, if it is one: then the commands are taken to be about it.
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
        "what only `{}` has, and `{}` has not, cannot be known",
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
        "`{node}` has {} bytes of its own, and no longer all of them to show",
        (to + 1).saturating_sub(from)
    ))
    .cause(format!(
        "its own begin at offset {from}, and {held}, or is about to drop them; asking for them would make it dump everything"
    ))
    .hint("a larger repl-backlog-size keeps more; what is in its memory can be dumped with: redis-cli --rdb FILE")
    .exit(Exit::Failed)
}
