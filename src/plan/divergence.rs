//! What only an old primary has, as far as it was seen before anything is planned. Pure.

use crate::actions::rescue::Covered;
use crate::plan::facts::StoredData;
use crate::topology::{Node, NodeName, Server, phrases};

/// What only it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Own {
    /// Nothing: of its history, the primary has all up to this offset, or what it has not is no
    /// data.
    Nothing {
        /// Its history.
        replid: String,
        /// The offset.
        up_to: u64,
    },
    /// It holds no key.
    Empty,
    /// Commands.
    Commands {
        /// Of its stream.
        bytes: u64,
        /// How many.
        commands: usize,
        /// Those that can be replayed.
        safe: usize,
        /// Keys they touch.
        keys: usize,
    },
    /// It cannot be known, and why.
    Unknown(String),
    /// Its server gives no answer: what its host says, or why that cannot be asked.
    Silent(Result<Disk, String>),
}

/// What the host of a silent server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its process is there.
    pub runs: bool,
    /// It has its configuration file.
    pub configured: bool,
    /// What its data files hold.
    pub data: StoredData,
    /// The history its dump is of, and up to which offset, where there is nothing but a dump.
    pub history: Option<(String, u64)>,
}

impl Own {
    /// Up to what it may give up its data without a backup; `None`: it has, or may have, something
    /// of its own.
    pub fn covered(&self) -> Option<Covered> {
        match self {
            Self::Nothing { replid, up_to } => Some(Covered::UpTo {
                replid: replid.clone(),
                offset: *up_to,
            }),
            Self::Empty => Some(Covered::Empty),
            Self::Commands { .. } | Self::Unknown(_) | Self::Silent(_) => None,
        }
    }

    /// What the operator should know of it.
    pub fn told(&self, name: &str, new: &NodeName) -> String {
        match self {
            Self::Nothing { .. } => format!("`{new}` has all that `{name}` has"),
            Self::Empty => format!("`{name}` holds no key"),
            Self::Commands {
                bytes,
                commands,
                safe,
                keys,
            } => format!(
                "only `{name}` has {} on {keys} key{} ({} of its stream), {safe} of them safe to replay on `{new}`; they are listed by: replctl lost {name}",
                counted(*commands),
                if *keys == 1 { "" } else { "s" },
                phrases::bytes(*bytes)
            ),
            Self::Unknown(why) => {
                format!("what only `{name}` has cannot be listed: {why}")
            }
            Self::Silent(_) => {
                format!("what only `{name}` has cannot be known while it is stopped")
            }
        }
    }

    /// What is discarded, in a phrase that names the node and the count.
    pub fn loss(&self, node: &Node, backup: Option<&str>) -> Option<String> {
        let name = &node.name;
        let keys = phrases::keys(node.server().map_or(0, Server::key_count));
        let so = if backup.is_some() {
            "backed up first"
        } else {
            "WITHOUT a backup"
        };
        match self {
            Self::Nothing { .. } | Self::Empty => None,
            Self::Commands { commands, .. } => Some(format!(
                "{} that only `{name}` has ({so})",
                counted(*commands)
            )),
            Self::Unknown(_) => Some(format!("what only `{name}` has among its {keys} ({so})")),
            Self::Silent(_) => Some(format!("what only `{name}` has on its disk ({so})")),
        }
    }
}

fn counted(commands: usize) -> String {
    if commands == 1 {
        "1 command".to_owned()
    } else {
        format!("{commands} commands")
    }
}
