//! What is done on the operator's own machine: notes beside the journals, and the inventory. Pure.

use crate::inventory::edit::Edit;
use crate::topology::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A change on the operator's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocalAction {
    /// Note a pending demotion on the operator's machine: this node does not follow the new primary
    /// yet.
    #[serde(rename = "remember-debt")]
    RememberDemotion {
        /// Where it should replicate from.
        address: Address,
    },
    /// Remove the note of the pending demotion.
    #[serde(rename = "forget-debt")]
    ForgetDemotion,
    /// Note on the operator's machine that this node was detached on purpose.
    NoteAlone {
        /// What it followed.
        address: Address,
    },
    /// Remove the note that it was detached (the undo of `NoteAlone`).
    ForgetAlone,
    /// Edit the inventory on the operator's machine. A file that somebody changed meanwhile stays
    /// as it is.
    EditInventory(Box<Edit>),
    /// Check that the inventory has the text that an edit was made for.
    SeeInventory {
        /// The file, absolute.
        file: String,
        /// The digest of that text.
        digest: String,
    },
}

impl fmt::Display for LocalAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RememberDemotion { address } => {
                write!(f, "note that it was replaced, until it follows {address}")
            }
            Self::ForgetDemotion => f.write_str("forget that it was replaced"),
            Self::NoteAlone { .. } => f.write_str("note that it stands alone"),
            Self::ForgetAlone => f.write_str("forget that it stands alone"),
            Self::EditInventory(edit) => edit.fmt(f),
            Self::SeeInventory { file, .. } => {
                write!(f, "see that {file} has not changed since the plan was made")
            }
        }
    }
}
