//! Compares the memory of hosts with what their servers may use. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::{Check, OnHost, word};
use crate::topology::Node;
use crate::topology::phrases::{bytes, list, name};

/// A smaller amount in swap has no effect that clients notice, bytes.
const SWAPPED_AT_LEAST: u64 = 1 << 20;

impl Check<'_> {
    pub(super) fn memory(&self, host: &OnHost<'_>, found: &mut Vec<Finding>) {
        found.extend(self.of_host(host));
        let in_groups = host.nodes.iter();
        found.extend(in_groups.filter_map(|node| self.of_group(host, node)));
        found.extend(
            host.nodes
                .iter()
                .filter_map(|node| self.swapped(host, node)),
        );
    }

    /// Servers without a limit: when the memory is full, the kernel decides what ends. A server in
    /// a control group with a limit has a finding of its own.
    pub(super) fn unlimited(&self, found: &mut Vec<Finding>) {
        let in_group = |node: &Node| {
            let memory = self.seen.of(&node.name).and_then(|s| s.memory_bytes);
            let limit = self.places(node).and_then(|p| p.memory_limit_bytes);
            // A limit that is as high as the memory of the host is none.
            limit.is_some_and(|limit| memory.is_none_or(|all| limit < all))
        };
        let without = |node: &&Node| {
            let none = node.server().is_some_and(|s| s.maxmemory == Some(0));
            none && !in_group(node)
        };
        let nodes: Vec<&Node> = self.topology.nodes.iter().filter(without).collect();
        let Some(first) = nodes.first() else {
            return;
        };
        let message = format!(
            "{} {} no memory limit: `maxmemory` is 0",
            list(nodes.iter().copied()),
            if nodes.len() == 1 { "has" } else { "have" }
        );
        let names: Vec<&str> = nodes.iter().map(|node| node.name.0.as_str()).collect();
        found.push(
            Finding::about(first, Code::NoMemoryLimit, Severity::Note, message)
                .with("nodes", names),
        );
    }

    /// Compares the limits of all servers on the host with its memory.
    fn of_host(&self, host: &OnHost<'_>) -> Option<Finding> {
        let memory = host.state.memory_bytes?;
        let limits = host.nodes.iter().filter_map(|node| limit_of(node));
        let limits = limits.fold(0u64, u64::saturating_add);
        if limits <= three_quarters(memory) {
            return None;
        }
        let (severity, left) = if limits >= memory {
            let severity = if limits > memory {
                Severity::Problem
            } else {
                Severity::Warning
            };
            (severity, "nothing is".to_owned())
        } else {
            let left = bytes(memory - limits);
            (Severity::Warning, format!("{left} are"))
        };
        let message = format!(
            "{} may take {} by `maxmemory`, and the host has {}: {left} left for the copy of a save, for buffers and for the system",
            list(host.nodes.iter().copied()),
            bytes(limits),
            bytes(memory)
        );
        let hint = self.lower(host.first, memory, host.nodes.len());
        Some(
            Finding::about(host.first, Code::MemoryOfHost, severity, message)
                .maybe_hint(hint)
                .with("limit_bytes", limits)
                .with("memory_bytes", memory),
        )
    }

    /// Compares the limit of a server with that of its control group.
    fn of_group(&self, host: &OnHost<'_>, node: &Node) -> Option<Finding> {
        let memory = self.places(node)?.memory_limit_bytes?;
        let limit = node.server()?.maxmemory?;
        // A limit that is as high as the memory of the host is none.
        let unlimited = host.state.memory_bytes.is_some_and(|all| all <= memory);
        if unlimited || limit > 0 && limit <= three_quarters(memory) {
            return None;
        }
        let own = name(&node.name);
        let takes = if limit == 0 {
            "without a limit of its own".to_owned()
        } else {
            format!("and may take {} by `maxmemory`", bytes(limit))
        };
        let message = format!(
            "the kernel ends {own} at {}, the memory limit of its unit, slice or container; it runs {takes}",
            bytes(memory)
        );
        Some(
            Finding::about(node, Code::MemoryOfHost, Severity::Warning, message)
                .maybe_hint(self.lower(node, memory, 1))
                .with("limit_bytes", limit)
                .with("memory_bytes", memory),
        )
    }

    /// Sets `maxmemory` of the only server on the host, if it does not use more already.
    fn lower(&self, node: &Node, memory: u64, servers: usize) -> Option<String> {
        let room = three_quarters(memory);
        let used = node.server()?.used_memory?;
        let cli = self.look.cli(node);
        (servers == 1 && used < room)
            .then(|| format!("{cli} config set maxmemory {room} && {cli} config rewrite"))
    }

    fn swapped(&self, host: &OnHost<'_>, node: &Node) -> Option<Finding> {
        let swapped = self.places(node)?.swapped_bytes?;
        if swapped < SWAPPED_AT_LEAST {
            return None;
        }
        let swaps = &host.state.swaps;
        let zram = |(device, _): &(String, i32)| device.starts_with("/dev/zram");
        let slow = if swaps.is_empty() || swaps.iter().any(|swap| !zram(swap)) {
            "wait until they are read back"
        } else {
            "wait until they are unpacked"
        };
        let message = format!(
            "{} of the memory of {} are in swap: commands that need them {slow}",
            bytes(swapped),
            name(&node.name)
        );
        let fits = host.state.available_bytes.zip(host.state.swap_bytes);
        let hint = fits
            .filter(|(free, swap)| free > swap)
            .and_then(|_| self.as_root(node, &emptied(swaps)?));
        Some(
            Finding::about(node, Code::Swapped, Severity::Warning, message)
                .maybe_hint(hint)
                .with("swapped_bytes", swapped),
        )
    }
}

