//! Who is primary, who is there at all, who follows in circles; and what an earlier operation left behind.

use super::{Code, Debt, Finding, Look, Severity};
use crate::topology::candidate::{best_primary, best_replica, followers, primaries, same_process};
use crate::topology::lineage::{Lineage, lineage};
use crate::topology::words::{bytes, list, name};
use crate::topology::{Link, Node, State, Trouble, TroubleKind};
use std::fmt::Write as _;

impl<'a> Look<'a> {
    pub(super) fn operations(&self, found: &mut Vec<Finding>) {
        if let Some(id) = &self.context.unfinished {
            let message = format!("operation {id} stopped half-way");
            found.push(
                Finding::of_all(Code::UnfinishedOperation, Severity::Problem, message)
                    .hint("replctl resume")
                    .with("operation", id.as_str()),
            );
        }
        found.extend(self.context.debts.iter().filter_map(|debt| self.debt(debt)));
    }

    /// A node that follows meanwhile has nothing left to be told.
    fn debt(&self, debt: &Debt) -> Option<Finding> {
        let node = self.topology.get(&debt.node)?;
        let told = node.upstream().is_some_and(|up| {
            up.address == debt.address
                || self
                    .topology
                    .at(&up.address)
                    .is_some_and(|at| at.answers_to(&debt.address))
        });
        if told {
            return None;
        }
        let heir = self.topology.at(&debt.address);
        let whom = heir.map_or_else(|| debt.address.to_string(), |heir| name(&heir.name));
        let since = debt.since.strftime("%Y-%m-%d %H:%M UTC");
        let danger = if node.is_primary() {
            "and is a primary again: what is written there is lost later"
        } else {
            "and has not been told: if it comes back it takes writes that are lost later"
        };
        let message = format!(
            "{} was replaced by {whom} on {since} {danger}",
            name(&node.name)
        );
        Some(
            Finding::about(node, Code::UnfencedOldPrimary, Severity::Problem, message)
                .maybe_hint(heir.map(|heir| format!("replctl promote {}", heir.name)))
                .with("follow", debt.address.to_string())
                .with("since", debt.since.to_string()),
        )
    }

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
        match best {
            Some(best) => finding
                .hint(format!("replctl promote {}", best.name))
                .with("best", best.name.0.as_str()),
            None => finding,
        }
    }

    fn several(&self, primaries: &[&Node]) -> Finding {
        let keep = best_primary(self.topology).unwrap_or(primaries[0]);
        let others: Vec<&&Node> = primaries
            .iter()
            .filter(|node| node.name != keep.name)
            .collect();
        let all = if primaries.len() == 2 { "both" } else { "all" };
        let mut message = format!(
            "{} are {all} primaries and {all} take writes",
            list(primaries.iter().copied())
        );
        let mut related = false;
        let mut relations = Vec::new();
        for other in others {
            let (Some(old), Some(new)) = (other.server(), keep.server()) else {
                continue;
            };
            let relation = lineage(&old.replication, &new.replication);
            relations.push(serde_json::json!({ "node": other.name, "towards": keep.name, "lineage": relation }));
            let (old, new) = (name(&other.name), name(&keep.name));
            let difference = match relation {
                Lineage::Same { .. } => format!("; {new} has all that {old} has"),
                Lineage::Diverged { bytes: b } => {
                    format!("; {old} has {} of its stream that {new} has not", bytes(b))
                }
                Lineage::Unknown => format!("; how {old} and {new} differ cannot be known"),
            };
            message.push_str(&difference);
            related |= relation != Lineage::Unknown;
        }
        let hint = if related || followers(self.topology, keep) > 0 {
            format!("replctl promote {}", keep.name)
        } else {
            "replctl setup".to_owned()
        };
        Finding::of_all(Code::SeveralPrimaries, Severity::Problem, message)
            .hint(hint)
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
            let ring = self.ring(node);
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
            let best = best_primary(self.topology).or_else(|| best_replica(self.topology));
            found.push(
                Finding::about(node, Code::Loop, Severity::Problem, message)
                    .maybe_hint(best.map(|best| format!("replctl promote {}", best.name)))
                    .with(
                        "nodes",
                        ring.iter().map(|n| n.name.0.clone()).collect::<Vec<_>>(),
                    ),
            );
        }
    }

    /// The circle `node` is a member of, beginning with it; empty where it is in none. Two names of one server are one member.
    pub(super) fn ring(&self, node: &'a Node) -> Vec<&'a Node> {
        let mut ring = vec![node];
        let mut at = node;
        for _ in 0..self.topology.nodes.len() {
            let Some(next) = self.topology.upstream_of(at) else {
                return Vec::new();
            };
            if next.name == node.name || same_process(next, node) {
                return ring;
            }
            ring.push(next);
            at = next;
        }
        Vec::new()
    }

    pub(super) fn unreachable(&self, found: &mut Vec<Finding>) {
        for node in &self.topology.nodes {
            if let State::Down(trouble) = &node.state {
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
            TroubleKind::PasswordRefused => Some(format!(
                "compare the inventory's password with `requirepass` of {own}"
            )),
            TroubleKind::ProtectedMode => Some(format!(
                "give {own} a password: replctl setup {}",
                node.name
            )),
            TroubleKind::NameUnknown | TroubleKind::NotRedis => Some(format!(
                "check `address` and `port` of {own} in the inventory"
            )),
            TroubleKind::Busy => Some(format!(
                "redis-cli -h {} -p {} script kill",
                node.address.host, node.address.port
            )),
            TroubleKind::TooManyClients => Some(format!(
                "raise `maxclients` of {own}, or close clients that leak connections"
            )),
            TroubleKind::Forbidden => Some(format!("let the inventory's user run INFO on {own}")),
            TroubleKind::NoAnswer
            | TroubleKind::Frozen
            | TroubleKind::NoRoute
            | TroubleKind::Ssh
            | TroubleKind::Other => None,
        }
    }
}
