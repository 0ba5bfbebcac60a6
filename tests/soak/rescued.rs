//! What an old primary gave up is in a backup: its dump is loaded into a server of its own, and the writes are looked for there.

use crate::crew::Crew;
use crate::support::Tally;
use crate::support::program::Replctl;
use crate::support::redis::{RawRedis, Reply};
use crate::support::server::Family;
use std::path::{Path, PathBuf};

/// Of the writes that are not on the primary, those that are in no backup either.
pub fn in_no_backup(
    lost: Vec<String>,
    crew: &Crew<'_>,
    family: &Family,
    operator: &Replctl<'_>,
    tally: &Tally,
) -> Vec<String> {
    let mut lost = lost;
    for folder in backups(operator) {
        if lost.is_empty() {
            break;
        }
        let server = match crew.wire {
            Some(wire) => family.start_on_with(wire, &folder.join("dump.rdb")),
            None => family.start_with(&folder.join("dump.rdb")),
        };
        take_in(&mut server.client(), &folder.join("after-dump.resp"));
        let missing = tally.lost(server.address());
        lost.retain(|write| missing.contains(write));
    }
    lost
}

/// The backups that are whole.
fn backups(operator: &Replctl<'_>) -> Vec<PathBuf> {
    let base = operator.home().join(".local/state/replctl/soak/backup");
    let folders = std::fs::read_dir(base).into_iter().flatten().flatten();
    let whole = |folder: &PathBuf| folder.join("manifest.json").exists();
    folders.map(|e| e.path()).filter(whole).collect()
}

/// The commands that came after the dump.
fn take_in(client: &mut RawRedis, file: &Path) {
    let Ok(mut bytes) = std::fs::read(file) else {
        return;
    };
    bytes.extend(b"*2\r\n$4\r\nECHO\r\n$3\r\nend\r\n");
    client.send(&bytes).unwrap();
    // A transaction is answered by an array.
    while !matches!(client.read().unwrap(), Reply::Bulk(Some(end)) if end == b"end") {}
}
