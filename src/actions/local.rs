//! What is done on the operator's own machine: notes beside the journals, and the inventory. Pure.

use crate::inventory::edit::Edit;
use crate::topology::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A change on the operator's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalAction {
    /// Remember on the operator's machine that this node was not told of the new primary.
    RememberDebt {
        /// Where it should replicate from.
        address: Address,
    },
    /// Forget that it was not told of the new primary.
    ForgetDebt,
    /// Remember on the operator's machine that this node stands alone on purpose.
    NoteAlone {
        /// What it followed.
        address: Address,
    },
    /// Forget that it stands alone (the undo of noting it).
    ForgetAlone,
    /// Edit the inventory on the operator's machine. A file that is not as it was is left alone.
    EditInventory(Box<Edit>),
}

impl fmt::Display for LocalAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RememberDebt { address } => {
                write!(f, "note that it was replaced, until it follows {address}")
            }
            Self::ForgetDebt => f.write_str("forget that it was replaced"),
            Self::NoteAlone { .. } => f.write_str("note that it stands alone"),
            Self::ForgetAlone => f.write_str("forget that it stands alone"),
            Self::EditInventory(edit) => edit.fmt(f),
        }
    }
}
