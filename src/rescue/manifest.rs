//! What lies in a backup, as its `manifest.json` says it. Pure.

use super::dump::Whole;
use crate::topology::{Address, NodeName, Product, Replication, Version};
use serde::{Deserialize, Serialize};

/// The file's name.
pub const FILE: &str = "manifest.json";
/// The dump's name.
pub const DUMP: &str = "dump.rdb";
/// The commands that only the node had and that can be replayed.
pub const LOST: &str = "lost.resp";
/// Those that are in conflict with what the primary wrote since.
pub const CONFLICTS: &str = "lost.resp.conflicts";
/// The commands that came between the dump and the end of the backup.
pub const AFTER: &str = "after-dump.resp";

/// What is in a backup, and of whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format.
    pub format: u32,
    /// The deployment.
    pub deployment: String,
    /// When it was finished.
    pub made: jiff::Timestamp,
    /// Whose data it is.
    pub node: Side,
    /// The primary that the node was to follow.
    pub primary: Side,
    /// The history that the backup is of.
    pub replid: String,
    /// The offset up to which it has everything of that history; `None`: of the files of a server
    /// that was stopped.
    pub up_to: Option<u64>,
    /// What only the node had.
    pub only_there: OnlyThere,
    /// The files.
    pub files: Vec<BackupFile>,
}

/// One of the two servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Its name.
    pub node: NodeName,
    /// Its address in the inventory.
    pub address: Address,
    /// What it was, where it answered.
    pub server: Option<ServerState>,
}

/// A server as it was when the backup was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerState {
    /// Its family.
    pub product: Product,
    /// Its version.
    pub version: Version,
    /// The id of its process.
    pub run_id: String,
    /// Its keys in all databases.
    pub keys: u64,
    /// Its history.
    pub replid: String,
    /// The history it had before it was promoted.
    pub replid2: Option<String>,
    /// Up to where that one is valid.
    pub second_offset: Option<u64>,
    /// Its offset.
    pub offset: u64,
}

/// What only the node had, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnlyThere {
    /// Nothing.
    Nothing,
    /// Commands.
    Commands {
        /// Offset of their first byte.
        from: u64,
        /// Offset of their last.
        to: u64,
        /// How many.
        commands: usize,
        /// Those that can be replayed.
        safe: usize,
        /// Those that were replayed already, and are in no file.
        #[serde(default)]
        replayed: usize,
        /// Keys they touch, as far as they are known.
        keys: usize,
    },
    /// It cannot be known, and why.
    Unknown {
        /// In one phrase.
        why: String,
    },
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    /// Its name in the folder.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
    /// Of a dump that came over the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dump: Option<Whole>,
}

impl ServerState {
    /// Of a server.
    pub fn of(server: &crate::topology::Server) -> Self {
        let Replication {
            replid,
            replid2,
            second_offset,
            ..
        } = server.replication.clone();
        Self {
            product: server.product,
            version: server.version,
            run_id: server.run_id.clone(),
            keys: server.key_count(),
            replid,
            replid2,
            second_offset,
            offset: crate::topology::lineage::position(&server.replication),
        }
    }
}
