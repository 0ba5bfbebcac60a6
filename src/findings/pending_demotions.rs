//! What earlier operations left: an operation that stopped half-way, and pending demotions of old
//! primaries. Pure.

use super::{Code, Explanation, Finding, Look, PendingDemotion, Severity, Unfinished, Unread};
use crate::topology::claims::Holder;
use crate::topology::phrases::name;
use crate::topology::{Node, NodeName, PersistedRole, State, Trouble, TroubleKind};
use std::collections::HashSet;

/// A file beside the journals that cannot be read. It blocks all changes while it exists.
fn unread(note: &Unread) -> Finding {
    let message = format!(
        "{} cannot be read ({}), so it is not known {}",
        note.path, note.why, note.unknown
    );
    let hint = format!(
        "repair it, or put it aside, and its contents no longer count: {}",
        note.aside
    );
    Finding::of_all(Code::NoteUnread, Severity::Problem, message)
        .hint(hint)
        .with("file", note.path.as_str())
}

impl<'a> Look<'a> {
    pub(super) fn operations(&self, found: &mut Vec<Finding>) {
        for Unfinished { id, unknown } in &self.context.unfinished {
            let alone = self.context.unfinished.len() == 1;
            let (message, hint) = match unknown {
                None if alone => (
                    format!("operation {id} stopped half-way"),
                    "replctl resume".to_owned(),
                ),
                None => (
                    format!("operation {id} stopped half-way"),
                    format!("replctl resume {id}"),
                ),
                Some(why) => (
                    format!(
                        "operation {id} is unfinished, and what it did is not known: its journal cannot be read ({why})"
                    ),
                    format!("replctl abandon {id}"),
                ),
            };
            found.push(
                Finding::of_all(Code::UnfinishedOperation, Severity::Problem, message)
                    .hint(hint)
                    .with("operation", id.as_str()),
            );
        }
        found.extend(self.context.unread.iter().map(unread));
        found.extend(self.context.under_way.iter().map(under_way));
        found.extend(
            self.topology
                .nodes
                .iter()
                .filter_map(|node| self.finding_for(node, self.pending_demotion_of(node)?)),
        );
    }

    /// The detached nodes: they are no problem.
    pub(super) fn alone(&self, alone: &[NodeName], found: &mut Vec<Finding>) {
        let detached: HashSet<&NodeName> = alone.iter().collect();
        let notes = self
            .context
            .alone
            .iter()
            .filter(|n| detached.contains(&n.node));
        found.extend(notes.map(|note| {
            let node = &note.node;
            let message = format!(
                "{} was detached on {} and stands alone",
                name(node),
                note.since.strftime("%Y-%m-%d %H:%M UTC")
            );
            let hint = self.primary().map(|primary| {
                format!(
                    "to bring it back with its keys replaced: replctl move {node} --under {} --discard-data {node}",
                    primary.name
                )
            });
            Finding {
                node: Some(node.clone()),
                ..Finding::of_all(Code::StandsAlone, Severity::Note, message)
            }
            .maybe_hint(hint)
            .with("since", note.since.to_string())
        }));
    }

