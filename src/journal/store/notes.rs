//! The notes beside the journals: what is owed to nodes. Small files, each replaced as a whole.

use super::Store;
use crate::journal::Debt;
use crate::topology::{Address, NodeName};
use jiff::Timestamp;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

impl Store {
    /// The debts.
    pub fn debts(&self) -> Vec<Debt> {
        self.read_notes("debts.json")
    }

    pub(super) fn read_notes(&self, file: &str) -> Vec<Debt> {
        fs::read(self.folder.join(file))
            .ok()
            .and_then(|b| serde_json::from_slice(&b).ok())
            .unwrap_or_default()
    }

    /// Adds a debt, in place of an older one of the same node.
    pub fn remember(&self, node: &NodeName, address: &Address) -> io::Result<()> {
        let mut debts = self.debts();
        debts.retain(|d| d.node != *node);
        debts.push(Debt {
            node: node.clone(),
            address: address.clone(),
            since: Timestamp::now(),
        });
        self.write_notes("debts.json", &debts)
    }

    /// Forgets the debts of nodes that were seen to be where they belong.
    pub fn forget(&self, paid: &[NodeName]) -> io::Result<()> {
        let mut debts = self.debts();
        let before = debts.len();
        debts.retain(|d| !paid.contains(&d.node));
        if debts.len() == before {
            Ok(())
        } else {
            self.write_notes("debts.json", &debts)
        }
    }

    pub(super) fn write_notes(&self, name: &str, notes: &[Debt]) -> io::Result<()> {
        replace(&self.folder.join(name), &serde_json::to_vec_pretty(notes)?)
    }
}

/// Replaces a small file as a whole.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = PathBuf::from(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}
