//! The report on a removed node, as text and as `--json`, from what the steps saw.

use crate::actions::Action;
use crate::actions::host::HostAction as Do;
use crate::actions::local::LocalAction;
use crate::actions::sentinel::SentinelAction;
use crate::actions::server::ServerAction;
use crate::config::Paths;
use crate::engine::Remove;
use crate::engine::journal::Outcome;
use crate::engine::run_facts::RunFacts;
use crate::inventory::Inventory;
use crate::output::{escape, plan as plan_text};
use crate::topology::{Address, NodeName};
use serde::Serialize;

/// The result of `remove`.
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
    /// The inventory no longer has it.
    pub written: bool,
    /// On its host nothing was done, or nothing could be done.
    pub untouched: bool,
    /// Its server was stopped.
    pub stopped: bool,
    /// What it has on its host.
    pub directory: Option<String>,
    /// Its files are gone.
    pub purged: bool,
    /// What the primary said of its list of replicas; null where no look was needed.
    pub unlisted: Option<&'a str>,
    /// The Sentinels have forgotten it; null where none watches.
    pub forgotten: Option<bool>,
    /// What could not be done, or is to be known.
    pub warnings: Vec<String>,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// What may have been lost.
    pub may_lose: Option<&'a str>,
}

/// Builds the report.
pub fn removed<'a>(
    inventory: &'a Inventory,
    operation: &'a Remove,
    run: RunFacts<'a>,
) -> Removed<'a> {
    let on_host = |wanted: &dyn Fn(&Do) -> bool| {
        run.did(|a| matches!(a, Action::Host(action) if wanted(action)))
    };
    let unlisted = run.saw(|a| matches!(a, Action::Server(ServerAction::AwaitUnlisted { .. })));
    let place = inventory.get(&operation.node);
    let unreached = run.plan.steps().any(|s| {
        let Action::Server(ServerAction::AwaitUnlisted { optional, .. }) = &s.action else {
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
        written: run.did(|a| matches!(a, Action::Local(LocalAction::EditInventory(_)))),
        untouched: operation.leave_running || unreached,
        directory: place.map(|spec| Paths::of(inventory, spec).data()),
        stopped: on_host(&|a| matches!(a, Do::StopServer(_))),
        purged: on_host(&|a| matches!(a, Do::RemoveTree { .. })),
        unlisted: unlisted.map(|p| p.seen.text.as_str()),
        forgotten: (resets > 0).then_some(*run.outcome == Outcome::Completed),
        warnings: plan_text::warnings(run.plan),
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