    /// The pending demotion of a node. A node that follows another one by now has none.
    pub(super) fn pending_demotion_of(&self, node: &Node) -> Option<&'a PendingDemotion> {
        let pending = self.pending_demotions.get(&node.name).copied();
        pending.filter(|_| node.upstream().is_none())
    }

    /// Among several primaries: the one that replaced another of them.
    pub(super) fn successor(&self, primaries: &[&'a Node]) -> Option<&'a Node> {
        let pending = primaries
            .iter()
            .find_map(|node| self.pending_demotion_of(node))?;
        let mut others = primaries.iter().filter(|node| node.name != pending.node);
        others
            .find(|node| node.answers_to(&pending.address))
            .copied()
    }

    /// "`master` was replaced by `slave1` on 2026-11-23 06:34 UTC".
    pub(super) fn replaced(&self, pending: &PendingDemotion) -> String {
        let successor = self.topology.at(&pending.address);
        let successor = successor.map_or_else(
            || pending.address.to_string(),
            |successor| name(&successor.name),
        );
        let since = pending.since.strftime("%Y-%m-%d %H:%M UTC");
        format!(
            "{} was replaced by {successor} on {since}",
            name(&pending.node)
        )
    }

    fn finding_for(&self, node: &Node, pending: &PendingDemotion) -> Option<Finding> {
        let trouble = match &node.state {
            State::Down(trouble) => trouble,
            // Two primaries are one finding. It mentions the pending demotion.
            State::Up(_) if self.primary().is_none() => return None,
            State::Up(_) => {
                let message = format!(
                    "{} and is a primary again: what is written there is lost when it follows",
                    self.replaced(pending)
                );
                return Some(self.not_demoted(node, pending, message));
            }
        };
        if let Some(PersistedRole::ReplicaOf(address)) = &node.persisted
            && self.topology.at(address).is_some()
        {
            return Some(self.fenced(node, pending, trouble));
        }
        Some(self.at_large(node, pending, trouble))
    }

    /// The node is silent, and cannot come back as a primary.
    fn fenced(&self, node: &Node, pending: &PendingDemotion, trouble: &Trouble) -> Finding {
        let message = format!(
            "{} and is not back: {}; its file says that it returns as a replica",
            self.replaced(pending),
            trouble.detail
        );
        Finding::about(node, Code::Unreachable, Severity::Warning, message)
            .hint(format!("replctl rejoin {}", node.name))
            .with("follow", pending.address.to_string())
            .with("since", pending.since.to_string())
            .with("kind", serde_json::json!(trouble.kind))
            .with("detail", trouble.detail.as_str())
    }

    /// The node is silent. Its file was not changed, or could not be read.
    fn at_large(&self, node: &Node, pending: &PendingDemotion, trouble: &Trouble) -> Finding {
        let message = format!(
            "{} and has not been told: {}; if it comes back it takes writes that are lost later",
            self.replaced(pending),
            trouble.detail
        );
        let rejoin = format!("replctl rejoin {}", node.name);
        let hint = if trouble.kind == TroubleKind::Refused {
            rejoin
        } else {
            format!("when its host answers again: {rejoin}")
        };
        self.not_demoted(node, pending, message)
            .hint(hint)
            .with("kind", serde_json::json!(trouble.kind))
            .with("detail", trouble.detail.as_str())
    }

    fn not_demoted(&self, node: &Node, pending: &PendingDemotion, message: String) -> Finding {
        let successor = self.topology.at(&pending.address);
        Finding::about(node, Code::UnfencedOldPrimary, Severity::Problem, message)
            .maybe_hint(successor.map(|successor| format!("replctl promote {}", successor.name)))
            .with("follow", pending.address.to_string())
            .with("since", pending.since.to_string())
    }
}

/// An operation of another replctl process, on any machine.
fn under_way(holder: &Holder) -> Finding {
    let nodes: Vec<&str> = holder.nodes.iter().map(|n| n.0.as_str()).collect();
    let message = format!("{holder}, is under way (seen on {})", nodes.join(", "));
    let severity = if holder.is_silent() {
        Severity::Warning
    } else {
        Severity::Note
    };
    let finding = Finding::of_all(Code::OperationUnderWay, severity, message)
        .with("operation", holder.claim.operation.as_str())
        .with("who", holder.claim.who.as_str());
    if holder.is_silent() {
        finding.hint("if that command is dead or frozen, run yours with --take-over")
    } else {
        finding
    }
}

pub(super) const NOTE_UNREAD: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "A file beside the journals cannot be read. So it is not known which nodes were detached, or which old primaries do not follow the new one yet. Changes are refused meanwhile.",
    cause: "The file was damaged, changed by hand, or written by a newer replctl.",
    way_out: "Repair the file, or put it aside with the command of the hint. Its contents no longer count then.",
};

pub(super) const UNFINISHED_OPERATION: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "An operation on this machine stopped half-way, or it is not known what it did because its journal cannot be read.",
    cause: "A crash: replctl was killed, or its machine or the network died. Or a step failed past the point from which it can be undone.",
    way_out: "`replctl resume` goes on. `replctl rollback` puts back what can still be put back. `replctl abandon ID` leaves it as it is.",
};

pub(super) const OPERATION_UNDER_WAY: Explanation = Explanation {
    severities: &[Severity::Warning, Severity::Note],
    meaning: "Another operation of replctl is changing this deployment now. It is a warning if its process has not been heard for more than 10 s.",
    cause: "A colleague, or another terminal of yours.",
    way_out: "Wait until it has ended. If its holder is frozen or its machine is down: the same command with `--take-over`.",
};

pub(super) const STANDS_ALONE: Explanation = Explanation {
    severities: &[Severity::Note],
    meaning: "The node was detached on purpose. It is a primary of its own and no part of the deployment.",
    cause: "`replctl detach NODE`.",
    way_out: "Nothing. `replctl move NODE --under PRIMARY --discard-data NODE` brings it back, with its keys replaced.",
};

pub(super) const UNFENCED_OLD_PRIMARY: Explanation = Explanation {
    severities: &[Severity::Problem],
    meaning: "An old primary was replaced while nothing could be changed on it. It is a primary again, or is one as soon as it comes back, and takes writes that are lost later.",
    cause: "Its host did not answer when another node was promoted.",
    way_out: "`replctl rejoin NODE`, as soon as its host answers. Every command that changes something also writes the new role into its file then.",
};
