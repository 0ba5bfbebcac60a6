//! The discarded writes of an old primary are in a backup of the operator.

use crate::soak::crew::Crew;
use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::{Tally, rescued};
use std::path::PathBuf;

/// The writes that are neither on the primary nor in a backup.
pub fn in_no_backup(
    lost: Vec<String>,
    crew: &Crew<'_>,
    family: &Family,
    operator: &Replctl<'_>,
    tally: &Tally,
) -> Vec<String> {
    let base = operator.home().join(".local/state/replctl/soak/backup");
    let folders = std::fs::read_dir(base).into_iter().flatten().flatten();
    let folders: Vec<PathBuf> = folders.map(|e| e.path()).collect();
    rescued::in_no_backup(lost, &folders, tally, |dump| match crew.wire {
        Some(wire) => family.start_on_with(wire, dump),
        None => family.start_with(dump),
    })
}
