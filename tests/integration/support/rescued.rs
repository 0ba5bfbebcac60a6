//! The discarded writes of an old primary are in a backup: its dump is loaded into a separate
//! server, and the writes are searched there.

use super::Tally;
use super::redis::{RawRedis, Reply};
use super::server::LocalServer;
use std::path::{Path, PathBuf};

/// The writes that are neither on the primary nor in a backup. `start` makes a server from a dump.
pub fn in_no_backup(
    lost: Vec<String>,
    backups: &[PathBuf],
    tally: &Tally,
    start: impl Fn(&Path) -> LocalServer,
) -> Vec<String> {
    let mut lost = lost;
    let whole = |folder: &&PathBuf| folder.join("manifest.json").exists();
    for folder in backups.iter().filter(whole) {
        if lost.is_empty() {
            break;
        }
        let server = start(&folder.join("dump.rdb"));
        take_in(&mut server.client(), &folder.join("after-dump.resp"));
        let missing = tally.lost(server.address());
        lost.retain(|write| missing.contains(write));
    }
    lost
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
