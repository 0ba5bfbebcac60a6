//! Kernel parameters, and limits that a server gets at its start. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::{Check, OnHost, keep, kernel_number, set, word};
use crate::topology::Node;
use crate::topology::phrases::{bytes, list, name};

/// The file with the mode of huge pages.
const HUGE: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
/// The `maxclients` of a server without any other limit.
const CLIENTS: u64 = 10_000;
/// Files that a server reserves for itself, in addition to its clients.
const OWN_FILES: u64 = 32;

impl Check<'_> {
    pub(super) fn kernel(&self, host: &OnHost<'_>, found: &mut Vec<Finding>) {
        found.extend(self.overcommit(host));
        found.extend(self.huge_pages(host));
        found.extend(self.listen_backlog(host));
        found.extend(self.ephemeral(host));
        for node in &host.nodes {
            found.extend(self.open_files(host, node));
        }
    }

    fn overcommit(&self, host: &OnHost<'_>) -> Option<Finding> {
        let mode = host.state.overcommit.filter(|mode| *mode != 1)?;
        let used = host.nodes.iter().filter_map(|n| n.server()?.used_memory);
        let used = used.max();
        let room = match (used, host.state.available_bytes) {
            (Some(used), Some(free)) => format!(
                " (a server uses {}, {} are available)",
                bytes(used),
                bytes(free)
            ),
            (Some(_) | None, _) => String::new(),
        };
        let message = format!(
            "`vm.overcommit_memory` is {mode} on the host of {}: a save or a full copy fails where memory is short{room}",
            list(host.nodes.iter().copied())
        );
        Some(
            Finding::about(host.first, Code::Overcommit, Severity::Warning, message)
                .maybe_hint(self.sysctl(host, "vm.overcommit_memory", "1"))
                .with("overcommit", mode)
                .repaired_by(kernel_number(
                    host,
                    "vm.overcommit_memory",
                    (&mode.to_string(), "1"),
                )),
        )
    }

    fn huge_pages(&self, host: &OnHost<'_>) -> Option<Finding> {
        let mode = host.state.huge_pages.as_deref()?;
        if mode != "always" {
            return None;
        }
        let message = format!(
            "transparent huge pages are `always` on the host of {}: while a copy is made, writes take longer and memory grows",
            list(host.nodes.iter().copied())
        );
        let now = format!("echo madvise >{HUGE}");
        let line = match host.state.systemd {
            Some(true) => format!(
                "{now} && mkdir -p /etc/tmpfiles.d && echo w {HUGE} - - - - madvise >/etc/tmpfiles.d/90-replctl-huge-pages.conf"
            ),
            Some(false) | None => now,
        };
        let kept = "/etc/tmpfiles.d/90-replctl-huge-pages.conf".to_owned();
        let text = format!("w {HUGE} - - - - madvise");
        let mut repairs = Vec::new();
        if host.state.systemd == Some(true) && host.state.root {
            repairs = vec![set(HUGE, mode, "madvise"), keep(host, kept, text, false)];
        }
        Some(
            Finding::about(host.first, Code::HugePages, Severity::Warning, message)
                .maybe_hint(self.as_root(host.first, &line))
                .with("mode", mode)
                .repaired_by(repairs),
        )
    }

    fn listen_backlog(&self, host: &OnHost<'_>) -> Option<Finding> {
        let limit = u64::from(host.state.somaxconn?);
        let wanted = host.nodes.iter().filter_map(|node| {
            let wanted = self.seen.number(&node.name, "tcp-backlog")?;
            (wanted > limit).then_some((wanted, *node))
        });
        let (wanted, node) = wanted.max_by_key(|(wanted, _)| *wanted)?;
        let message = format!(
            "`net.core.somaxconn` is {limit} on the host of {}, whose `tcp-backlog` is {wanted}: many clients that connect at once are dropped; a higher limit counts from its next start",
            name(&node.name)
        );
        let hint = self.sysctl(host, "net.core.somaxconn", &wanted.max(1024).to_string());
        let change = (limit.to_string(), wanted.max(1024).to_string());
        let repairs = kernel_number(host, "net.core.somaxconn", (&change.0, &change.1));
        Some(
            Finding::about(host.first, Code::ListenBacklog, Severity::Warning, message)
                .maybe_hint(hint)
                .with("somaxconn", limit)
                .with("tcp_backlog", wanted)
                .repaired_by(repairs),
        )
    }

    fn ephemeral(&self, host: &OnHost<'_>) -> Option<Finding> {
        let (first, last) = host.state.ephemeral_ports?;
        let reserved = host.state.reserved_ports.as_deref()?;
        let taken = host.nodes.iter().map(|node| (node.address.port, *node));
        let taken: Vec<_> = taken
            .filter(|(port, _)| (first..=last).contains(port) && !is_reserved(reserved, *port))
            .collect();
        let (port, node) = *taken.first()?;
        let mut all: Vec<String> = taken.iter().map(|(port, _)| port.to_string()).collect();
        if !reserved.is_empty() {
            all.insert(0, reserved.to_owned());
        }
        let message = format!(
            "port {port} of {} is one that its host gives to outgoing connections ({first} to {last}): such a connection may keep the server from starting",
            name(&node.name)
        );
        let hint = self.sysctl(host, "net.ipv4.ip_local_reserved_ports", &all.join(","));
        let key = "net.ipv4.ip_local_reserved_ports";
        // The kernel sorts a longer list, so the list that is read back would differ from the one
        // that was written.
        let single = reserved.is_empty() && all.len() == 1;
        let repairs = if single {
            kernel_number(host, key, ("", &all[0]))
        } else {
            Vec::new()
        };
        Some(
            Finding::about(host.first, Code::PortEphemeral, Severity::Warning, message)
                .maybe_hint(hint)
                .with("first", first)
                .with("last", last)
                .repaired_by(repairs),
        )
    }

    /// A server that may not open enough files lowers `maxclients` at its start, and reports it
    /// only in its log.
    fn open_files(&self, host: &OnHost<'_>, node: &Node) -> Option<Finding> {
        let limit = self.places(node)?.open_files?;
        let clients = self.seen.number(&node.name, "maxclients")?;
        if clients >= CLIENTS || clients + OWN_FILES < limit {
            return None;
        }
        let own = name(&node.name);
        let message = format!(
            "{own} may open {limit} files, so that it takes {clients} clients and not {CLIENTS}; a higher limit counts from its next start"
        );
        let unit = node.service.as_deref().and_then(|service| service.unit());
        let plain = |name: &str| !name.contains('/') && host.state.root;
        let kept = unit.filter(|unit| plain(&unit.name)).map(|unit| {
            let folder = format!("/etc/systemd/system/{}.d", unit.name);
            format!("{folder}/90-replctl-limits.conf")
        });
        let text = || "[Service]\nLimitNOFILE=65536".to_owned();
        let kept = kept.filter(|path| !host.state.kept.contains_key(path));
        let repairs = kept.map(|path| keep(host, path, text(), true));
        let repairs: Vec<_> = repairs.into_iter().collect();
        let hint = unit.and_then(|unit| {
            let folder = word(&format!("/etc/systemd/system/{}.d", unit.name))?;
            let line = format!(
                "mkdir -p {folder} && printf '[Service]\\nLimitNOFILE=65536\\n' >{folder}/90-replctl-limits.conf && systemctl daemon-reload"
            );
            self.as_root(host.first, &line)
        });
        let hint = hint.unwrap_or_else(|| {
            format!("run `ulimit -n 65536` in what starts {own}, and restart it")
        });
        Some(
            Finding::about(node, Code::OpenFiles, Severity::Warning, message)
                .hint(hint)
                .with("open_files", limit)
                .with("maxclients", clients)
                .repaired_by(repairs),
        )
    }
}

