//! Whether the inventory has the nodes that the command line names.

use crate::error::{Error, Exit, Problem, Result};
use crate::topology::NodeName;
use crate::world::World;

/// Whether the inventory has these nodes.
pub fn known<'a>(world: &World, names: impl Iterator<Item = &'a NodeName>) -> Result<()> {
    let all: Vec<&str> = world
        .inventory
        .nodes
        .iter()
        .map(|n| n.name.0.as_str())
        .collect();
    let problems: Vec<Problem> = names
        .filter(|n| world.inventory.get(n).is_none())
        .map(|n| {
            Problem::new(format!("the inventory has no node `{n}`"))
                .hint(format!("its nodes are {}", all.join(", ")))
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error {
            problems,
            exit: Exit::Usage,
        })
    }
}
