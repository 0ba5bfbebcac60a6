//! Each replica's link: where it leads, whether it is up, why it is not, how far behind it is.

use super::cause::{Cause, because, hopeless, way_on, why};
use super::full_sync::full_sync;
use super::{Code, Finding, Look, Severity};
use crate::topology::lineage::{Lineage, lineage};
use crate::topology::phrases::{bytes, duration, name};
use crate::topology::tree::ring;
use crate::topology::versions::{Said, said};
use crate::topology::{Link, Node, Server, Upstream};
use std::fmt::Write as _;

/// Bytes behind that are worth a warning where the size of the backlog is not known (half of the server's default).
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
                    self.linked(found, node, upstream, server);
                }
                Some(upstream) => self.unlinked(found, node, upstream, (server, link)),
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
        found.extend(next_copy(node, upstream));
    }

    /// A replica under a good replica is left there by a promotion, so it is moved by itself.
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
            // It asks for no link before that is done, which is told already.
            return;
        }
        let cause = why(node, (server, link), upstream);
        let logs = self.context.logs.get(&node.name);
        let logs = logs.map_or(&[][..], Vec::as_slice);
        // Where it depends on the data whether a copy can arrive, the logs tell that it did not.
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
            .maybe_hint(match &cause {
                Some(Cause::Tls(_)) => Some(self.same_everywhere(node, server, upstream)),
                None => self.log(node, server),
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
        Said::Never(text) => (
            Severity::Warning,
            format!("{text}: its next full resync never ends"),
        ),
        Said::Perhaps(text) => (Severity::Note, text),
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
