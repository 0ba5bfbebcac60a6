//! A full resync of a replica, and its progress. Pure.

use super::{Code, Explanation, Finding, Severity};
use crate::topology::phrases::{bytes, name};
use crate::topology::{Node, SyncProgress, Topology, Upstream};

/// A primary that prepares a full resync sends a keep-alive every second. A longer silence is
/// reported.
const QUIET_SECONDS: u64 = 4;

/// A full resync that runs, or that the upstream prepares.
pub(super) fn full_sync(
    node: &Node,
    (upstream, topology): (&Node, &Topology),
    link: &Upstream,
) -> Option<Finding> {
    let own = name(&node.name);
    let up = name(&upstream.name);
    let listed = topology.line_of(upstream, node);
    let coming = listed.is_some_and(|line| line.state != "online");
    let message = match link.sync {
        Some(SyncProgress {
            read: Some(read),
            total: Some(total),
            ..
        }) => format!(
            "{own} gets a full copy from {up}: {} % ({} of {})",
            percent(read, total),
            bytes(read),
            bytes(total)
        ),
        Some(SyncProgress {
            read: Some(read),
            total: None,
            ..
        }) if read > 0 => {
            format!("{own} gets a full copy from {up}: {} so far", bytes(read))
        }
        Some(SyncProgress { .. }) => format!("{own} waits for a full copy from {up}"),
        None if coming => format!("{own} waits for a full copy from {up}"),
        None => return None,
    };
    let sync = link.sync.unwrap_or(SyncProgress {
        read: None,
        total: None,
        idle_seconds: None,
    });
    let message = match sync.idle_seconds.filter(|s| *s > QUIET_SECONDS) {
        Some(seconds) => format!("{message}; nothing has come for {seconds} s"),
        None => message,
    };
    Some(
        Finding::about(node, Code::FullSyncRunning, Severity::Warning, message)
            .with("upstream", upstream.name.0.as_str())
            .with("read_bytes", sync.read)
            .with("total_bytes", sync.total)
            .with("idle_seconds", sync.idle_seconds)
            .with(
                "percent",
                sync.read
                    .zip(sync.total)
                    .map(|(read, total)| percent(read, total)),
            ),
    )
}

fn percent(read: u64, total: u64) -> u64 {
    u64::try_from(u128::from(read) * 100 / u128::from(total.max(1)))
        .unwrap_or(100)
        .min(100)
}

pub(super) const FULL_SYNC_RUNNING: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The replica gets a full copy of all data, or waits for one. Until then it answers with old data or with LOADING.",
    cause: "It is new, or was away for longer than the backlog reaches back.",
    way_out: "Wait. `status` shows how far it is. If nothing comes for long, read the upstream's log.",
};
