//! Steps on the data of an old primary: what covers the data, and where the commands to replay come
//! from. Pure.

use super::rights::{CHANGE_ROLE, INFO, Need, OF_REPLICAS, REPLAY};
use crate::topology::{Address, NodeName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where the commands of an old primary are read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Its own replication stream.
    Stream {
        /// Up to this offset. The plan did not show later writes.
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
    /// Everything up to this offset of its history. The primary has this, too, or it is no data.
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

/// A step that saves or gives up the data of an old primary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RescueAction {
    /// Write a dump of this node, and the writes that only it has, into a folder on the operator's
    /// machine.
    BackUp {
        /// The primary that it is compared with.
        primary: NodeName,
        /// The folder.
        folder: String,
        /// The pause that is renewed meanwhile, milliseconds; `None`: the fence lasts by itself.
        fence_ms: Option<u64>,
    },
    /// Copy the data files of this stopped server into a folder on the operator's machine.
    BackUpFiles {
        /// The primary that it is to follow.
        primary: NodeName,
        /// The folder.
        folder: String,
    },
    /// Replay on this primary the writes that only an old primary has, except those replayed
    /// already.
    Replay {
        /// The old primary.
        of: NodeName,
        /// Where its commands are read from.
        source: Source,
        /// Replay the writes that are in conflict with this node's own writes, too.
        conflicts: bool,
        /// How many commands, as they were counted.
        commands: usize,
    },
    /// `REPLICAOF host port`. If this node has more data than is covered, it is put back at once.
    GiveUp {
        /// The node to follow.
        upstream: NodeName,
        /// The address this node uses for it.
        address: Address,
        /// What it may have.
        covered: Covered,
    },
}

impl RescueAction {
    /// Whether it changes a server; the others wait, look, or change the operator's machine.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::BackUp { .. } | Self::BackUpFiles { .. } => false,
            Self::GiveUp { .. } | Self::Replay { .. } => true,
        }
    }

    /// The commands that its node has to allow.
    pub fn rights(&self) -> &'static [Need] {
        match self {
            Self::GiveUp { .. } => &CHANGE_ROLE,
            Self::Replay { .. } => &REPLAY,
            Self::BackUp { .. } => &[INFO, OF_REPLICAS[0], OF_REPLICAS[1]],
            // The server is not spoken to.
            Self::BackUpFiles { .. } => &[],
        }
    }
}

impl fmt::Display for RescueAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BackUp { folder, .. } => write!(f, "back up all it has into {folder}"),
            Self::BackUpFiles { folder, .. } => write!(f, "copy its data files into {folder}"),
            Self::Replay { of, commands, .. } => {
                let s = if *commands == 1 { "" } else { "s" };
                write!(f, "replay {commands} command{s} of {of}, each once")
            }
            Self::GiveUp {
                upstream,
                address,
                covered,
            } => write!(f, "replicate from {upstream} ({address}), {covered}"),
        }
    }
}
