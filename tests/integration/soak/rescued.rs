//! What an old primary gave up is in a backup of the operator's.

use crate::soak::crew::Crew;
use crate::support::program::Replctl;
use crate::support::server::Family;
use crate::support::{Tally, rescued};
use std::path::PathBuf;

/// Of the writes that are not on the primary, those that are in no backup either.
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
