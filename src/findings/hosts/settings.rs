//! Settings of servers that fail only later: at a promotion, at a restart, or under load. Pure.

use super::super::cause::is_loopback;
use super::super::{Code, Explanation, Finding, Severity};
use super::Check;
use crate::topology::phrases::{bytes, list, name, plural};
use crate::topology::{Link, Node, Server};

/// So many replicas are wanted where replctl keeps writes out on purpose.
const FENCE: usize = 1000;

impl Check<'_> {
    pub(super) fn settings(&self, found: &mut Vec<Finding>) {
        found.extend(self.min_replicas());
        found.extend(self.nothing_saved());
        for node in &self.topology.nodes {
            if let Some(server) = node.server() {
                found.extend(self.timeout(node, server));
                found.extend(self.open_server(node, server));
                found.extend(self.differs(node, server));
            }
        }
    }

    pub(super) fn setting(&self, node: &Node, key: &str, value: &str) -> String {
        let cli = self.look.cli(node);
        format!("{cli} config set {key} {value} && {cli} config rewrite")
    }

    /// `min-replicas-to-write` is so high that the loss of one replica stops writes, or that writes
    /// have already stopped.
    fn min_replicas(&self) -> Option<Finding> {
        let primary = self.look.primary()?;
        let server = primary.server()?;
        let wanted: usize = server.config.get("min-replicas-to-write")?.parse().ok()?;
        // A maximum lag of 0 switches it off.
        let off = server
            .config
            .get("min-replicas-max-lag")
            .is_some_and(|lag| lag == "0");
        let replicas = &server.replication.replicas;
        let online = replicas.iter().filter(|r| r.state == "online").count();
        if wanted == 0 || wanted < online || off {
            return None;
        }
        let own = name(&primary.name);
        let (planned, missing) = self.planned_replicas(primary);
        let (severity, then) = if wanted > online {
            (Severity::Problem, "it refuses writes")
        } else {
            (
                Severity::Warning,
                "it refuses writes as soon as one is lost",
            )
        };
        let absent = match missing[..] {
            [] => String::new(),
            [one] => format!("; {} is not linked", name(&one.name)),
            _ => format!("; {} are not linked", list(missing.iter().copied())),
        };
        let message = format!(
            "{own} wants {} for a write and has {online} online: {then}{absent}",
            plural(wanted, "replica")
        );
        // A primary without its replicas may have been left behind: that limit keeps it from writes
        // that would be lost. So it is lowered only where all of them are linked.
        let all_linked = missing.is_empty() && planned > 0 && online >= planned && wanted < FENCE;
        let fits = planned.saturating_sub(1).max(1);
        let hint = (all_linked && wanted > planned)
            .then(|| self.setting(primary, "min-replicas-to-write", &fits.to_string()));
        let missing: Vec<&str> = missing.iter().map(|node| node.name.0.as_str()).collect();
        Some(
            Finding::about(primary, Code::MinReplicas, severity, message)
                .maybe_hint(hint)
                .with("wanted", wanted)
                .with("online", online)
                .with("missing", missing),
        )
    }

    /// How many nodes should follow the primary directly, and those of them that are not linked.
    fn planned_replicas(&self, primary: &Node) -> (usize, Vec<&Node>) {
        let others = self.topology.nodes.iter();
        let follows_other = |node: &Node| {
            let up = self.topology.upstream_of(node);
            up.is_some_and(|up| up.name != primary.name)
        };
        let planned: Vec<&Node> = others
            .filter(|node| node.name != primary.name && !follows_other(node))
            .collect();
        let linked = |node: &Node| {
            let link = node.upstream();
            link.is_some_and(|up| up.link == Link::Up)
        };
        let missing = planned.iter().copied().filter(|node| !linked(node));
        (planned.len(), missing.collect())
    }

    /// A primary that starts by itself after a failure of its host, without data.
    fn nothing_saved(&self) -> Option<Finding> {
        let primary = self.look.primary()?;
        let server = primary.server()?;
        let off = |key, value| server.config.get(key).is_some_and(|v: &String| v == value);
        let starts = primary.service.as_deref()?.starts_at_boot() == Some(true);
        if !starts || !off("save", "") || !off("appendonly", "no") {
            return None;
        }
        let message = format!(
            "{} saves nothing and starts with its host: after a failure of the host it comes back empty, and its replicas copy that",
            name(&primary.name)
        );
        Some(
            Finding::about(primary, Code::NothingSaved, Severity::Warning, message)
                .hint(self.setting(primary, "save", "'3600 1 300 100 60 10000'")),
        )
    }

    /// A link that times out before the next ping.
    fn timeout(&self, node: &Node, server: &Server) -> Option<Finding> {
        let limit = self.seen.number(&node.name, "repl-timeout")?;
        let period: u64 = server
            .config
            .get("repl-ping-replica-period")?
            .parse()
            .ok()?;
        if limit > period {
            return None;
        }
        let message = format!(
            "{} gives a link up after {limit} s, and a sign of life comes each {period} s: links break where nothing is written",
            name(&node.name)
        );
        let value = period.saturating_mul(6).max(60).to_string();
        Some(
            Finding::about(node, Code::TimeoutShort, Severity::Warning, message)
                .hint(self.setting(node, "repl-timeout", &value))
                .with("timeout_seconds", limit)
                .with("period_seconds", period),
        )
    }

    /// Everybody who reaches the port is an administrator.
    fn open_server(&self, node: &Node, server: &Server) -> Option<Finding> {
        let plain = server.config.get("port").and_then(|port| port.parse().ok());
        let plain: u16 = plain.unwrap_or(node.address.port);
        // A client needs a certificate, unless that is known to be switched off.
        let clients = self.seen.setting(&node.name, "tls-auth-clients");
        if plain == 0 && !matches!(clients, Some("no" | "optional")) {
            return None;
        }
        let port = if plain == 0 { node.address.port } else { plain };
        let unprotected = server.config.get("protected-mode")? == "no";
        let bound = server.config.get("bind")?;
        let beyond = bound.is_empty()
            || bound
                .split_whitespace()
                .any(|at| !is_loopback(at.trim_start_matches('-')));
        // If the inventory has a password, another finding reports this.
        if server.has_password != Some(false)
            || self.look.context.password
            || !beyond
            || !unprotected
        {
            return None;
        }
        let message = format!(
            "{} needs no password and takes commands on all addresses that it listens on: whoever reaches port {} may read, change and stop it",
            name(&node.name),
            port
        );
        Some(
            Finding::about(node, Code::OpenServer, Severity::Warning, message)
                .hint("add `password = { file = \"FILE\" }` under `[deployment]` of the inventory, then: replctl setup"),
        )
    }

    /// Settings that would change if this replica were promoted.
    fn differs(&self, node: &Node, server: &Server) -> Option<Finding> {
        let primary = self.look.primary().filter(|p| p.name != node.name)?;
        let above = primary.server()?;
        let policy = |server: &Server| server.config.get("maxmemory-policy").cloned();
        let mut differ = Vec::new();
        let mut lines = Vec::new();
        if let (Some(own), Some(its)) = (server.maxmemory, above.maxmemory)
            && own != its
        {
            differ.push(format!("`maxmemory` {} and {}", amount(own), amount(its)));
            lines.push(("maxmemory", its.to_string()));
        }
        if let (Some(own), Some(its)) = (policy(server), policy(above))
            && own != its
        {
            differ.push(format!("`maxmemory-policy` {own} and {its}"));
            lines.push(("maxmemory-policy", its));
        }
        if differ.is_empty() {
            return None;
        }
        let message = format!(
            "{} and its primary {} differ: {}; a promotion changes what is dropped when memory is full",
            name(&node.name),
            name(&primary.name),
            differ.join("; ")
        );
        let lines = lines
            .iter()
            .map(|(key, value)| self.setting(node, key, value));
        let lines: Vec<String> = lines.collect();
        Some(
            Finding::about(node, Code::SettingsDiffer, Severity::Warning, message)
                .hint(lines.join(" && ")),
        )
    }
}

