//! Each replica's link: where it leads, whether it is up, why it is not, how far behind it is.

use super::full_sync::full_sync;
use super::names::{Name, misled};
use super::{Code, Finding, Look, Severity};
use crate::topology::lineage::{Lineage, lineage};
use crate::topology::tree::ring;
use crate::topology::words::{bytes, distance, duration, name};
use crate::topology::{Address, Link, Node, Product, ReplicaAuth, Server, Upstream, Version};
use std::fmt::Write as _;

/// Most edits between an unknown address and a node's for the one to be taken for a slip of the other.
const SLIP: usize = 3;
/// Bytes behind that are worth a warning where the size of the backlog is not known (half of the server's default).
const FAR_BEHIND: u64 = 512 << 10;

/// Why a link is not up, where it can be seen from here.
enum Cause {
    UpstreamGone,
    Name(Name),
    UpstreamUnlinked,
    AuthMissing,
    AuthWrong,
    AuthUnwanted,
    ProtectedMode,
    TooOld,
}

impl Look<'_> {
    pub(super) fn links(&self, found: &mut Vec<Finding>) {
        for node in &self.topology.nodes {
            let (Some(server), Some(link)) = (node.server(), node.upstream()) else {
                continue;
            };
            if !ring(node, self.topology).is_empty() {
                continue;
            }
            match self.topology.upstream_of(node) {
                None => found.push(self.stray(node, link)),
                Some(upstream) if link.link == Link::Up => {
                    self.linked(found, node, upstream, server);
                }
                Some(upstream) => unlinked(found, node, upstream, (server, link)),
            }
        }
    }

    /// It follows an address that no node has: the slip of a hand that shows nowhere else.
    fn stray(&self, node: &Node, link: &Upstream) -> Finding {
        let closest = self.closest(node, &link.address);
        let mut message = format!(
            "{} replicates from {}, which is no node of the inventory",
            name(&node.name),
            link.address
        );
        if let Some((other, address)) = closest {
            let _ = write!(message, " (closest: {}, {address})", name(&other.name));
        }
        let severity = match link.link {
            Link::Up => {
                message.push_str(", and the link is up: its data comes from elsewhere");
                Severity::Warning
            }
            Link::Down if super::names::unknown(node) => {
                message.push_str(", and its host does not know that name");
                Severity::Problem
            }
            Link::Down => {
                message.push_str(", and the link ");
                message.push_str(&down_for(link));
                Severity::Problem
            }
        };
        let mut finding = Finding::about(node, Code::UpstreamUnknown, severity, message)
            .maybe_hint(self.put_right())
            .with("upstream", link.address.to_string())
            .with("link", serde_json::json!(link.link))
            .with("down_since_seconds", link.down_since_seconds);
        if let Some((other, _)) = closest {
            finding = finding.with("closest", other.name.0.as_str());
        }
        finding
    }

    fn closest<'b>(&'b self, node: &Node, address: &Address) -> Option<(&'b Node, &'b Address)> {
        let others = self
            .topology
            .nodes
            .iter()
            .filter(|other| other.name != node.name);
        let written = address.to_string();
        others
            .flat_map(|other| [(other, &other.announced), (other, &other.address)])
            .map(|(other, own)| (distance(&own.to_string(), &written), other, own))
            .filter(|(steps, _, _)| *steps <= SLIP)
            .min_by_key(|(steps, _, _)| *steps)
            .map(|(_, other, own)| (other, own))
    }

    fn linked(&self, found: &mut Vec<Finding>, node: &Node, upstream: &Node, server: &Server) {
        let own = name(&node.name);
        let up = name(&upstream.name);
        let Some(above) = upstream.server() else {
            return;
        };
        if server.replication.replid != above.replication.replid {
            let message = format!(
                "the link of {own} is up, but its history is not that of {up}: {} may lead elsewhere from its host",
                node.upstream()
                    .map_or_else(String::new, |link| link.address.to_string())
            );
            found.push(
                Finding::about(node, Code::AnotherHistory, Severity::Warning, message)
                    .maybe_hint(self.put_right()),
            );
        }
        // Without a primary on top there is something worse to say.
        let fed = self.topology.top_of(node).is_some_and(Node::is_primary);
        if fed && upstream.upstream().is_some() && !self.wants_cascade(node, upstream) {
            let message = format!("{own} replicates from {up}, which is a replica itself");
            found.push(
                Finding::about(node, Code::ReplicaOfReplica, Severity::Warning, message)
                    .maybe_hint(self.straight_up(node))
                    .with("upstream", upstream.name.0.as_str()),
            );
        }
        if let Some(seconds) = self.topology.silent_seconds(node) {
            let message = format!(
                "the link of {own} to {up} is up in name only: {own} heard nothing for {}, and {up} sends something every few seconds",
                duration(seconds)
            );
            found.push(
                Finding::about(node, Code::LinkSilent, Severity::Problem, message)
                    .with("upstream", upstream.name.0.as_str())
                    .with("silent_seconds", seconds),
            );
        }
        let top = self.topology.top_of(node).and_then(Node::server);
        let room = top
            .and_then(|top| top.replication.backlog)
            .map_or(FAR_BEHIND, |backlog| backlog.size / 2);
        if let Some(missing) = self.topology.behind(node).filter(|missing| *missing > room) {
            let message = format!(
                "{own} is {} behind, and the backlog has {}: an interruption now means a full resync",
                bytes(missing),
                bytes(room * 2)
            );
            found.push(
                Finding::about(node, Code::Behind, Severity::Warning, message)
                    .with("bytes", missing),
            );
        }
    }

    /// A replica under a good replica is left there by a promotion, so it is moved by itself.
    fn straight_up(&self, node: &Node) -> Option<String> {
        let top = self.topology.top_of(node)?;
        Some(format!("replctl move {} --under {}", node.name, top.name))
    }

    fn wants_cascade(&self, node: &Node, upstream: &Node) -> bool {
        self.wanted(node).and_then(|wanted| wanted.follows.as_ref()) == Some(&upstream.name)
    }
}

