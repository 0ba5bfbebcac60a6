//! What it costs to give a node its data from another: full and partial resyncs. Pure.

use super::Matter;
use crate::topology::versions::{CopySentence, FullCopy, Pair};
use crate::topology::{NodeName, phrases};

/// Full and partial resyncs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copy {
    /// The node cannot load a full copy, or it is not sure that it can.
    Version(Pair),
    /// The node is a primary, and will not be one.
    PrimaryMoves,
    /// The primary `before` of the node and the primary `then` are two.
    OtherPrimary {
        /// Now.
        before: NodeName,
        /// Afterwards.
        then: NodeName,
    },
    /// A partial resync.
    Partial {
        /// Where the node is.
        at: u64,
        /// The node that it will follow.
        above: NodeName,
        /// The first byte of the backlog there.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// A full resync.
    Full {
        /// Why.
        because: Because,
        /// The node that it will follow.
        above: NodeName,
        /// How many keys that has.
        keys: u64,
        /// How many bytes of memory it uses.
        memory: Option<u64>,
    },
    /// The node may use less memory than the other uses, bytes.
    LessMemory {
        /// What it may use.
        limit: u64,
        /// What the other uses.
        used: u64,
        /// The node that it will follow.
        above: NodeName,
    },
    /// The replicas below the node link again after it.
    Below {
        /// Them.
        nodes: Vec<NodeName>,
        /// Each by a full resync.
        full: bool,
    },
}

/// Why all data is sent again. Each has the node's new upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// The upstream has no backlog.
    NoBacklog(NodeName),
    /// The node is at that offset, and the backlog begins later.
    BacklogLater(u64, NodeName),
    /// The node has bytes that the upstream does not have.
    Diverged(NodeName),
    /// They have no history in common.
    NoHistory,
}

impl Because {
    fn text(&self, node: &str) -> String {
        match self {
            Self::NoBacklog(under) => format!("`{under}` has no backlog"),
            Self::BacklogLater(at, under) => {
                format!("`{node}` is at offset {at}, and the backlog of `{under}` begins later")
            }
            Self::Diverged(under) => format!("`{node}` has bytes that `{under}` has not"),
            Self::NoHistory => "they have no history in common".to_owned(),
        }
    }
}

impl From<Copy> for Matter {
    fn from(it: Copy) -> Self {
        Self::Copy(it)
    }
}

impl Copy {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Version(_) => "copy-between-versions",
            Self::PrimaryMoves => "clients-refused",
            Self::OtherPrimary { .. } => "other-primary",
            Self::Partial { .. } => "partial-resync",
            Self::Full { .. } => "full-resync",
            Self::LessMemory { .. } => "less-memory",
            Self::Below { .. } => "links-again",
        }
    }

    pub(super) fn holds_for_many(&self) -> bool {
        match self {
            Self::OtherPrimary { .. } | Self::Full { .. } | Self::Below { .. } => false,
            // The sentence begins with the replica, or with what it replicates from.
            Self::Version(pair) => !matches!(pair.copy, FullCopy::Refused(_)),
            Self::PrimaryMoves | Self::Partial { .. } | Self::LessMemory { .. } => true,
        }
    }

    pub(super) fn nodes(&self) -> &[NodeName] {
        match self {
            Self::Below { nodes, .. } => nodes,
            Self::Version(_)
            | Self::PrimaryMoves
            | Self::OtherPrimary { .. }
            | Self::Partial { .. }
            | Self::Full { .. }
            | Self::LessMemory { .. } => &[],
        }
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::Version(pair) => match pair.said(node) {
                Some(CopySentence::Never(text)) => {
                    format!("{text}: its next full resync would never end")
                }
                Some(CopySentence::Perhaps(text)) => text,
                None => String::new(),
            },
            Self::PrimaryMoves => {
                format!("`{node}` is a primary: clients that write to it are refused from then on")
            }
            Self::OtherPrimary { before, then } => format!(
                "`{then}` is a primary beside `{before}`: what is written to `{before}` will not reach `{node}` any more"
            ),
            Self::Partial {
                at,
                above,
                first,
                last,
            } => format!(
                "expected: a partial resync; `{node}` is at offset {at}, and the backlog of `{above}` holds {first} to {last}"
            ),
            Self::Full {
                because,
                above,
                keys,
                memory,
            } => {
                let (why, keys) = (because.text(node), phrases::keys(*keys));
                let size = memory.map_or_else(String::new, |used| {
                    format!(", {} in its memory", phrases::bytes(used))
                });
                format!(
                    "expected: a full resync, because {why}; `{above}` sends all its data ({keys}{size}) and takes more memory while it does, and `{node}` answers with LOADING while it takes them in"
                )
            }
            Self::LessMemory { limit, used, above } => format!(
                "`{node}` may use {} of memory, less than the {} that `{above}` uses",
                phrases::bytes(*limit),
                phrases::bytes(*used)
            ),
            Self::Below { nodes, full } => {
                let too = if *full {
                    ", each by a full resync of its own"
                } else {
                    ""
                };
                let (stay, link) = if nodes.len() == 1 {
                    ("stays", "links")
                } else {
                    ("stay", "link")
                };
                format!(
                    "{} {stay} under `{node}` and {link} again after it{too}",
                    phrases::list_names(nodes)
                )
            }
        }
    }
}
