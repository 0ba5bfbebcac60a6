//! What a step about the data of an old primary is told: what covers them, and where the commands
//! to replay are read. Pure.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where the commands of an old primary are read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Its own replication stream.
    Stream {
        /// Up to this offset: what it takes after that was not shown.
        up_to: u64,
    },
    /// The backup that `rejoin` made.
    Backup {
        /// Its folder.
        folder: String,
    },
}

/// What an old primary may have at the moment it gives up its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Covered {
    /// What is up to this offset of its history, which the primary has, too, or which is no data.
    UpTo {
        /// The history.
        replid: String,
        /// The offset.
        offset: u64,
    },
    /// No key.
    Empty,
    /// What is in the backup in this folder, on the operator's machine.
    Backup {
        /// The folder.
        folder: String,
    },
}

impl fmt::Display for Covered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UpTo { .. } => "unless it has something of its own by then",
            Self::Empty => "unless it has a key by then",
            Self::Backup { .. } => "unless it has something that is not in the backup",
        })
    }
}
