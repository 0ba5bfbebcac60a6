//! Changes of a server's role, and their checks. Pure.

use super::rights::{
    CHANGE_ROLE, EXEC, ID, INFO, KILL, MULTI, Need, PAUSE, REPLICAOF, ROLE, UNPAUSE,
};
use crate::topology::{Address, NodeName};
use serde::{Deserialize, Serialize};
use std::fmt;

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

/// A change of one server's role, or a look at roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleAction {
    /// `REPLICAOF host port`.
    Follow {
        /// The node to follow.
        upstream: NodeName,
        /// The address this node uses for it.
        address: Address,
    },
    /// `REPLICAOF host port` to an address that no node of the deployment has: only as an undo.
    FollowAddress {
        /// The address that the node followed before.
        address: Address,
    },
    /// See that every node still has the role that the plan was made from.
    CheckRoles {
        /// Each node with its role.
        roles: Vec<NodeRole>,
    },
    /// `REPLICAOF host port` on the primary, with its last offset, in one transaction. It is put
    /// back if the node was no primary any more.
    Demote {
        /// The node that is to replace it.
        upstream: NodeName,
        /// The address this node uses for it.
        address: Address,
        /// The other nodes, none of which may be a primary.
        #[serde(default)]
        others: Vec<NodeName>,
    },
    /// Check that this node ends at the offset where `with` was demoted, and that no other node is
    /// a primary.
    CompareOffsets {
        /// The old primary.
        with: NodeName,
        /// The other nodes.
        others: Vec<NodeName>,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// `REPLICAOF NO ONE` after `from` was demoted. This node's last offset as a replica must be
    /// exactly the last offset of `from`; else the node is put back.
    TakeOver {
        /// The old primary.
        from: NodeName,
        /// How long its first writes wait for the comparison at most, milliseconds; `None`: the
        /// server has no pause of writes.
        hold_ms: Option<u64>,
    },
    /// `REPLICAOF NO ONE` on the old primary, unless another node is a primary by now: undoes
    /// `Demote`.
    RestorePrimary {
        /// The nodes that may not be primaries.
        others: Vec<NodeName>,
    },
    /// `REPLICAOF NO ONE`, sent so that a lost answer can be resolved.
    Promote,
}

impl RoleAction {
    /// Whether it changes a server; the others wait, look, or change the operator's machine.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::CheckRoles { .. } | Self::CompareOffsets { .. } => false,
            Self::Follow { .. }
            | Self::FollowAddress { .. }
            | Self::Demote { .. }
            | Self::TakeOver { .. }
            | Self::RestorePrimary { .. }
            | Self::Promote => true,
        }
    }

    /// The commands that its node has to allow.
    pub fn rights(&self) -> &'static [Need] {
        match self {
            Self::Follow { .. }
            | Self::FollowAddress { .. }
            | Self::Demote { .. }
            | Self::RestorePrimary { .. }
            | Self::TakeOver { hold_ms: None, .. }
            | Self::Promote => &CHANGE_ROLE,
            Self::TakeOver {
                hold_ms: Some(_), ..
            } => &[INFO, REPLICAOF, ROLE, MULTI, EXEC, KILL, ID, PAUSE, UNPAUSE],
            Self::CheckRoles { .. } => &[ROLE],
            Self::CompareOffsets { .. } => &[INFO, ROLE],
        }
    }
}

impl fmt::Display for RoleAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Follow { upstream, address } => {
                write!(f, "replicate from {upstream} ({address})")
            }
            Self::FollowAddress { address } => write!(f, "replicate from {address}"),
            Self::CheckRoles { .. } => f.write_str("see that nobody else has changed a role"),
            Self::Demote {
                upstream, address, ..
            } => write!(
                f,
                "replicate from {upstream} ({address}), and tell its last offset"
            ),
            Self::CompareOffsets { with, .. } => {
                write!(f, "see that it has exactly what {with} has")
            }
            Self::TakeOver { from, .. } => {
                write!(f, "make it primary, if it is still where {from} ended")
            }
            Self::RestorePrimary { .. } => {
                f.write_str("make it primary again, unless another node is one")
            }
            Self::Promote => f.write_str("make it primary"),
        }
    }
}