fn amount(limit: u64) -> String {
    if limit == 0 {
        "no limit".to_owned()
    } else {
        bytes(limit)
    }
}

pub(in super::super) const MIN_REPLICAS: Explanation = Explanation {
    severities: &[Severity::Problem, Severity::Warning],
    meaning: "The primary takes a write only while so many replicas are linked, and it has no more than that, or fewer. The loss of one replica is then an outage.",
    cause: "`min-replicas-to-write` is as high as the number of replicas.",
    way_out: "Bring back the replicas that are missing, or add one. Lower the setting only where no replica is missing: on a primary that its replicas have left, it keeps writes out that would be lost.",
};

pub(in super::super) const NOTHING_SAVED: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The primary writes neither dumps nor an append-only file, and starts with its host. After a power failure it comes back without data, and its replicas copy the empty data set.",
    cause: "`save \"\"` together with `appendonly no`.",
    way_out: "Let the primary save, or do not start it at boot, so that a replica can be promoted first.",
};

pub(in super::super) const TIMEOUT_SHORT: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A link counts as dead before the primary sends its next sign of life. Where clients write seldom, links break and come back all the time.",
    cause: "`repl-timeout` is not higher than `repl-ping-replica-period`.",
    way_out: "Set `repl-timeout` to several times `repl-ping-replica-period`. 60 is the default.",
};

pub(in super::super) const OPEN_SERVER: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The server takes commands from everybody who reaches its port. That is enough to read all data, to delete it, and to make the server a replica of another one.",
    cause: "No `requirepass`, and `protected-mode no`.",
    way_out: "Give the deployment a password, or let a firewall pass only the hosts that need the port.",
};

pub(in super::super) const SETTINGS_DIFFER: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A replica has another memory limit or drops keys by another policy than its primary. After its promotion, clients find other behaviour when memory is full.",
    cause: "A setting was changed on one node only.",
    way_out: "Give all nodes the same setting, in the inventory too if it stands there.",
};
