//! Nodes that come into the inventory or leave it. Pure.

use super::Matter;
use crate::topology::{Address, NodeName};

/// Nodes that come into the inventory or leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inventory {
    /// The node runs already and is only written down.
    TakenIn,
    /// The other hosts lack its name.
    HostsLackName,
    /// The other hosts still have its name.
    HostsHaveName,
    /// The node is the last replica of that primary.
    LastReplica(NodeName),
    /// The node is only taken out of the inventory.
    LeftRunning(GoesOn),
    /// Nothing can be done on the node's host.
    HostGone {
        /// Why.
        why: String,
        /// Its files were to go as well.
        purge: bool,
    },
    /// The node does not answer, and by its file it follows the removed node.
    Waits {
        /// The one that is removed.
        removed: NodeName,
        /// The primary.
        primary: NodeName,
    },
    /// replctl does not make the Sentinels forget the node.
    NotForgotten {
        /// Why.
        why: String,
        /// How they know it.
        at: Address,
    },
    /// The node stays in the inventory after the Sentinels forgot it.
    Stays {
        /// It is a Sentinel.
        sentinel: bool,
    },
    /// The node was detached.
    DetachedStays,
}

/// What a server does if it is only taken out of the inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoesOn {
    /// It gives no answer.
    Untouched,
    /// It replicates, and the primary lists it.
    Replicates(NodeName),
    /// It runs.
    Runs,
}

impl From<Inventory> for Matter {
    fn from(it: Inventory) -> Self {
        Self::Inventory(it)
    }
}

impl Inventory {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::TakenIn => "taken-in",
            Self::HostsLackName | Self::HostsHaveName => "names-of-hosts",
            Self::LastReplica(_) => "last-replica",
            Self::LeftRunning(_) => "left-running",
            Self::HostGone { .. } => "host-unreachable",
            Self::Waits { .. } => "waits-for-removed",
            Self::NotForgotten { .. } => "not-forgotten",
            Self::Stays { .. } => "stays-in-inventory",
            Self::DetachedStays => "detached-node",
        }
    }

    pub(super) fn holds_for_many(&self) -> bool {
        !matches!(
            self,
            Self::Waits { .. } | Self::NotForgotten { .. } | Self::Stays { sentinel: false }
        )
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::TakenIn => format!(
                "`{node}` runs already, and was not set up by replctl: it is only taken into the inventory, and its files and what starts it stay as they are"
            ),
            Self::HostsLackName => format!(
                "the other hosts do not have `{node}` in their /etc/hosts yet; afterwards: replctl setup"
            ),
            Self::HostsHaveName => format!(
                "the other hosts still have `{node}` in their /etc/hosts; afterwards: replctl setup"
            ),
            Self::LastReplica(primary) => format!(
                "`{node}` is the last replica that answers: without it there is no other copy of what `{primary}` has"
            ),
            Self::LeftRunning(how) => {
                let goes_on = match how {
                    GoesOn::Untouched => "its server is not touched".to_owned(),
                    GoesOn::Replicates(top) => {
                        format!("it goes on replicating, and `{top}` goes on listing it")
                    }
                    GoesOn::Runs => "its server goes on".to_owned(),
                };
                format!(
                    "`{node}` is only taken out of the inventory: {goes_on}, and no command looks at it any more"
                )
            }
            Self::HostGone { why, purge } => {
                let files = if *purge {
                    " and its files stay"
                } else {
                    " stays"
                };
                format!(
                    "nothing can be done on the host of `{node}` ({why}): what starts its server there{files}; if that host comes back, so does the server, with the role that its file says"
                )
            }
            Self::Waits { .. }
            | Self::NotForgotten { .. }
            | Self::Stays { .. }
            | Self::DetachedStays => self.afterwards(node),
        }
    }

    /// The sentences that say what is left to do.
    fn afterwards(&self, node: &str) -> String {
        match self {
            Self::Waits { removed, primary } => format!(
                "`{node}` does not answer, and its file lets it follow `{removed}`; when it is back: replctl move {node} --under {primary}"
            ),
            Self::NotForgotten { why, at } => format!(
                "the Sentinels never forget `{node}` by themselves, and replctl does not make them: {why}; afterwards: replctl sentinel forget {at}"
            ),
            Self::Stays { sentinel: true } => format!(
                "`{node}` stays in the inventory: take it out, or `replctl sentinel setup` brings it back"
            ),
            Self::Stays { sentinel: false } => format!(
                "`{node}` stays in the inventory, and `replctl setup` brings it back; to take it out: replctl remove {node}"
            ),
            Self::DetachedStays => format!("`{node}` was detached and is left as it is"),
            Self::TakenIn
            | Self::HostsLackName
            | Self::HostsHaveName
            | Self::LastReplica(_)
            | Self::LeftRunning(_)
            | Self::HostGone { .. } => String::new(),
        }
    }
}
