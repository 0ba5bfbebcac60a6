//! Who is primary, who is there at all, who follows in circles.

use super::{Code, Counted, Finding, Look, Severity};
use crate::topology::candidate::{best_primary, best_replica, primaries, same_process};
use crate::topology::lineage::{Lineage, lineage, unknown_because};
use crate::topology::tree::ring;
use crate::topology::words::{bytes, list, name, plural};
use crate::topology::{Link, Node, State, Trouble, TroubleKind, sentinel};
use std::fmt::Write as _;

/// What only the old one has, with its commands where they were counted.
fn diverged(old: &str, new: &str, b: u64, counted: Option<&Counted>, other: &Node) -> String {
    let stream = bytes(b);
    let lists = format!("replctl lost {} lists them", other.name);
    match counted {
        Some(Counted { commands: 0, .. }) => {
            format!("; {new} has all commands that {old} has, but for {stream} of keep-alives")
        }
        Some(Counted { commands, keys }) => format!(
            "; only {old} has {} on {} ({stream} of its stream; {lists})",
            plural(*commands, "command"),
            plural(*keys, "key")
        ),
        None => format!("; {old} has {stream} of its stream that {new} has not ({lists})"),
    }
}

impl Look<'_> {
    pub(super) fn roles(&self, found: &mut Vec<Finding>) {
        let primaries = primaries(self.topology);
        match primaries[..] {
            [] => found.push(self.no_primary()),
            [_] => {}
            _ => found.push(self.several(&primaries)),
        }
        self.one_server(found);
        self.loops(found);
    }

    fn no_primary(&self) -> Finding {
        let (up, gone): (Vec<&Node>, Vec<&Node>) = self
            .topology
            .nodes
            .iter()
            .partition(|node| node.server().is_some());
        let best = best_replica(self.topology);
        let message = match (up.len(), gone.len()) {
            (0, 1) => format!(
                "there is no primary: {} does not answer",
                list(gone.iter().copied())
            ),
            (0, _) => "there is no primary: no node answers".to_owned(),
            (1, 0) => format!(
                "there is no primary: {} is a replica",
                list(up.iter().copied())
            ),
            (_, 0) => format!(
                "there is no primary: {} are all replicas",
                list(up.iter().copied())
            ),
            (_, _) => {
                let are = if up.len() == 1 {
                    "is a replica"
                } else {
                    "are replicas"
                };
                let verb = if gone.len() == 1 { "does" } else { "do" };
                format!(
                    "there is no primary: {} {are}, {} {verb} not answer",
                    list(up.iter().copied()),
                    list(gone.iter().copied())
                )
            }
        };
        let finding = Finding::of_all(Code::NoPrimary, Severity::Problem, message);
        if self
            .topology
            .nodes
            .iter()
            .any(|n| !ring(n, self.topology).is_empty())
        {
            // One of them may have been the primary and come back without knowing it, with more than the others.
            return finding.hint("replctl repair");
        }
        match best {
            Some(best) => finding
                .hint(format!("replctl promote {}", best.name))
                .with("best", best.name.0.as_str()),
            None => finding,
        }
    }

    fn several(&self, primaries: &[&Node]) -> Finding {
        let keep = self
            .heir(primaries)
            .or_else(|| best_primary(self.topology))
            .unwrap_or(primaries[0]);
        let others: Vec<&&Node> = primaries
            .iter()
            .filter(|node| node.name != keep.name)
            .collect();
        let all = if primaries.len() == 2 { "both" } else { "all" };
        let mut message = format!(
            "{} are {all} primaries and {all} take writes",
            list(primaries.iter().copied())
        );
        let mut relations = Vec::new();
        let mut hints = Vec::new();
        for other in others {
            let (Some(old), Some(new)) = (other.server(), keep.server()) else {
                continue;
            };
            let relation = lineage(&old.replication, &new.replication);
            let because = unknown_because(old, new);
            let pair = (other.name.clone(), keep.name.clone());
            let counted = self.context.counted.get(&pair);
            relations.push(serde_json::json!({ "node": other.name, "towards": keep.name, "lineage": relation, "only_here": counted }));
            let (old, new) = (name(&other.name), name(&keep.name));
            let difference = match relation {
                Lineage::Same { .. } => format!("; {new} has all that {old} has"),
                Lineage::Diverged { bytes: b } => diverged(&old, &new, b, counted, other),
                Lineage::Unknown => {
                    format!(
                        "; how {old} and {new} differ cannot be known, because of {old}: {because}"
                    )
                }
            };
            message.push_str(&difference);
            if let Some(debt) = self.debt_of(other) {
                let _ = write!(message, "; {}", self.replaced(debt));
            }
            let under = if primaries.len() == 2 {
                String::new()
            } else {
                format!(" --under {}", keep.name)
            };
            hints.push(format!("replctl rejoin {}{under}", other.name));
        }
        if sentinel::watched(self.topology).is_some() {
            message.push_str("; Sentinels watch, and make a replica of whom they do not take for the primary within some ten seconds, whatever only it has");
        }
        Finding::of_all(Code::SeveralPrimaries, Severity::Problem, message)
            .hint(hints.join("; "))
            .with(
                "nodes",
                primaries
                    .iter()
                    .map(|node| node.name.0.clone())
                    .collect::<Vec<_>>(),
            )
            .with("relations", relations)
    }

    /// Two names of the inventory that lead to one process.
    fn one_server(&self, found: &mut Vec<Finding>) {
        for (index, node) in self.topology.nodes.iter().enumerate() {
            let earlier = self.topology.nodes[..index]
                .iter()
                .find(|other| same_process(node, other));
            if let Some(other) = earlier {
                let message = format!(
                    "{} ({}) and {} ({}) are one and the same server",
                    name(&other.name),
                    other.address,
                    name(&node.name),
                    node.address
                );
                found.push(
                    Finding::about(node, Code::TwoNamesOneServer, Severity::Problem, message)
                        .hint(format!(
                            "correct `address` or `port` of {} in the inventory",
                            name(&node.name)
                        ))
                        .with("same_as", other.name.0.as_str()),
                );
            }
        }
    }

    fn loops(&self, found: &mut Vec<Finding>) {
        let mut told: Vec<&Node> = Vec::new();
        for node in &self.topology.nodes {
            let ring = ring(node, self.topology);
            if ring.is_empty() || told.iter().any(|t| t.name == node.name) {
                continue;
            }
            told.extend(&ring);
            let message = match ring.len() {
                1 => format!("{} replicates from itself", name(&node.name)),
                2 => format!(
                    "{} replicate from each other: no write reaches them",
                    list(ring.iter().copied())
                ),
                _ => format!(
                    "{} replicate in a circle: no write reaches them",
                    list(ring.iter().copied())
                ),
            };
            let way = best_primary(self.topology).map_or_else(
                || "replctl repair".to_owned(),
                |best| format!("replctl promote {}", best.name),
            );
            found.push(
                Finding::about(node, Code::Loop, Severity::Problem, message)
                    .hint(way)
                    .with(
                        "nodes",
                        ring.iter().map(|n| n.name.0.clone()).collect::<Vec<_>>(),
                    ),
            );
        }
    }

    pub(super) fn unreachable(&self, found: &mut Vec<Finding>) {
        for node in &self.topology.nodes {
            if let State::Down(trouble) = &node.state
                && self.debt_of(node).is_none()
            {
                found.push(self.gone(node, trouble));
            }
        }
    }

    fn gone(&self, node: &Node, trouble: &Trouble) -> Finding {
        let mut message = format!(
            "{} ({}) cannot be observed: {}",
            name(&node.name),
            node.address,
            trouble.detail
        );
        let hears = |other: &&Node| {
            other.upstream().is_some_and(|up| up.link == Link::Up)
                && self
                    .topology
                    .upstream_of(other)
                    .is_some_and(|up| up.name == node.name)
        };
        let hearing: Vec<&Node> = self.topology.nodes.iter().filter(hears).collect();
        if !hearing.is_empty() {
            let seconds = hearing
                .iter()
                .filter_map(|n| n.upstream()?.last_io_seconds)
                .min();
            let _ = write!(
                message,
                "; the link of {} to it is up",
                list(hearing.iter().copied())
            );
            if let Some(seconds) = seconds {
                let _ = write!(message, ", last heard from {seconds} s ago");
            }
        }
        if let Some(host) = super::names::searching(node) {
            let _ = write!(
                message,
                "; it may be busy looking up `{host}`, which it is to replicate from and its host does not know"
            );
        }
        Finding::about(node, Code::Unreachable, Severity::Problem, message)
            .maybe_hint(self.way_to(node, trouble.kind))
            .with("kind", serde_json::json!(trouble.kind))
            .with("detail", trouble.detail.as_str())
    }

    fn way_to(&self, node: &Node, kind: TroubleKind) -> Option<String> {
        let own = name(&node.name);
        match kind {
            // Without a primary the first thing is to have one; starting the old one is for afterwards.
            TroubleKind::Refused => self
                .primary()
                .map(|_| format!("replctl setup {}", node.name)),
            TroubleKind::PasswordMissing => {
                Some("give `password` under `[deployment]` in the inventory".into())
            }
            TroubleKind::PasswordRefused => Some(match &self.context.user {
                Some(user) => format!(
                    "compare `user` and `password` of the inventory with what ACL GETUSER {user} says on {own}"
                ),
                None => format!("compare the inventory's password with `requirepass` of {own}"),
            }),
            TroubleKind::ProtectedMode => Some(format!(
                "give {own} a password: replctl setup {}",
                node.name
            )),
            TroubleKind::NameUnknown | TroubleKind::NotRedis => Some(format!(
                "check `address` and `port` of {own} in the inventory"
            )),
            TroubleKind::NoTls => Some(format!(
                "give the port of its `tls-port` as `port` of {own} in the inventory, or `tls = false` where it has none"
            )),
            TroubleKind::WantsTls => Some(
                "add `[tls]` to the inventory, with `ca = \"FILE\"`: who issued the certificates of the servers".into(),
            ),
            TroubleKind::CertificateUntrusted => Some(format!(
                "name who issued it as `ca` under `[tls]`; what {own} shows: {}",
                shown(node, "-issuer -subject")
            )),
            TroubleKind::CertificateExpired => Some(format!(
                "put a new certificate where {own} has its old one, and let it read it: {} config set tls-cert-file FILE",
                self.cli(node)
            )),
            TroubleKind::CertificateNotYetValid => Some(format!(
                "compare the clock of this machine with the certificate: date -u; {}",
                shown(node, "-dates")
            )),
            TroubleKind::CertificateName => Some(format!(
                "give {own} an `address` its certificate is for, or say that name as `server_name` of its `tls` in the inventory"
            )),
            TroubleKind::ClientCertificateMissing => {
                Some("give `cert` and `key` under `[tls]` in the inventory".into())
            }
            TroubleKind::ClientCertificateRefused => Some(format!(
                "`cert` under `[tls]` must be issued by whom `tls-ca-cert-file` of {own} names, and be valid now"
            )),
            TroubleKind::Tls => Some(shown(node, "-text")),
            TroubleKind::Busy => Some(format!("{} script kill", self.cli(node))),
            TroubleKind::TooManyClients => Some(format!(
                "raise `maxclients` of {own}, or close clients that leak connections"
            )),
            TroubleKind::Forbidden => {
                let user = self.context.user.as_deref().unwrap_or("default");
                let (at, user) = (&node.address, shlex::try_quote(user).unwrap_or_default());
                Some(format!(
                    "redis-cli -h {} -p {} ACL SETUSER {user} '+info'",
                    at.host, at.port
                ))
            }
            TroubleKind::NoAnswer
            | TroubleKind::Frozen
            | TroubleKind::NoRoute
            | TroubleKind::Ssh
            | TroubleKind::Other => None,
        }
    }
}

/// The command that shows a node's certificate.
fn shown(node: &Node, what: &str) -> String {
    format!(
        "openssl s_client -connect {} </dev/null 2>/dev/null | openssl x509 -noout {what}",
        node.address
    )
}
