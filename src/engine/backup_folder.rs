//! Where the backup of an old primary goes.

use crate::error::{Exit, Problem, Result};
use crate::topology::NodeName;
use crate::world::World;
use std::path::{Path, PathBuf};

/// The dated folder for a node's backup. Without a node: the beginning of the folder's name.
///
/// # Errors
/// The folder that is given cannot be a path, or is no text.
pub fn stamped(world: &World, given: Option<&Path>, node: Option<&NodeName>) -> Result<String> {
    let base = match given {
        Some(given) => std::path::absolute(given).map_err(|e| {
            Problem::new(format!("{} is no folder", given.display()))
                .cause(e)
                .exit(Exit::Usage)
        })?,
        None => world.store.backups(),
    };
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name = node.map_or_else(String::new, |node| format!("-{node}"));
    let path: PathBuf = base.join(format!("{stamp}{name}"));
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Problem::new(format!("{} is no text", path.display()))
            .hint("name a folder by --backup-dir")
            .exit(Exit::Usage)
    })
}
