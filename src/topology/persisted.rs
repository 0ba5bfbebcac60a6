//! What role a node will have after a restart. Pure.

use super::Address;
use serde::{Deserialize, Serialize};

/// The role a node's configuration file gives it at its next start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersistedRole {
    /// No `replicaof` line.
    Primary,
    /// The last `replicaof` line.
    ReplicaOf(Address),
    /// The file could not be read; the reason.
    Unknown(String),
    /// The file could not be read, and an earlier operation could not write the role into it.
    Unwritten,
}
