//! The result of `adopt` for people and for `--json`, from what the steps have seen.

use crate::actions::Action;
use crate::actions::former::FormerAction;
use crate::actions::host::HostAction;
use crate::actions::local::LocalAction;
use crate::actions::server::ServerAction;
use crate::engine::journal::Outcome;
use crate::engine::run_facts::RunFacts;
use crate::engine::{Adopt, Step};
use crate::inventory::Inventory;
use crate::inventory::edit::Kind;
use crate::output::escape;
use crate::topology::NodeName;
use serde::Serialize;
use std::fmt::Write as _;

/// The result of `adopt`.
#[derive(Debug, Serialize)]
pub struct Adopted<'a> {
    /// The operation's id in the journal.
    pub id: &'a str,
    /// The nodes of the plan, in its order.
    pub nodes: Vec<One<'a>>,
    /// The new primary, if that was changed.
    pub primary: Option<&'a NodeName>,
    /// The address at which clients find it.
    #[serde(skip)]
    pub address: Option<String>,
    /// The inventory.
    pub inventory: String,
    /// How it ended.
    pub outcome: &'a Outcome,
}

/// One node.
#[derive(Debug, Serialize)]
pub struct One<'a> {
    /// Its name.
    pub node: &'a NodeName,
    /// replctl runs it now, and the inventory says so.
    pub adopted: bool,
    /// The unit that started it before. It was seen that nothing starts it at boot any more.
    pub former_unit: Option<&'a str>,
    /// The folder that still has its former data.
    pub former_folder: Option<&'a str>,
    /// The proof that its data is complete.
    pub proved: Option<&'a str>,
}

/// Builds the result.
pub fn adopted<'a>(inventory: &Inventory, _of: &'a Adopt, run: RunFacts<'a>) -> Adopted<'a> {
    let is_written = |action: &Action| matches!(action, Action::Local(LocalAction::EditInventory(edit)) if edit.kind == Kind::Adopt);
    let is_off = |action: &Action| {
        matches!(
            action,
            Action::Host(HostAction::Former(FormerAction::Disable { .. }))
        )
    };
    let is_edit = |step: &&Step| is_written(&step.action);
    let mut nodes = Vec::new();
    for step in run.plan.steps().filter(is_edit) {
        let node = &step.node;
        let of_node = || run.plan.steps().filter(|s| s.node == *node);
        let former = of_node().find_map(|s| {
            let Action::Host(HostAction::Former(FormerAction::SeeStopped(former))) = &s.action
            else {
                return None;
            };
            Some(former)
        });
        let is_proof = |s: &Step| {
            s.node == *node
                && matches!(
                    s.action,
                    Action::Server(ServerAction::CompareKeys | ServerAction::AwaitInSync { .. })
                )
        };
        let proof = run.passed.iter().rev().find(|p| is_proof(&p.step));
        nodes.push(One {
            node,
            adopted: run.did_on(node, is_written),
            former_unit: former
                .and_then(|f| f.unit.as_deref())
                .filter(|_| run.did_on(node, is_off)),
            former_folder: former.map(|f| f.folder.as_str()),
            proved: proof
                .map(|p| p.seen.text.as_str())
                .filter(|t| !t.is_empty()),
        });
    }
    let promoted = run.plan.steps().find(|s| s.action.promotes());
    let primary = promoted
        .filter(|s| run.did_on(&s.node, Action::promotes))
        .map(|s| &s.node);
    let spec = primary.and_then(|name| inventory.get(name));
    Adopted {
        id: run.id,
        nodes,
        primary,
        address: spec.map(|spec| spec.announced().to_string()),
        inventory: inventory.path.display().to_string(),
        outcome: run.outcome,
    }
}

/// For people.
pub fn text(adopted: &Adopted<'_>) -> String {
    let mut text = String::new();
    for one in adopted.nodes.iter().filter(|n| n.adopted) {
        let _ = write!(text, "{} is replctl's now", one.node);
        if let Some(unit) = one.former_unit {
            let _ = write!(text, ", and {unit} is not started at boot any more");
        }
        text.push_str(".\n");
        if let Some(proof) = one.proved {
            let _ = writeln!(text, "  data checked: {proof}");
        }
        if let Some(folder) = one.former_folder {
            let _ = writeln!(text, "  its former files are still in {folder}");
        }
    }
    if let Some(primary) = adopted.primary {
        let _ = writeln!(text, "{primary} is the primary.");
        if let Some(address) = &adopted.address {
            let _ = writeln!(text, "Clients must now write to {address}.");
        }
    }
    let lines: Vec<String> = text.lines().map(escape).collect();
    lines.join("\n") + "\nLook at it with: replctl status"
}
