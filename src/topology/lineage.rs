//! Compares the histories of two nodes: what would happen to one node's data if it followed the
//! other. Pure.
//!
//! Offsets of different histories are never compared. A primary without replicas forgets its
//! history after `repl-backlog-ttl`; then nothing can be known.

use super::phrases::duration;
use super::{Link, Node, Replication, Role, Server, Topology};
use serde::{Deserialize, Serialize};

/// What happens to a node's data if it follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lineage {
    /// All it has is part of the other's history.
    Same {
        /// The other still holds the bytes it misses: no full resync.
        partial: bool,
    },
    /// It diverged: it has data that the other lacks and that it would lose.
    Diverged {
        /// The size of that data, bytes of the replication stream.
        bytes: u64,
    },
    /// The histories have nothing in common that can be seen.
    Unknown,
}

/// Whether the node's link is up and its history is not that of its apparent upstream. From its
/// host, the upstream's address may lead elsewhere.
pub fn of_another_history(node: &Node, topology: &Topology) -> bool {
    let linked = node.upstream().is_some_and(|link| link.link == Link::Up);
    let above = topology.upstream_of(node).and_then(Node::server);
    let differs =
        |(own, above): (&Server, &Server)| own.replication.replid != above.replication.replid;
    linked && node.server().zip(above).is_some_and(differs)
}

/// What happens if the node with `follower` follows the one with `upstream`.
pub fn lineage(follower: &Replication, upstream: &Replication) -> Lineage {
    let at = position(follower);
    if follower.replid.is_empty() || upstream.replid.is_empty() {
        return Lineage::Unknown;
    }
    if follower.replid == upstream.replid {
        let end = position(upstream);
        return if at > end {
            Lineage::Diverged { bytes: at - end }
        } else {
            Lineage::Same {
                partial: holds(upstream, at),
            }
        };
    }
    if upstream.replid2.as_ref() == Some(&follower.replid) {
        return match upstream.second_offset {
            Some(second) if at < second => Lineage::Same {
                partial: holds(upstream, at),
            },
            Some(second) => Lineage::Diverged {
                bytes: (at - second).saturating_add(1),
            },
            None => Lineage::Unknown,
        };
    }
    // The follower began its own history. It knows where, and the upstream's share ends there or
    // earlier.
    let own = if follower.replid2.as_ref() == Some(&upstream.replid) {
        follower
            .second_offset
            .map(|second| second.min(position(upstream).saturating_add(1)))
    } else if follower.replid2.is_some() && follower.replid2 == upstream.replid2 {
        follower
            .second_offset
            .zip(upstream.second_offset)
            .map(|(a, b)| a.min(b))
    } else {
        None
    };
    match own {
        Some(begin) if at >= begin => Lineage::Diverged {
            bytes: (at - begin).saturating_add(1),
        },
        Some(_) => Lineage::Same { partial: false },
        None => Lineage::Unknown,
    }
}

/// The offset of the first byte that only `follower` can have; `None` where their histories have
/// nothing in common that can be seen.
pub fn fork(follower: &Replication, upstream: &Replication) -> Option<u64> {
    if follower.replid.is_empty() || upstream.replid.is_empty() {
        return None;
    }
    let after = position(upstream).saturating_add(1);
    if follower.replid == upstream.replid {
        Some(after)
    } else if upstream.replid2.as_ref() == Some(&follower.replid) {
        upstream.second_offset
    } else if follower.replid2.as_ref() == Some(&upstream.replid) {
        Some(follower.second_offset?.min(after))
    } else if follower.replid2.is_some() && follower.replid2 == upstream.replid2 {
        Some(follower.second_offset?.min(upstream.second_offset?))
    } else {
        None
    }
}

/// Whether a server can resend its stream from the byte at `from`, and surely still can a moment
/// later. Otherwise it would make a full dump. `grown`: the bytes it produced between two looks.
pub fn can_send(server: &Replication, from: u64, grown: u64) -> bool {
    let Some(backlog) = server.backlog else {
        return false;
    };
    let room = from
        .saturating_sub(backlog.first)
        .saturating_add(backlog.size.saturating_sub(backlog.held));
    let spare = (backlog.size / 16)
        .min(16 * 1024)
        .saturating_add(grown.saturating_mul(8));
    backlog.first <= from && from <= position(server).saturating_add(1) && room >= spare
}

/// Why the two cannot be compared, where they cannot.
pub fn unknown_because(follower: &Server, upstream: &Server) -> String {
    let (own, other) = (&follower.replication, &upstream.replication);
    if never_synced(own) {
        return "it never had the data of a primary".to_owned();
    }
    if own.backlog.is_none() && own.replid2.is_none() {
        return "it keeps no backlog: it was without replicas for longer than repl-backlog-ttl, or was started anew, and then its writes are not counted".to_owned();
    }
    if other.backlog.is_none() && other.replid2.is_none() {
        return "the new primary has dropped its backlog (repl-backlog-ttl) and with it the memory of where the two parted".to_owned();
    }
    let since = follower
        .uptime_seconds
        .map(|s| {
            format!(
                ", begun when it was started {} ago at the earliest",
                duration(s)
            )
        })
        .unwrap_or_default();
    format!("its history is unrelated to the other's{since}")
}

/// Bytes of its history that a node has.
pub fn position(replication: &Replication) -> u64 {
    match &replication.role {
        // During a resync, a replica reports 0 or 1 here, and may still know its old position.
        Role::Replica(upstream) if upstream.offset > 1 => upstream.offset,
        Role::Primary | Role::Replica(_) => replication.offset,
    }
}

/// Whether a node never got data from a primary since its start. Such a node cannot be compared,
/// and must not be promoted. A node whose link was up once has data, even if its primary has
/// written nothing since its own start: then both are at 0 (measured on 6.0 to 8.0 and Valkey 8.1).
pub fn never_synced(replication: &Replication) -> bool {
    let Role::Replica(up) = &replication.role else {
        return false;
    };
    let linked = up.link == Link::Up || up.down_since_seconds.is_some();
    !linked && position(replication) <= 1
}

/// Whether the backlog still holds everything after `at`.
fn holds(upstream: &Replication, at: u64) -> bool {
    upstream
        .backlog
        .is_some_and(|backlog| backlog.first <= at.saturating_add(1))
}
