//! The report on an added node, as text and as `--json`, from what the steps saw.

use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::server::ServerAction;
use crate::engine::Add;
use crate::engine::journal::{Outcome, Resync};
use crate::engine::run_facts::RunFacts;
use crate::inventory::Inventory;
use crate::output::escape;
use crate::topology::{Address, NodeName};
use serde::Serialize;
use std::fmt::Write as _;

/// The text for a proof that an earlier run of the same operation made.
const EARLIER: &str = "a write was read there before replctl was ended";

/// The result of `add`.
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
    /// The node that it was seen in sync with.
    pub upstream: Option<&'a NodeName>,
    /// How it got in sync.
    pub resync: Option<Resync>,
    /// What was proved by a write.
    pub proved: Option<&'a str>,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// What may have been lost.
    pub may_lose: Option<&'a str>,
}

/// Builds the report.
pub fn added<'a>(inventory: &Inventory, operation: &'a Add, run: RunFacts<'a>) -> Added<'a> {
    let node = &operation.node;
    let synced = run.saw(|a| matches!(a, Action::Server(ServerAction::AwaitInSync { .. })));
    let proof = run.saw(|a| matches!(a, Action::Server(ServerAction::ProveWrite { .. })));
    let upstream = run.plan.steps().find_map(|s| {
        let Action::Server(ServerAction::AwaitInSync { with, .. }) = &s.action else {
            return None;
        };
        (s.node == *node).then_some(with)
    });
    let earlier = proof.is_none()
        && run.did(|a| matches!(a, Action::Server(ServerAction::ProveWrite { .. })));
    Added {
        id: run.id,
        node,
        address: &operation.address,
        inventory: inventory.path.display().to_string(),
        written: run.did(|a| matches!(a, Action::Local(LocalAction::EditInventory(_)))),
        upstream: upstream
            .filter(|_| run.did(|a| matches!(a, Action::Server(ServerAction::AwaitInSync { .. })))),
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
