//! Which nodes are primaries, which nodes answer, and which replicas form a circle.

use super::{Code, Counted, Explanation, Finding, Look, Severity};
use crate::topology::candidate::{best_replica, primaries};
use crate::topology::lineage::{Lineage, lineage, unknown_because};
use crate::topology::phrases::{bytes, list, name, plural};
use crate::topology::tree::ring;
use crate::topology::{Node, NodeName, State, Trouble, TroubleKind, sentinel};
use std::collections::HashSet;
use std::fmt::Write as _;

/// The divergence of the old primary, with its commands where they were counted.
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
        self.loops(found);
    }

    fn no_primary(&self) -> Finding {
        let nodes = || self.topology.nodes.iter();
        let up: Vec<&Node> = nodes().filter(|node| node.server().is_some()).collect();
        let (closed, gone): (Vec<&Node>, Vec<&Node>) = nodes()
            .filter(|node| node.server().is_none())
            .partition(|node| lives(node).is_some());
        if let Some(finding) = self.unseen_primary(&up, &closed) {
            return finding;
        }
        let verb = |nodes: &[&Node], one: &str, many: &str| {
            let verb = if nodes.len() == 1 { one } else { many };
            (!nodes.is_empty()).then(|| format!("{} {verb}", list(nodes.iter().copied())))
        };
        let seen = match (up.len(), gone.len(), closed.len()) {
            (0, 2.., 0) => "no node answers".to_owned(),
            (2.., 0, 0) => format!("{} are all replicas", list(up.iter().copied())),
            (_, _, _) => {
                let parts = [
                    verb(&up, "is a replica", "are replicas"),
                    verb(&gone, "does not answer", "do not answer"),
                    verb(&closed, "cannot be looked at", "cannot be looked at"),
                ];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                parts.join(", ")
            }
        };
        let message = format!("there is no primary: {seen}");
        let mut finding = Finding::of_all(Code::NoPrimary, Severity::Problem, message);
        finding.brief = Some(seen);
        if nodes().any(|n| !ring(n, self.topology).is_empty()) {
            // One of these nodes may be the old primary that came back as a replica, with more data
            // than the others.
            return finding.hint("replctl repair");
        }
        match best_replica(self.topology) {
            Some(best) => finding
                .hint(format!("replctl promote {}", best.name))
                .with("best", best.name.0.as_str()),
            None => finding.maybe_hint(self.start_all()),
        }
    }

    /// A node that is alive and cannot be read, where replicas follow it or no other node answers.
    /// It must not be replaced.
    fn unseen_primary(&self, up: &[&Node], closed: &[&Node]) -> Option<Finding> {
        let followers = |node: &Node| -> Vec<&Node> {
            let under = self.topology.followers_of(node);
            under.filter(|n| n.server().is_some()).collect()
        };
        let followed = closed.iter().find(|node| !followers(node).is_empty());
        let node = followed.or(closed.first().filter(|_| up.is_empty()))?;
        let trouble = lives(node)?;
        let unseen = if followed.is_some() {
            let followers = followers(node);
            let verb = if followers.len() == 1 {
                "follows"
            } else {
                "follow"
            };
            format!(
                "{}, which {} {verb}, lives: {}",
                name(&node.name),
                list(followers),
                trouble.detail
            )
        } else {
            let others = closed.len() - 1;
            let too = match others {
                0 => String::new(),
                1 => "; nor can 1 other that lives".to_owned(),
                _ => format!("; nor can {others} others that live"),
            };
            format!("{} lives: {}{too}", name(&node.name), trouble.detail)
        };
        let message = format!("no primary can be looked at: {unseen}");
        let mut finding = Finding::of_all(Code::NoPrimary, Severity::Problem, message);
        finding.brief = Some(unseen);
        Some(
            finding
                .maybe_way(self.way_to(node, trouble))
                .with("unseen", node.name.0.as_str())
                .with("kind", serde_json::json!(trouble.kind)),
        )
    }

    /// Where nothing runs on any host, setup starts the servers that exist, and sets up the others.
    fn start_all(&self) -> Option<String> {
        let refused =
            |node: &Node| matches!(&node.state, State::Down(t) if t.kind == TroubleKind::Refused);
        let all = self.topology.nodes.iter().all(refused);
        (all && !self.context.users).then(|| "replctl setup".to_owned())
    }

    fn several(&self, primaries: &[&Node]) -> Finding {
        let keep = self
            .successor(primaries)
            .or(self.best)
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
            if let Some(pending) = self.pending_demotion_of(other) {
                let _ = write!(message, "; {}", self.replaced(pending));
            }
            let under = if primaries.len() == 2 {
                String::new()
            } else {
                format!(" --under {}", keep.name)
            };
            hints.push(format!("replctl rejoin {}{under}", other.name));
        }
        if sentinel::watched(self.topology).is_some() {
            message.push_str("; Sentinels watch: within some ten seconds they make each primary but their own a replica, even if it has writes that no other node has");
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

    fn loops(&self, found: &mut Vec<Finding>) {
        let mut told: HashSet<&NodeName> = HashSet::new();
        for node in &self.topology.nodes {
            if told.contains(&node.name) {
                continue;
            }
            let ring = ring(node, self.topology);
            if ring.is_empty() {
                continue;
            }
            told.extend(ring.iter().map(|member| &member.name));
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
            let way = self.best.map_or_else(
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
}

/// Why a node that is alive cannot be read; `None`: it answers, or may be dead.
fn lives(node: &Node) -> Option<&Trouble> {
    match &node.state {
        State::Down(trouble) if trouble.kind.is_alive() => Some(trouble),
        State::Down(_) | State::Up(_) => None,
    }
}

pub(super) const NO_PRIMARY: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "No node takes writes, or the node that may be the primary is alive and cannot be looked at.",
    cause: "The primary is dead or cut off, all nodes were made replicas, or the way to the primary is closed: a password, TLS, a busy script, too many clients.",
    way_out: "`replctl promote NODE` as the hint says. If the primary is alive, restore the access to it first: it must not be replaced. If nodes follow each other in a circle: `replctl repair`.",
};

pub(super) const SEVERAL_PRIMARIES: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "More than one node takes writes. They grow apart with every write.",
    cause: "An old primary came back after another one was promoted, somebody promoted a replica by hand, or a restart gave a node its former role again.",
    way_out: "`replctl rejoin NODE` brings the old primary back, with a backup of what only it has. If it is not clear which one to keep: `replctl repair`.",
};

pub(super) const LOOP: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "Nodes replicate from each other in a circle, or one from itself. No write reaches them.",
    cause: "Two changes by hand that crossed, or a `replicaof` that was typed wrong.",
    way_out: "`replctl promote PRIMARY` attaches them to the primary there is. Without a primary: `replctl repair`.",
};