fn unlinked(
    found: &mut Vec<Finding>,
    node: &Node,
    upstream: &Node,
    (server, link): (&Server, &Upstream),
) {
    let cause = why(node, server, upstream);
    if !hopeless(cause.as_ref(), link)
        && let Some(finding) = full_sync(node, upstream, link)
    {
        found.push(finding);
        return;
    }
    let own = name(&node.name);
    let up = name(&upstream.name);
    let because = match &cause {
        Some(Cause::UpstreamGone) => format!(": {up} does not answer"),
        Some(Cause::Name(name)) => format!(": {}", name.why(node, link)),
        Some(Cause::UpstreamUnlinked) => format!(": {up} has no link to its own upstream"),
        Some(Cause::AuthMissing) => {
            format!(": {up} wants a password and {own} has no `masterauth`")
        }
        Some(Cause::AuthWrong) => {
            format!(": `masterauth` of {own} is not what the inventory says")
        }
        Some(Cause::AuthUnwanted) => {
            format!(": {own} has a `masterauth` and {up} has no password, so it refuses the login")
        }
        Some(Cause::ProtectedMode) => {
            format!(": {up} is in protected mode and has no password")
        }
        Some(Cause::TooOld) => format!(
            ": {} cannot read what {} sends",
            version(node),
            version(upstream)
        ),
        None => format!(
            ": both are well seen from here, so {own} may not reach {} from its host; its log says why",
            link.address
        ),
    };
    let severity = if matches!(cause, Some(Cause::UpstreamGone)) {
        Severity::Warning
    } else {
        Severity::Problem
    };
    let code = if link.down_since_seconds.is_some() {
        Code::LinkDown
    } else {
        Code::NeverLinked
    };
    let message = format!("the link of {own} to {up} {}{because}", down_for(link));
    let mut finding = Finding::about(node, code, severity, message)
        .maybe_hint(way_on(cause.as_ref(), node, upstream, server))
        .with("upstream", upstream.name.0.as_str())
        .with("down_since_seconds", link.down_since_seconds);
    if let Some(cause) = &cause {
        finding = finding.with("cause", cause.code());
    }
    found.push(finding);
    found.extend(diverged(node, upstream, server));
}

/// A link that cannot succeed is tried again and again, and looks like a full resync under way when it is met in the middle.
fn hopeless(cause: Option<&Cause>, link: &Upstream) -> bool {
    let nothing_read = link.sync.and_then(|sync| sync.read).unwrap_or(0) == 0;
    match cause {
        Some(Cause::TooOld) => true,
        Some(
            Cause::AuthMissing | Cause::AuthWrong | Cause::AuthUnwanted | Cause::ProtectedMode,
        ) => nothing_read,
        Some(Cause::UpstreamGone | Cause::Name(_) | Cause::UpstreamUnlinked) | None => false,
    }
}

impl Cause {
    fn code(&self) -> &'static str {
        match self {
            Self::UpstreamGone => "upstream-unreachable",
            Self::Name(name) => name.code(),
            Self::UpstreamUnlinked => "upstream-link-down",
            Self::AuthMissing => "replica-auth-missing",
            Self::AuthWrong => "replica-auth-wrong",
            Self::AuthUnwanted => "replica-auth-unwanted",
            Self::ProtectedMode => "protected-mode",
            Self::TooOld => "version-order",
        }
    }
}