/// A line of sh that brings each swap device back into memory, and switches it on again as it was.
/// `swapon -a` would know only those of `/etc/fstab`.
fn emptied(swaps: &[(String, i32)]) -> Option<String> {
    let one = |(device, priority): &(String, i32)| {
        // The kernel writes blanks as octal escapes, and a name may be gone.
        let plain = !device.contains('\\') && !device.ends_with("(deleted)");
        let device = word(device).filter(|_| plain)?;
        let priority = match priority {
            0.. => format!(" -p {priority}"),
            _ => String::new(),
        };
        Some(format!("swapoff {device} && swapon{priority} {device}"))
    };
    let all: Option<Vec<String>> = swaps.iter().map(one).collect();
    all.filter(|all| !all.is_empty())
        .map(|all| all.join(" && "))
}

fn limit_of(node: &Node) -> Option<u64> {
    node.server()?.maxmemory
}

fn three_quarters(memory: u64) -> u64 {
    memory / 4 * 3
}

pub(in super::super) const MEMORY_OF_HOST: Explanation = Explanation {
    severities: &[Severity::Problem, Severity::Warning],
    meaning: "The servers of a host may take more than three quarters of its memory, or of the smallest limit of their unit, of the slices above it, or of their container. When a save copies what is written meanwhile, the kernel ends a process. It is a problem if they may take more than there is.",
    cause: "`maxmemory` is too high for the host, or several servers share the host.",
    way_out: "Lower `maxmemory`, in the inventory too if it stands there, or give the host more memory.",
};

pub(in super::super) const NO_MEMORY_LIMIT: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "The server takes memory until the host has none. Then the kernel ends a process, mostly the server.",
    cause: "`maxmemory` is 0, which is the default.",
    way_out: "Set `maxmemory` under `[server.config]` of the inventory, to at most three quarters of the memory.",
};

pub(in super::super) const SWAPPED: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A part of the server's memory is in swap. A command that needs it waits until it is back in memory, and all other clients wait with it.",
    cause: "The memory of the host was full, or `vm.swappiness` is high.",
    way_out: "Make memory free. `swapoff` and then `swapon` of each device in `/proc/swaps` brings everything back into memory, if it fits. `swapon -a` alone knows only the devices of `/etc/fstab`.",
};
