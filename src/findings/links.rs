//! Each replica's link: its upstream, its state, the cause if it is down, and its lag.

use super::cause::{Cause, because, hopeless, way_on, why};
use super::full_sync::full_sync;
use super::{Code, Explanation, Finding, Look, Remedy, Severity};
use crate::topology::lineage::{Lineage, lineage, of_another_history};
use crate::topology::phrases::{bytes, duration, name};
use crate::topology::tree::ring;
use crate::topology::versions::{CopySentence, said};
use crate::topology::{Link, Node, Server, Upstream};
use std::fmt::Write as _;

/// The lag, in bytes, that gets a warning where the backlog size is unknown: half of the server's
/// default.
const FAR_BEHIND: u64 = 512 << 10;

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
                    self.linked(found, node, upstream, link);
                }
                Some(upstream) => self.unlinked(found, node, upstream, (server, link)),
            }
        }
    }

    /// The node follows an address that no node has. No other finding shows such a typing mistake.
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

    fn linked(&self, found: &mut Vec<Finding>, node: &Node, upstream: &Node, link: &Upstream) {
        let own = name(&node.name);
        let up = name(&upstream.name);
        if of_another_history(node, self.topology) {
            let address = &link.address;
            let message = format!(
                "the link of {own} is up, but its history is not that of {up}: {address} may lead elsewhere from its host"
            );
            // A server that gets `REPLICAOF` with its present upstream keeps its link.
            let hint = format!(
                "find out where {address} leads from the host of {own}, and correct that; then let it connect anew, which replaces its data by that of {up}: {} client kill type master",
                self.cli(node)
            );
            found.push(
                Finding::about(node, Code::AnotherHistory, Severity::Warning, message).hint(hint),
            );
        }
        // Without a primary on top, another finding is worse.
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
        found.extend(next_copy(node, upstream));
    }

    /// A promotion leaves a replica under a good replica, so `move` repoints it.
    fn straight_up(&self, node: &Node) -> Option<String> {
        let top = self.topology.top_of(node)?;
        Some(format!("replctl move {} --under {}", node.name, top.name))
    }

    fn unlinked(
        &self,
        found: &mut Vec<Finding>,
        node: &Node,
        upstream: &Node,
        (server, link): (&Server, &Upstream),
    ) {
        if server.loading.is_some() && link.sync.is_none() {
            // A loading server asks for no link. Another finding reports that.
            return;
        }
        let cause = why(node, (server, link), upstream);
        let logs = self.context.logs.get(&node.name);
        let logs = logs.map_or(&[][..], Vec::as_slice);
        // Some full copies arrive or fail depending on the data. Then the logs report the failure.
        let fails = !logs.is_empty() && said(node, upstream).is_some();
        if !hopeless(cause.as_ref(), link)
            && !fails
            && let Some(finding) = full_sync(node, (upstream, self.topology), link)
        {
            found.push(finding);
            return;
        }
        let own = name(&node.name);
        let up = name(&upstream.name);
        let because = because(cause.as_ref(), node, upstream, (server, link), logs);
        let severity = if matches!(cause, Some(Cause::UpstreamGone | Cause::UpstreamLoads)) {
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
            .maybe_way(match &cause {
                Some(Cause::Tls(_)) => {
                    Some(Remedy::Other(self.same_everywhere(node, server, upstream)))
                }
                None => self.log(node, server).map(Remedy::Other),
                Some(other) => way_on(other, node, upstream),
            })
            .with("upstream", upstream.name.0.as_str())
            .with("down_since_seconds", link.down_since_seconds);
        if let Some(cause) = &cause {
            finding = finding.with("cause", cause.code());
        }
        found.push(finding);
        found.extend(diverged(node, upstream, server));
    }

    fn wants_cascade(&self, node: &Node, upstream: &Node) -> bool {
        self.wanted(node).and_then(|wanted| wanted.follows.as_ref()) == Some(&upstream.name)
    }
}

/// Whether its next full resync can succeed.
fn next_copy(node: &Node, upstream: &Node) -> Option<Finding> {
    let (severity, message) = match said(node, upstream)? {
        CopySentence::Never(text) => (
            Severity::Warning,
            format!("{text}: its next full resync never ends"),
        ),
        CopySentence::Perhaps(text) => (Severity::Note, text),
    };
    Some(Finding::about(node, Code::VersionOrder, severity, message))
}

