//! A node that has come, and one that has left, as people read it and as `--json` prints it: what the steps have seen.

use super::escape;
use super::moved::Run;
use crate::actions::Action;
use crate::actions::host::HostAction as Do;
use crate::actions::sentinel::SentinelAction;
use crate::config::Paths;
use crate::engine::journal::{Outcome, Resync};
use crate::engine::{Add, Remove};
use crate::inventory::Inventory;
use crate::topology::{Address, NodeName};
use serde::Serialize;
use std::fmt::Write as _;

/// What a proof saw that an earlier run of the same operation has made.
const EARLIER: &str = "a write was read there before replctl was ended";

/// What became of `add`.
#[derive(Debug, Serialize)]
pub struct Added<'a> {
    /// The operation's id in the journal.
    pub id: &'a str,
    /// The new node.
    pub node: &'a NodeName,
    /// Where it is reached.
    pub address: &'a Address,
    /// The inventory.
    pub inventory: String,
    /// The inventory has it.
    pub written: bool,
    /// Whom it was seen to be in sync with.
    pub upstream: Option<&'a NodeName>,
    /// How it got there.
    pub resync: Option<Resync>,
    /// What was proved by a write.
    pub proved: Option<&'a str>,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// What may have been lost.
    pub may_lose: Option<&'a str>,
}

/// What became of `remove`.
#[derive(Debug, Serialize)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub struct Removed<'a> {
    /// The operation's id in the journal.
    pub id: &'a str,
    /// The node.
    pub node: &'a NodeName,
    /// Where it was reached.
    pub address: Option<&'a Address>,
    /// The inventory.
    pub inventory: String,
    /// The inventory has it no more.
    pub written: bool,
    /// Nothing was done, or could be, on its host.
    pub untouched: bool,
    /// Its server was stopped.
    pub stopped: bool,
    /// What it has on its host.
    pub directory: Option<String>,
    /// Its files are gone.
    pub purged: bool,
    /// What the primary said of its list of replicas; null where nobody had to look.
    pub unlisted: Option<&'a str>,
    /// The Sentinels have forgotten it; null where none watches.
    pub forgotten: Option<bool>,
    /// What could not be done, or is to be known.
    pub warnings: &'a [String],
    /// How it ended.
    pub outcome: &'a Outcome,
    /// What may have been lost.
    pub may_lose: Option<&'a str>,
}

/// Puts it together.
pub fn added<'a>(inventory: &Inventory, operation: &'a Add, run: Run<'a>) -> Added<'a> {
    let node = &operation.node;
    let synced = run.saw(|a| matches!(a, Action::AwaitInSync { .. }));
    let proof = run.saw(|a| matches!(a, Action::ProveWrite { .. }));
    let upstream = run.plan.steps().find_map(|s| {
        let Action::AwaitInSync { with, .. } = &s.action else {
            return None;
        };
        (s.node == *node).then_some(with)
    });
    let earlier = proof.is_none() && run.did(|a| matches!(a, Action::ProveWrite { .. }));
    Added {
        id: run.id,
        node,
        address: &operation.address,
        inventory: inventory.path.display().to_string(),
        written: run.did(|a| matches!(a, Action::EditInventory(_))),
        upstream: upstream.filter(|_| run.did(|a| matches!(a, Action::AwaitInSync { .. }))),
        resync: synced.and_then(|p| p.seen.resync),
        proved: proof.map_or(earlier.then_some(EARLIER), |p| Some(p.seen.text.as_str())),
        outcome: run.outcome,
        may_lose: run.plan.may_lose.as_deref(),
    }
}

/// For people.
pub fn text_of_added(added: &Added<'_>) -> String {
    let mut text = format!("{} ({}) is a replica", added.node, added.address);
    if let Some(upstream) = added.upstream {
        let _ = write!(text, " of {upstream}");
    }
    let _ = write!(text, ", and stands in {}.", added.inventory);
    if let Some(proof) = added.proved {
        let _ = write!(text, "\n  proved: {proof}, and writes are refused there");
    }
    let lines: Vec<String> = text.lines().map(escape).collect();
    lines.join("\n") + "\nLook at it with: replctl status"
}

/// Puts it together.
pub fn removed<'a>(inventory: &'a Inventory, operation: &'a Remove, run: Run<'a>) -> Removed<'a> {
    let on_host = |wanted: &dyn Fn(&Do) -> bool| {
        run.did(|a| matches!(a, Action::Host(action) if wanted(action)))
    };
    let unlisted = run.saw(|a| matches!(a, Action::AwaitUnlisted { .. }));
    let place = inventory.get(&operation.node);
    let unreached = run.plan.steps().any(|s| {
        let Action::AwaitUnlisted { optional, .. } = &s.action else {
            return false;
        };
        *optional
    });
    let asked = |a: &Action| matches!(a, Action::Sentinel(SentinelAction::Reset { .. }));
    let resets = run.plan.steps().filter(|s| asked(&s.action)).count();
    Removed {
        id: run.id,
        node: &operation.node,
        address: place.map(|spec| &spec.address),
        inventory: inventory.path.display().to_string(),
        written: run.did(|a| matches!(a, Action::EditInventory(_))),
        untouched: operation.leave_running || unreached,
        directory: place.map(|spec| Paths::of(inventory, spec).data()),
        stopped: on_host(&|a| matches!(a, Do::StopServer(_))),
        purged: on_host(&|a| matches!(a, Do::RemoveTree { .. })),
        unlisted: unlisted.map(|p| p.seen.text.as_str()),
        forgotten: (resets > 0).then_some(*run.outcome == Outcome::Completed),
        warnings: &run.plan.warnings,
        outcome: run.outcome,
        may_lose: run.plan.may_lose.as_deref(),
    }
}

/// For people.
pub fn text_of_removed(removed: &Removed<'_>) -> String {
    let mut lines = vec![format!("{} has left {}.", removed.node, removed.inventory)];
    let server = match (removed.stopped, removed.untouched) {
        (true, _) => "stopped, and nothing starts it again",
        (false, false) => "it did not run, and nothing starts it",
        (false, true) => "it was not touched",
    };
    lines.push(format!("  server   {server}"));
    if let Some(seen) = removed.unlisted {
        lines.push(format!("  primary  {seen}"));
    }
    match &removed.directory {
        _ if removed.purged => lines.push("  files    removed".to_owned()),
        Some(directory) if !removed.untouched => {
            lines.push(format!("  files    stay in {directory}"));
        }
        Some(_) | None => {}
    }
    if removed.forgotten == Some(true) {
        lines.push("  Sentinels have forgotten it".to_owned());
    }
    if !removed.purged {
        let undo = format!("To take it back: replctl undo {}", removed.id);
        lines.push(undo);
    }
    let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
    lines.join("\n")
}
