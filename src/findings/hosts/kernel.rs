//! Kernel parameters, and limits that a server gets at its start. Pure.

use super::super::{Code, Explanation, Finding, Severity};
use super::kept::{at_least, huge_pages, keep, parameter, same};
use super::{Check, OnHost, Repair, word};
use crate::topology::phrases::{bytes, list, name};
use crate::topology::service::{Arguments, Unit};
use crate::topology::{Node, Product, Server};

/// The file with the mode of huge pages.
const HUGE: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
/// The drop-in with the limits of a unit.
const LIMITS: &str = "90-replctl-limits.conf";
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
        let keeper = parameter("vm.overcommit_memory", same);
        // Somebody has chosen 2. What else runs there may need it.
        let chosen = mode != 0;
        let message = format!(
            "`vm.overcommit_memory` is {mode} on the host of {}: a save or a full copy fails where memory is short{room}{}",
            list(host.nodes.iter().copied()),
            keeper.clause(host, "1")
        );
        let found = Finding::about(host.first, Code::Overcommit, Severity::Warning, message)
            .with("overcommit", mode);
        if chosen {
            return Some(found);
        }
        Some(
            found
                .maybe_hint(self.set_and_keep(host, &keeper, "1"))
                .repaired_by(keeper.repairs(host, &mode.to_string(), "1")),
        )
    }

    /// Servers from 6.2 on switch huge pages off for themselves. Where the kernel shows that, it
    /// decides.
    fn huge_pages(&self, host: &OnHost<'_>) -> Option<Finding> {
        let mode = host.state.huge_pages.as_deref()?;
        if mode != "always" {
            return None;
        }
        let gets = |node: &&Node| {
            let shown = self.places(node).and_then(|places| places.huge_pages);
            shown.unwrap_or_else(|| node.server().is_some_and(lacks_disable_thp))
        };
        let get: Vec<&Node> = host.nodes.iter().copied().filter(gets).collect();
        if get.is_empty() {
            return None;
        }
        let keeper = huge_pages(HUGE);
        let message = format!(
            "transparent huge pages are `always` on the host of {}: while a copy is made, writes take longer and memory grows{}",
            list(get),
            keeper.clause(host, "madvise")
        );
        Some(
            Finding::about(host.first, Code::HugePages, Severity::Warning, message)
                .maybe_hint(self.set_and_keep(host, &keeper, "madvise"))
                .with("mode", mode)
                .repaired_by(keeper.repairs(host, mode, "madvise")),
        )
    }

    fn listen_backlog(&self, host: &OnHost<'_>) -> Option<Finding> {
        let limit = u64::from(host.state.somaxconn?);
        let wanted = host.nodes.iter().filter_map(|node| {
            let wanted = self.seen.number(&node.name, "tcp-backlog")?;
            (wanted > limit).then_some((wanted, *node))
        });
        let (wanted, node) = wanted.max_by_key(|(wanted, _)| *wanted)?;
        let keeper = parameter("net.core.somaxconn", at_least);
        let higher = wanted.max(1024).to_string();
        let message = format!(
            "`net.core.somaxconn` is {limit} on the host of {}, whose `tcp-backlog` is {wanted}: many clients that connect at once are dropped; a higher limit counts from its next start{}",
            name(&node.name),
            keeper.clause(host, &higher)
        );
        Some(
            Finding::about(host.first, Code::ListenBacklog, Severity::Warning, message)
                .maybe_hint(self.set_and_keep(host, &keeper, &higher))
                .with("somaxconn", limit)
                .with("tcp_backlog", wanted)
                .repaired_by(keeper.repairs(host, &limit.to_string(), &higher)),
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
        let keeper = parameter("net.ipv4.ip_local_reserved_ports", has_all);
        let wanted = all.join(",");
        let message = format!(
            "port {port} of {} is one that its host gives to outgoing connections ({first} to {last}): such a connection may keep the server from starting{}",
            name(&node.name),
            keeper.clause(host, &wanted)
        );
        let hint = self.set_and_keep(host, &keeper, &wanted);
        // The kernel sorts a longer list, so the list that is read back would differ from the one
        // that was written.
        let single = reserved.is_empty() && all.len() == 1;
        let repairs = if single {
            keeper.repairs(host, "", &wanted)
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
    /// only in its log. Only its files tell whether it did: somebody may want few clients.
    fn open_files(&self, host: &OnHost<'_>, node: &Node) -> Option<Finding> {
        let places = self.places(node)?;
        let limit = places.open_files?;
        let service = node.service.as_deref()?;
        let Arguments::Shown(_) = service.arguments else {
            return None;
        };
        let wanted = service.data_files()?.clients?;
        let clients = self.seen.number(&node.name, "maxclients")?;
        let needed = wanted.saturating_add(OWN_FILES);
        let enough = places.open_files_most? >= needed;
        if clients >= wanted || clients.saturating_add(OWN_FILES) < limit || enough {
            return None;
        }
        let own = name(&node.name);
        let message = format!(
            "{own} may open {limit} files, so that it takes {clients} clients and not {wanted}; a higher limit counts from its next start"
        );
        let higher = needed.max(65_536);
        let raised_by = service
            .unit()
            .and_then(|unit| raised_by(host, unit, needed));
        let (hint, repairs) = match service.unit() {
            Some(unit) => raised(host, unit, higher),
            None => (None, Vec::new()),
        };
        let hint = hint
            .and_then(|line| self.as_root(host.first, &line))
            .or_else(|| {
                Some(format!(
                    "restart {own}: the limit in {} counts from then",
                    raised_by?
                ))
            })
            .unwrap_or_else(|| {
                format!(
                    "raise the limit of open files to {higher} in what starts {own}, and restart it"
                )
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

/// A line of sh and the repairs that raise the limit of a unit. Neither is given if a file with
/// that name is there, or if a later one may have the last word.
fn raised(host: &OnHost<'_>, unit: &Unit, limit: u64) -> (Option<String>, Vec<Repair>) {
    let folder = folder_of(unit);
    let path = format!("{folder}/{LIMITS}");
    if unit.name.contains('/') || host.state.kept.contains_key(&path) || has_later(unit) {
        return (None, Vec::new());
    }
    let line = word(&folder).zip(word(&unit.name)).map(|(folder, unit)| {
        format!(
            "mkdir -p {folder} && printf '[Service]\\nLimitNOFILE={limit}\\n' >{folder}/{LIMITS} && systemctl daemon-reload && systemctl show -p LimitNOFILE {unit}"
        )
    });
    let text = format!("[Service]\nLimitNOFILE={limit}");
    let root = host.state.root && host.state.systemd == Some(true);
    let repair = root.then(|| keep(host, path, text, true));
    (line, repair.into_iter().collect())
}

/// The folder of the drop-ins of a unit.
fn folder_of(unit: &Unit) -> String {
    format!("/etc/systemd/system/{}.d", unit.name)
}

/// Whether a drop-in of the unit is read after replctl's.
fn has_later(unit: &Unit) -> bool {
    let mut names = unit
        .drop_ins
        .iter()
        .filter_map(|path| path.rsplit('/').next());
    names.any(|name| name > LIMITS)
}

/// The drop-in of replctl's that systemd has read, if it gives a unit so many files.
fn raised_by(host: &OnHost<'_>, unit: &Unit, needed: u64) -> Option<String> {
    let path = format!("{}/{LIMITS}", folder_of(unit));
    let line = host.state.kept.get(&path)?.as_deref()?;
    let limit = line.strip_prefix("LimitNOFILE=")?;
    let enough = limit == "infinity" || limit.parse::<u64>().is_ok_and(|limit| limit >= needed);
    (enough && unit.drop_ins.contains(&path) && !has_later(unit)).then_some(path)
}

/// Whether this version cannot switch huge pages off for itself.
fn lacks_disable_thp(server: &Server) -> bool {
    let version = (server.version.major, server.version.minor);
    server.product == Product::Redis && version < (6, 2) && version.0 > 0
}

/// Whether a list of ports has all of another one.
fn has_all(ports: &str, wanted: &str) -> bool {
    let reserved = |port: &str| port.parse().is_ok_and(|port| is_reserved(ports, port));
    ports == wanted || wanted.split(',').all(reserved)
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
    way_out: "Set it to 1, and keep it in `/etc/sysctl.d`. Somebody has chosen 2: ask first what else on the host needs it.",
};

pub(in super::super) const HUGE_PAGES: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The kernel gives memory in pages of 2 MiB to a server. Servers from 6.2 on switch that off for themselves if it is `always` when they start; this one did not. While a child process saves, each write of the server copies a whole page. That takes time, and memory.",
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