/// "has been down for 348 s", "has never been up".
fn down_for(link: &Upstream) -> String {
    match link.down_since_seconds {
        Some(seconds) => format!("has been down for {}", duration(seconds)),
        None => "has never been up".to_owned(),
    }
}

fn why(node: &Node, server: &Server, upstream: &Node) -> Option<Cause> {
    let Some(above) = upstream.server() else {
        return Some(Cause::UpstreamGone);
    };
    if let Some(name) = misled(node, upstream) {
        return Some(Cause::Name(name));
    }
    let locked = above.has_password;
    match server.replica_auth {
        Some(ReplicaAuth::Unset) if locked == Some(true) => return Some(Cause::AuthMissing),
        Some(ReplicaAuth::Wrong) if locked == Some(true) => return Some(Cause::AuthWrong),
        Some(ReplicaAuth::Wrong | ReplicaAuth::Right) if locked == Some(false) => {
            return Some(Cause::AuthUnwanted);
        }
        Some(ReplicaAuth::Unset | ReplicaAuth::Wrong | ReplicaAuth::Right) | None => {}
    }
    if upstream
        .upstream()
        .is_some_and(|link| link.link == Link::Down)
    {
        return Some(Cause::UpstreamUnlinked);
    }
    // From 7.0 on, binding an address does not end protected mode: only a password or `protected-mode no` does.
    let protected = above
        .config
        .get("protected-mode")
        .is_some_and(|value| value == "yes");
    let open_from_elsewhere = !is_loopback(&upstream.announced.host) && above.version.major >= 7;
    if protected && locked == Some(false) && open_from_elsewhere {
        return Some(Cause::ProtectedMode);
    }
    (!can_load(server, above)).then_some(Cause::TooOld)
}

fn way_on(cause: Option<&Cause>, node: &Node, upstream: &Node, server: &Server) -> Option<String> {
    match cause {
        Some(Cause::AuthMissing | Cause::AuthWrong | Cause::AuthUnwanted) => {
            Some(format!("replctl setup {}", node.name))
        }
        Some(Cause::ProtectedMode) => Some(format!("replctl setup {}", upstream.name)),
        Some(Cause::TooOld) => Some(format!(
            "bring {} to the version of {}",
            name(&node.name),
            name(&upstream.name)
        )),
        Some(Cause::UpstreamGone | Cause::UpstreamUnlinked) => None,
        Some(Cause::Name(_)) => Some(super::names::way_on(upstream)),
        // The server tells the reason nowhere but in its log.
        None => {
            let log = server
                .config
                .get("logfile")
                .filter(|log| log.starts_with('/'))?;
            let log = shlex::try_quote(log).ok()?;
            Some(format!("ssh {} tail -n 20 {log}", node.address.host))
        }
    }
}

/// What it would lose when the link comes back.
fn diverged(node: &Node, upstream: &Node, server: &Server) -> Option<Finding> {
    let Lineage::Diverged { bytes: lost } =
        lineage(&server.replication, &upstream.server()?.replication)
    else {
        return None;
    };
    let message = format!(
        "{} has {} of its stream that {} has not: it loses them when it follows",
        name(&node.name),
        bytes(lost),
        name(&upstream.name)
    );
    Some(Finding::about(node, Code::Diverged, Severity::Problem, message).with("bytes", lost))
}

fn version(node: &Node) -> String {
    let server = node.server().map(|s| (s.product, s.version));
    match server {
        Some((Product::Redis, version)) => format!("{} (Redis {version})", name(&node.name)),
        Some((Product::Valkey, version)) => format!("{} (Valkey {version})", name(&node.name)),
        None => name(&node.name),
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// Whether a full copy that `above` sends can be loaded by `below`; taken for possible where the format is not known.
pub(super) fn can_load(below: &Server, above: &Server) -> bool {
    match (
        rdb_version(below.product, below.version),
        rdb_version(above.product, above.version),
    ) {
        (Some(reads), Some(sends)) => sends <= reads,
        _ => true,
    }
}

/// The version of the dump format, as measured by full resyncs between 6.0, 6.2, 7.0, 8.0 and Valkey 8.1, and as their sources have it between.
fn rdb_version(product: Product, version: Version) -> Option<u8> {
    match (product, version.major, version.minor) {
        (Product::Redis, 5 | 6, _) => Some(9),
        (Product::Redis, 7, 0) => Some(10),
        (Product::Redis, 7, 1..=3) | (Product::Valkey, 7 | 8, _) => Some(11),
        (Product::Redis, 7, 4..) | (Product::Redis, 8, 0) => Some(12),
        (Product::Redis | Product::Valkey, _, _) => None,
    }
}
