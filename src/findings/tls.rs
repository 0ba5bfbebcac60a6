//! Nodes that could not follow each other because of TLS, replication without TLS, and certificates
//! that expire soon.

use super::{Code, Explanation, Finding, Look, Severity};
use crate::topology::phrases::{list, name};
use crate::topology::tls::{cannot_reach, none_could_follow};
use crate::topology::{Link, Node, Server};

/// Less time than this is too short to get a certificate and put it everywhere, seconds.
const SOON: i64 = 14 * DAY;
const DAY: i64 = 86_400;

impl<'a> Look<'a> {
    pub(super) fn tls(&self, found: &mut Vec<Finding>) {
        let closed = [false, true].map(|over| self.closed_to(over));
        for node in &self.topology.nodes {
            let over = node.server().and_then(Server::over_tls);
            if let (Some(server), Some(over)) = (node.server(), over) {
                found.extend(self.stranded(node, server, &closed[usize::from(over)]));
            }
        }
        found.extend(ending(&self.topology.nodes));
        found.extend(self.in_plain_text());
    }

    /// Nodes that no node could follow, with the reason. `over`: for nodes that replicate over TLS.
    fn closed_to(&self, over: bool) -> Vec<(&'a Node, String)> {
        let all = self.topology.nodes.iter();
        all.filter_map(|other| Some((other, none_could_follow(over, other)?)))
            .collect()
    }

    /// The finding for a node that could not follow the others, if one became primary.
    fn stranded(
        &self,
        node: &Node,
        server: &Server,
        closed: &[(&Node, String)],
    ) -> Option<Finding> {
        // If the link is down because of TLS, the finding about the link reports that.
        let told = node.upstream().is_some_and(|link| {
            let up = self.topology.upstream_of(node);
            link.link == Link::Down
                && up.is_some_and(|up| cannot_reach(server, up, &link.address).is_some())
        });
        let others = closed.iter();
        let unreachable: Vec<&(&Node, String)> = others
            .filter(|(other, _)| !told && other.name != node.name)
            .collect();
        let (first, why) = unreachable.first()?;
        let message = format!(
            "{} could not follow {}: {why}",
            name(&node.name),
            list(unreachable.iter().map(|(other, _)| *other)),
        );
        Some(
            Finding::about(node, Code::TlsReplication, Severity::Warning, message)
                .hint(self.same_everywhere(node, server, first))
                .with(
                    "unreachable",
                    unreachable
                        .iter()
                        .map(|(other, _)| other.name.0.clone())
                        .collect::<Vec<_>>(),
                ),
        )
    }

    /// The hint that makes `node` able to follow `other`.
    pub(super) fn same_everywhere(&self, node: &Node, server: &Server, other: &Node) -> String {
        if server.over_tls() == Some(true) {
            format!(
                "give {} a `tls-port`, `tls-cert-file` and `tls-key-file`, as the others have; where it has them, its port for TLS as `announce` in the inventory",
                name(&other.name)
            )
        } else {
            format!(
                "{} config set tls-replication yes, and the same in its file",
                self.cli(node)
            )
        }
    }

    /// Replication without TLS, where the inventory asks for TLS to the servers.
    fn in_plain_text(&self) -> Option<Finding> {
        let open = || {
            self.topology.nodes.iter().filter(|node| {
                let wanted = self.wanted(node).is_some_and(|w| w.tls.is_some());
                let server = node.server().and_then(Server::over_tls);
                let linked = node.upstream().is_some_and(|link| link.link == Link::Up);
                wanted && linked && server == Some(false)
            })
        };
        let first = open().next()?;
        let verb = if open().count() == 1 { "s" } else { "" };
        let message = format!(
            "{} replicate{verb} without TLS (tls-replication no): data and the replication password can be read on the way",
            list(open())
        );
        let hint = format!("{} config set tls-replication yes", self.cli(first));
        let names: Vec<&str> = open().map(|n| n.name.0.as_str()).collect();
        Some(
            Finding::of_all(Code::PlainReplication, Severity::Note, message)
                .hint(hint)
                .with("nodes", names),
        )
    }
}

/// Certificates that expire soon. As a rule all expire on one day, so one line covers them.
fn ending(nodes: &[Node]) -> Option<Finding> {
    let soon = |node: &&Node| {
        let left = node.server().and_then(|s| s.certificate);
        left.is_some_and(|c| c.left_seconds < SOON)
    };
    let ending = || nodes.iter().filter(soon);
    let certificates = ending().filter_map(|n| n.server()?.certificate);
    let first = certificates.min_by_key(|c| c.left_seconds)?;
    let left = match first.left_seconds / DAY {
        0 => "in less than a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    };
    let message = match ending().count() {
        1 => format!(
            "the certificate of {} expires {left}, at {}: from then on no client gets a new connection to it",
            list(ending()),
            first.until
        ),
        _ => format!(
            "the certificates of {} expire, the first {left}, at {}: from then on no client gets new connections",
            list(ending()),
            first.until
        ),
    };
    let names: Vec<&str> = ending().map(|n| n.name.0.as_str()).collect();
    Some(
        Finding::of_all(Code::CertificateExpires, Severity::Warning, message)
            .hint("put new ones in the place of the old, and let the servers read them: CONFIG SET tls-cert-file FILE (`replctl setup` does both where the inventory names `server_cert`)")
            .with("nodes", names)
            .with("until", first.until.to_string())
            .with("left_seconds", first.left_seconds),
    )
}

pub(super) const CERTIFICATE_EXPIRES: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "A server's certificate ends in less than 14 days. From then on no client gets a new TLS connection to it, and broken links do not come back.",
    cause: "A certificate is valid for a limited time, and this one was not replaced yet.",
    way_out: "Put a new one in its place and let the server read it: `CONFIG SET tls-cert-file FILE`. `replctl setup` does both where the inventory names `server_cert`.",
};

pub(super) const TLS_REPLICATION: Explanation = Explanation {
    severities: &[Severity::Warning],
    meaning: "The node could not follow another one if that became the primary: one replicates over TLS, and the other has no port for that, or the other way round.",
    cause: "`tls-replication`, `tls-port` or `port` differ between the nodes.",
    way_out: "Set `tls-replication` alike on all nodes, and give each of them a port for it, in their files too.",
};

pub(super) const PLAIN_REPLICATION: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "The inventory speaks to the servers over TLS, and they replicate without it. Data and the replication password can be read on the way.",
    cause: "`tls-replication` is `no`, which is the servers' default.",
    way_out: "`CONFIG SET tls-replication yes` on the replicas, and the same in their files.",
};
