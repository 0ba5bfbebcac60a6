//! Roles as a step expects to see them. Pure.

use crate::topology::{Address, NodeName};
use serde::{Deserialize, Serialize};

/// The role that a node had when a plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRole {
    /// The node.
    pub node: NodeName,
    /// Its role.
    pub was: Was,
}

/// What a node was when a plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Was {
    /// A primary.
    Primary,
    /// A replica of this address.
    ReplicaOf(Address),
    /// It did not answer.
    Silent,
}
