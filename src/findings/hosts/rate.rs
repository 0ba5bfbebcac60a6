//! Compares the backlog and the buffers for replicas with the measured writes. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::Check;
use crate::topology::Node;
use crate::topology::host::WriteRate;
use crate::topology::phrases::{bytes, name};

/// A link that was down for this long should not need a full copy, seconds.
const PAUSE: u64 = 60;

impl Check<'_> {
    pub(super) fn rate(&self, found: &mut Vec<Finding>) {
        let Some(rate) = &self.seen.rate else {
            return;
        };
        let Some(node) = self.topology.get(&rate.node) else {
            return;
        };
        found.extend(self.backlog(node, rate));
        found.extend(self.buffers(node, rate));
    }

    fn backlog(&self, node: &Node, rate: &WriteRate) -> Option<Finding> {
        let server = node.server()?;
        let configured = server.config.get("repl-backlog-size");
        let size: u64 = configured?.parse().ok()?;
        let lasts = size.checked_div(rate.bytes_per_second)?;
        if lasts >= PAUSE {
            return None;
        }
        let wanted = rate.bytes_per_second.saturating_mul(2 * PAUSE);
        let wanted = wanted.next_multiple_of(1 << 20);
        let message = format!(
            "the backlog of {} ({}) holds what is written in {lasts} s ({} a second, measured over {} s): a replica that is away for longer needs all data again",
            name(&node.name),
            bytes(size),
            bytes(rate.bytes_per_second),
            rate.seconds
        );
        Some(
            Finding::about(node, Code::BacklogShort, Severity::Warning, message)
                .hint(self.setting(node, "repl-backlog-size", &wanted.to_string()))
                .with("backlog_bytes", size)
                .with("bytes_per_second", rate.bytes_per_second),
        )
    }

    /// The buffer for writes while a replica gets a full copy.
    fn buffers(&self, node: &Node, rate: &WriteRate) -> Option<Finding> {
        let limits = self
            .seen
            .setting(&node.name, "client-output-buffer-limit")?;
        let (hard, soft, soft_seconds) = of_replicas(limits)?;
        let holds = |limit: u64, more: u64| {
            let seconds = limit.checked_div(rate.bytes_per_second)?;
            (limit > 0).then(|| seconds.saturating_add(more))
        };
        // The server takes a hard limit below the size of the backlog for that size.
        let backlog = node
            .server()
            .and_then(|s| s.config.get("repl-backlog-size"));
        let backlog: u64 = backlog.and_then(|size| size.parse().ok()).unwrap_or(0);
        let effective = if hard == 0 { 0 } else { hard.max(backlog) };
        let lasts = holds(effective, 0)
            .into_iter()
            .chain(holds(soft, soft_seconds))
            .min()?;
        if lasts >= PAUSE {
            return None;
        }
        let wanted = rate.bytes_per_second.saturating_mul(4 * PAUSE);
        let wanted = wanted.next_multiple_of(1 << 20);
        let message = format!(
            "{} ends the link of a replica whose full copy takes longer than {lasts} s ({} a second are written, measured over {} s; `client-output-buffer-limit` for replicas is {hard} {soft} {soft_seconds}): the copy begins again and again",
            name(&node.name),
            bytes(rate.bytes_per_second),
            rate.seconds
        );
        // 0 is no limit, and stays so.
        let raised = |limit: u64| if limit == 0 { 0 } else { wanted.max(limit) };
        let value = format!(
            "'slave {} {} {}'",
            raised(hard),
            raised(soft),
            soft_seconds.max(PAUSE)
        );
        Some(
            Finding::about(node, Code::BufferShort, Severity::Warning, message)
                .hint(self.setting(node, "client-output-buffer-limit", &value))
                .with("hard_bytes", hard)
                .with("soft_bytes", soft)
                .with("bytes_per_second", rate.bytes_per_second),
        )
    }
}

/// The hard limit, the soft limit and its seconds, of
/// `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`.
fn of_replicas(limits: &str) -> Option<(u64, u64, u64)> {
    let mut words = limits.split_whitespace();
    words.find(|word| matches!(*word, "slave" | "replica"))?;
    let mut number = || words.next()?.parse::<u64>().ok();
    Some((number()?, number()?, number()?))
}

pub(in super::super) const BACKLOG_SHORT: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The backlog holds less than a minute of the writes that were measured. A replica whose link was down for longer, as while its host restarts, gets all data again.",
    cause: "`repl-backlog-size` is small (1 MiB is the default), or clients write much.",
    way_out: "Raise `repl-backlog-size`, in the inventory too if it stands there, on every node that may become the primary.",
};

pub(in super::super) const BUFFER_SHORT: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "While a replica gets a full copy, the primary keeps what is written for it in a buffer. By the writes that were measured, that buffer is full within a minute. The primary then ends the link, and the copy begins again.",
    cause: "`client-output-buffer-limit` for replicas is small, or clients write much.",
    way_out: "Raise `client-output-buffer-limit` for replicas, on every node that may become the primary. The host needs that much memory more.",
};
