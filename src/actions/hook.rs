//! An operator's command, as a step of a plan holds it. Pure.

use crate::inventory::hooks::HookPoint;
use crate::topology::{Address, NodeName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One hook, and the facts of the change that it gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// When it is run.
    pub point: HookPoint,
    /// The command as the plan shows it. The run takes the command from the inventory again; the
    /// journal keeps none.
    #[serde(skip)]
    pub command: String,
    /// Milliseconds it may take.
    pub within_ms: u64,
    /// What kind of change it is.
    pub change: Change,
    /// The primary before; `None` where there was none.
    pub old: Option<Party>,
    /// The primary after.
    pub new: Party,
}

/// The two kinds of promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The old primary was alive.
    HandOver,
    /// It was lost.
    FailOver,
}

/// One of the two primaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Its name; `None` where it is no node of the inventory.
    pub name: Option<NodeName>,
    /// Where clients reach it.
    pub address: Address,
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hook {}", self.point)?;
        if self.command.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.command)
    }
}
