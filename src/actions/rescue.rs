//! What is done about the data of an old primary: what covers them, and where the commands to
//! replay are read. Pure.

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

/// A step that saves or gives up the data of an old primary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RescueAction {
    /// Write all that this node has, and what only it has, into a folder on the operator's machine.
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
    /// Do again on this primary what only an old one has, but for what was done again already.
    Replay {
        /// The old primary.
        of: NodeName,
        /// Where its commands are read from.
        source: Source,
        /// What is in conflict with this node's own writes, too.
        conflicts: bool,
        /// How many commands, as they were counted.
        commands: usize,
    },
    /// `REPLICAOF host port`, put back at once if this node turns out to have more than is covered.
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
