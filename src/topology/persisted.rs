//! What role a node will have after a restart. Pure.

use super::Address;
use serde::{Deserialize, Serialize};

/// The role that a node's next start gives it: by its command line, its configuration file and what
/// that includes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersistedRole {
    /// Nothing says otherwise.
    Primary,
    /// The last `replicaof` that it reads.
    ReplicaOf(Address),
    /// It could not be seen; the reason.
    Unknown(String),
    /// It could not be read, and an earlier operation could not write the role.
    Unwritten,
}
