//! Whether the inventory may be edited: unchanged since it was read, and writable; and which edits
//! of it a plan has.

use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::engine::Plan;
use crate::error::{Exit, Problem, Reason, Result};
use crate::inventory::Inventory;
use crate::inventory::edit::{self, Edit, Kind};
use crate::world::inventory;
use std::path::Path;

/// The text of the inventory, if it is still the text that the world was made from.
///
/// # Errors
/// Somebody has changed it since.
pub fn unchanged(inventory: &Inventory, digest: &str) -> Result<String> {
    let text = inventory::text(&inventory.path)?;
    if edit::digest(&text) == digest {
        return Ok(text);
    }
    Err(Problem::new(format!(
        "{} was changed while this was planned; nothing was touched",
        inventory.path.display()
    ))
    .hint("run it again")
    .because(Reason::Inventory)
    .exit(Exit::Refused))
}

/// The edits of a plan that let a node come or go.
pub fn edits(plan: &Plan) -> impl Iterator<Item = &Edit> {
    plan.steps().filter_map(|step| {
        let Action::Local(LocalAction::EditInventory(edit)) = &step.action else {
            return None;
        };
        matches!(edit.kind, Kind::Add | Kind::Remove).then_some(edit.as_ref())
    })
}

/// Whether the file can be replaced, as far as that can be seen without doing it.
///
/// # Errors
/// Refused.
pub fn writable(path: &Path) -> Result<()> {
    inventory::replaceable(path).map_err(|error| {
        Problem::new(format!(
            "{} cannot be written; nothing was touched",
            path.display()
        ))
        .cause(error)
        .because(Reason::Inventory)
        .exit(Exit::Refused)
    })
}
