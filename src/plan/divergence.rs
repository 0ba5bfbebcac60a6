//! The divergence of an old primary, as far as it is known before planning. Pure.

use crate::actions::rescue::Covered;
use crate::plan::facts::StoredData;
use crate::topology::{Node, NodeName, Server, phrases};

/// The divergence of an old primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Own {
    /// No divergence: the primary has its history up to this offset, and the rest is no data.
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
    /// It cannot be known: the reason.
    Unknown(String),
    /// Its server gives no answer. What its host says of its disk, or why that is not known.
    Silent(Result<Disk, NoDisk>),
}

/// Why the disk of a silent server is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoDisk {
    /// Its host cannot be asked: the reason.
    Host(String),
    /// What its next start reads is not known: the reason.
    Settings(String),
}

/// What the host of a silent server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its process exists.
    pub runs: bool,
    /// It has its configuration file.
    pub configured: bool,
    /// What its data files hold.
    pub data: StoredData,
    /// The history and the offset of its dump, where there is nothing but a dump.
    pub history: Option<(String, u64)>,
    /// The folder of its data, where others have made it.
    pub folder: Option<String>,
}

impl Own {
    /// The state up to which its data may be discarded without a backup; `None`: it diverged, or
    /// may have.
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

    /// The sentence about it for the operator.
    pub fn sentence(&self, name: &str, new: &NodeName) -> String {
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

    /// The loss, in a phrase that names the node and the count.
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