/// "has been down for 348 s", "has never been up".
fn down_for(link: &Upstream) -> String {
    match link.down_since_seconds {
        Some(seconds) => format!("has been down for {}", duration(seconds)),
        None => "has never been up".to_owned(),
    }
}

/// The writes that the node would lose when the link comes back.
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

pub(super) const ANOTHER_HISTORY: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The link is up, but the replica's history is not that of the node it seems to follow. Its data may come from another server.",
    cause: "The upstream's address leads somewhere else from the host of the replica: another network, a port forward, or a name that this host resolves to another address. It can also be seen for a moment while a history changes.",
    way_out: "Look again. If it stays, find out where the address leads from that host, and correct that. Then let the replica connect anew: `CLIENT KILL TYPE master` on it. Its data is replaced by that of the right upstream. `promote` and `move` do not help here, as the replica has the right address already.",
};

pub(super) const BEHIND: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The replica lacks more than half of what the backlog holds. If its link breaks now, the backlog may not reach back far enough, and all data is sent again.",
    cause: "The replica, its disk or the network is slower than the writes, or `repl-backlog-size` is small.",
    way_out: "Wait until it has caught up, or look for what slows it. A larger `repl-backlog-size` gives more time.",
};

pub(super) const LINK_DOWN: Explanation = Explanation {
    severities: &[Severity::Problem, Severity::Warning],
    meaning: "The replica has lost its link to its upstream. It gets no writes, and its data is old.",
    cause: "The message names the cause where it can be seen: the upstream is down or loads its data, a name that the host does not know, a password, protected mode, a version whose copies it cannot load, or TLS. Otherwise the last lines of both servers' logs are quoted, where they can be read. It is a warning while only the upstream is missing or loading.",
    way_out: "Follow the hint. Without one, read the server's log on the host.",
};

pub(super) const NEVER_LINKED: Explanation = Explanation {
    severities: &[Severity::Problem, Severity::Warning],
    meaning: "The replica has never had a link to its upstream since it was told to follow it.",
    cause: "As for `link-down`. A server that was just started or pointed elsewhere shows this for a moment.",
    way_out: "Follow the hint. Without one, read the server's log on the host.",
};

pub(super) const LINK_SILENT: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "The link is up in name only: the replica has heard nothing for longer than an upstream ever keeps silent.",
    cause: "The network between the two drops packets silently, or the upstream is frozen.",
    way_out: "Look at the network between the two hosts, and at the upstream's process. The server itself gives the link up after `repl-timeout`.",
};

pub(super) const REPLICA_OF_REPLICA: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The replica follows another replica, and the inventory does not say so.",
    cause: "Somebody moved it by hand, or a chain was left after a promotion.",
    way_out: "`replctl move NODE --under PRIMARY` brings it straight under the primary. If the chain is wanted, `replctl move NODE --under OTHER --update-inventory` writes it into the inventory.",
};

pub(super) const UPSTREAM_UNKNOWN: Explanation = Explanation {
    severities: &[Severity::Problem, Severity::Warning],
    meaning: "The replica follows an address that no node of the inventory has. Its data comes from elsewhere, or from nowhere.",
    cause: "A typing mistake in `replicaof` (the message names the closest node), a node that has left, or a server that the inventory lacks. It is a warning while the link is up.",
    way_out: "`replctl promote PRIMARY` attaches it to the present primary. If it follows a server that is missing from the inventory, add that: `replctl add NAME --address HOST:PORT`.",
};

pub(super) const DIVERGED: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "The replica has part of a stream that its upstream never had. It loses that part when it follows.",
    cause: "It was a primary, or followed a former primary, and has writes that the present primary lacks.",
    way_out: "If that part matters, copy its data before the link comes back: `BGSAVE`, then the dump file on its host. Another finding says why the link is down.",
};

pub(super) const VERSION_ORDER: Explanation = Explanation {
    severities: &[Severity::Warning, Severity::Note],
    meaning: "The replica's version cannot load the full copies that its upstream makes, or can only as long as the data has no feature that it lacks. A partial resync works; the next full one fails.",
    cause: "The upstream runs a newer server than the replica.",
    way_out: "Update the replica first, or let the newer server follow the older one.",
};
