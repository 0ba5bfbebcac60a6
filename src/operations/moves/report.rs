//! The report on a move, as text and as `--json`, from what the steps saw.

use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::journal::{Outcome, Resync};
use crate::engine::run_facts::RunFacts;
use crate::engine::{Move, Step};
use crate::inventory::{Inventory, NodeSpec};
use crate::output::escape;
use crate::topology::{Address, NodeName};
use serde::Serialize;
use std::fmt::Write as _;

/// The result of a move.
#[derive(Debug, Serialize)]
pub struct Moved<'a> {
    /// The operation's id in the journal; null where there was nothing to do.
    pub id: Option<&'a str>,
    /// The node that was moved.
    pub node: &'a NodeName,
    /// The node it was moved under.
    pub under: &'a NodeName,
    /// Where that one is reached.
    pub address: Option<&'a Address>,
    /// How it ended; null where there was nothing to do.
    pub outcome: Option<&'a Outcome>,
    /// What may have been lost.
    pub may_lose: Option<&'a str>,
    /// The node and those under it.
    pub nodes: Vec<Arrived<'a>>,
    /// What the inventory says of it; null where it says nothing.
    pub inventory: Option<Wished>,
}

/// The line of the inventory that names the node's first upstream.
#[derive(Debug, Serialize)]
pub struct Wished {
    /// The file.
    pub file: String,
    /// The line of its `replicaof`, from 1.
    pub line: usize,
    /// The node that it names.
    pub replicaof: NodeName,
}

/// One node that was waited for.
#[derive(Debug, Serialize)]
pub struct Arrived<'a> {
    /// The node.
    pub node: &'a NodeName,
    /// It was seen to have what its upstream has.
    pub in_sync: bool,
    /// How it got in sync.
    pub resync: Option<Resync>,
    /// Its offset then, bytes.
    pub offset: Option<u64>,
    /// Its role was written into its file, and read back as the next start reads it.
    pub persisted: bool,
}

fn waits(step: &Step) -> bool {
    matches!(
        step.action,
        Action::Server(ServerAction::AwaitInSync { .. })
    )
}

/// Builds the report. `run`: `None` where there was nothing to do.
pub fn moved<'a>(
    inventory: &'a Inventory,
    operation: &'a Move,
    run: Option<RunFacts<'a>>,
    wished: Option<Wished>,
) -> Moved<'a> {
    let mut nodes: Vec<&NodeName> = Vec::new();
    for step in run.iter().flat_map(|run| run.plan.steps()) {
        if waits(step) && !nodes.contains(&&step.node) {
            nodes.push(&step.node);
        }
    }
    let arrived = |node: &'a NodeName| {
        let seen = run.and_then(|r| {
            r.passed(node, |a| {
                matches!(a, Action::Server(ServerAction::AwaitInSync { .. }))
            })
        });
        let persisted =
            run.and_then(|r| r.passed(node, |a| *a == Action::Server(ServerAction::PersistRole)));
        Arrived {
            node,
            in_sync: seen.is_some(),
            resync: seen.and_then(|p| p.seen.resync),
            offset: seen.and_then(|p| p.seen.offset),
            persisted: persisted.is_some_and(|p| p.seen.read_back == Some(true)),
        }
    };
    Moved {
        id: run.map(|r| r.id),
        node: &operation.node,
        under: &operation.under,
        address: run
            .and_then(|r| {
                r.plan
                    .steps()
                    .find_map(|s| s.action.followed(&operation.under))
            })
            .or_else(|| inventory.get(&operation.under).map(NodeSpec::announced)),
        outcome: run.map(|r| r.outcome),
        may_lose: run.and_then(|r| r.plan.may_lose.as_deref()),
        nodes: nodes.into_iter().map(arrived).collect(),
        inventory: wished,
    }
}

/// For people.
pub fn text(moved: &Moved<'_>) -> String {
    let (node, under) = (moved.node, moved.under);
    if moved.id.is_none() {
        return escape(&format!("Nothing to do: {node} replicates from {under}."))
            + &otherwise(moved);
    }
    let address = moved
        .address
        .map_or_else(String::new, |a| format!(" ({a})"));
    let mut out = escape(&format!("{node} replicates from {under}{address}."));
    for arrived in moved.nodes.iter().filter(|a| a.in_sync) {
        let how = match arrived.resync {
            Some(Resync::Partial) => " by a partial resync",
            Some(Resync::Full) => " by a full resync",
            None => "",
        };
        let offset = arrived.offset.unwrap_or(0);
        let name = escape(&arrived.node.0);
        let _ = write!(out, "\n  {name}  in sync{how}, at offset {offset}");
    }
    out + &otherwise(moved)
}

/// Names the line of the inventory that has another upstream. This is no error: the line counts
/// only where a node begins.
fn otherwise(moved: &Moved<'_>) -> String {
    let (node, under) = (moved.node, moved.under);
    let differs = moved.inventory.as_ref().filter(|w| w.replicaof != *under);
    differs.map_or_else(String::new, |wished| {
        let Wished { file, line, replicaof } = wished;
        let text = escape(&format!(
            "{file}:{line} says `replicaof = \"{replicaof}\"`, which counts only where {node} has no data yet; to change it: replctl move {node} --under {under} --update-inventory"
        ));
        format!("\n{text}")
    })
}
