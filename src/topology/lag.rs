//! How far a replica is behind: in bytes from both ends' offsets, in seconds as measured. Pure.

use super::index::Top;
use super::lineage::{never_synced, position};
use super::{Link, Node, NodeName, Topology};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long ago the primary produced what a replica has just applied, measured by following one
/// offset.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    /// Seconds.
    pub seconds: f64,
    /// The measurement ended at that time, so the lag is longer.
    pub at_least: bool,
}

/// Measured lags by node.
pub type Lags = BTreeMap<NodeName, Lag>;

/// Bytes that may be in flight between two readings. A replica that lacks no more than these is in
/// sync.
const IN_FLIGHT: u64 = 64 << 10;
/// A primary sends its replicas a PING at least every this many seconds
/// (`repl-ping-replica-period`'s default).
const PING_SECONDS: u64 = 10;
/// Seconds by which a PING may be late on a busy machine.
const PING_GRACE: u64 = 3;

impl Topology {
    /// The node at the top of `node`'s chain, which may be itself: a primary, an unreachable node,
    /// or one that follows an unknown address. `None` where the chain is a loop.
    pub fn top_of<'a>(&'a self, node: &'a Node) -> Option<&'a Node> {
        if let Some(place) = self.nodes.place(node) {
            return match self.nodes.index().top(place)? {
                Top::Node(top) => self.placed(Some(top)),
                Top::Loop => None,
            };
        }
        let mut at = node;
        for _ in 0..=self.nodes.len() {
            match self.upstream_of(at) {
                Some(next) => at = next,
                None => return Some(at),
            }
        }
        None
    }

    /// Bytes that the primary on top of `node`'s chain has produced and `node` has not applied.
    /// `None`: there is no such primary, a full resync runs, or the two have different histories.
    /// Never below 0: the two ends are not read at the same moment.
    pub fn behind(&self, node: &Node) -> Option<u64> {
        let here = &node.server()?.replication;
        let link = node.upstream()?;
        // A replica with its link up got everything there was, even if that is the offset 0 of a
        // primary that never wrote.
        if link.sync.is_some() || link.link == Link::Down && never_synced(here) {
            return None; // what it had counts no more, or it has nothing yet
        }
        let top = &self
            .top_of(node)
            .filter(|top| top.is_primary())?
            .server()?
            .replication;
        (here.replid == top.replid).then(|| top.offset.saturating_sub(position(here)))
    }

    /// Seconds of silence on a link that is reported up. Only if that is longer than an answering
    /// upstream ever keeps silent. A cut network looks like that for a minute, until
    /// `repl-timeout`.
    pub fn silent_seconds(&self, node: &Node) -> Option<u64> {
        let link = node.upstream().filter(|link| link.link == Link::Up)?;
        let above = self.upstream_of(node)?.server()?;
        let period = above
            .config
            .get("repl-ping-replica-period")
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or(PING_SECONDS);
        let longest = u64::saturating_add(period, PING_GRACE);
        link.last_io_seconds.filter(|seconds| *seconds > longest)
    }

    /// Whether a replica has its primary's data and a working link. `None` for a node that is no
    /// replica.
    pub fn in_sync(&self, node: &Node) -> Option<bool> {
        let link = node.upstream()?.link;
        let linked = link == Link::Up && self.silent_seconds(node).is_none();
        Some(linked && self.behind(node).is_some_and(|bytes| bytes <= IN_FLIGHT))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{healthy, replica};
    use super::super::{Link, NodeName, Topology};

    #[test]
    fn bytes_behind_are_counted_to_the_top_of_the_chain_and_never_negative() {
        let mut topology = healthy();
        topology.nodes[2] = replica("slave2", "192.168.0.140", "192.168.0.130", 4000);
        let behind = |topology: &Topology, name: &str| {
            topology.behind(
                topology
                    .get(&NodeName::from(name))
                    .unwrap_or(&topology.nodes[0]),
            )
        };
        assert_eq!(behind(&topology, "slave2"), Some(1000));
        assert_eq!(behind(&topology, "slave1"), Some(0));
        assert_eq!(behind(&topology, "master"), None);
        topology.nodes[2].link().offset = 6000;
        assert_eq!(behind(&topology, "slave2"), Some(0));
        assert_eq!(topology.in_sync(&topology.nodes[2]), Some(true));
        assert_eq!(topology.in_sync(&topology.nodes[0]), None);
        topology.nodes[2].link().link = Link::Down;
        assert_eq!(topology.in_sync(&topology.nodes[2]), Some(false));
        assert_eq!(behind(&topology, "slave2"), Some(0));
        topology.nodes[2].up().replication.replid = "another".into();
        assert_eq!(behind(&topology, "slave2"), None);
        topology.nodes[1].link().address.host = "192.168.0.140".into();
        assert_eq!(behind(&topology, "slave1"), None, "a loop has no top");
    }
}