/// `6379,7000-7010`.
fn is_reserved(ports: &str, port: u16) -> bool {
    ports.split(',').any(|part| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u16>().ok();
        let range = number(low).zip(number(high));
        range.is_some_and(|(low, high)| (low..=high).contains(&port))
    })
}

pub(in super::super) const OVERCOMMIT: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The kernel may refuse the memory for the child process that saves or makes a full copy, although that process needs little of it. Then saving fails, and a replica that needs a full copy does not get it.",
    cause: "`vm.overcommit_memory` is 0, which is the kernel's default, or 2.",
    way_out: "Set it to 1, and keep it in `/etc/sysctl.d`.",
};

pub(in super::super) const HUGE_PAGES: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The kernel gives memory in pages of 2 MiB to every process. While a child process saves, each write of the server copies a whole page. That takes time, and memory.",
    cause: "`/sys/kernel/mm/transparent_hugepage/enabled` is `always`, the default of some distributions.",
    way_out: "Set it to `madvise`. Keep it with a file in `/etc/tmpfiles.d` where systemd runs, otherwise with a line in a start script. Servers that run already need a restart.",
};

pub(in super::super) const LISTEN_BACKLOG: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The kernel keeps fewer waiting connections than the server asks for. When many clients connect at once, as after a promotion, some of them are dropped and try again later.",
    cause: "`net.core.somaxconn` is lower than `tcp-backlog` of the server.",
    way_out: "Raise `net.core.somaxconn`, and keep it in `/etc/sysctl.d`. A server takes it at its next start.",
};

pub(in super::super) const PORT_EPHEMERAL: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The server listens on a port that the kernel also gives to outgoing connections. If one of them has the port when the server starts, the server cannot start.",
    cause: "The port lies in `net.ipv4.ip_local_port_range`.",
    way_out: "Put the port into `net.ipv4.ip_local_reserved_ports`, or choose a lower port.",
};

pub(in super::super) const OPEN_FILES: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The server may open fewer files than its clients need, and has lowered `maxclients` by itself.",
    cause: "The limit of open files of its unit or of the shell that started it.",
    way_out: "Set `LimitNOFILE=65536` in a drop-in of its unit, and restart the server.",
};
