//! Old primaries that come back as replicas, and what becomes of their data. Pure.

use super::Matter;
use crate::plan::divergence::Own;
use crate::topology::{NodeName, phrases};

/// Nodes that come back as replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returning {
    /// What only the node has, compared with the new primary.
    Own {
        /// What it is.
        own: Own,
        /// The new primary.
        successor: NodeName,
    },
    /// Nothing is discarded.
    NothingDiscarded,
    /// Nothing of a stopped node is discarded. If its dump has keys: the node whose history they
    /// have.
    NothingOnDisk(Option<NodeName>),
    /// A dump is made for the backup in that folder.
    Dump(String),
    /// The data of those below are replaced as well.
    Below(Vec<NodeName>),
    /// So many Sentinels watch.
    Watched(u64),
}

impl From<Returning> for Matter {
    fn from(it: Returning) -> Self {
        Self::Returning(it)
    }
}

impl Returning {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Own { .. } => "own-data",
            Self::NothingDiscarded | Self::NothingOnDisk(_) => "nothing-discarded",
            Self::Dump(_) => "dump",
            Self::Below(_) => "data-replaced-below",
            Self::Watched(_) => "sentinels-watch",
        }
    }

    pub(super) fn holds_for_many(&self) -> bool {
        match self {
            Self::Own { own, .. } => match own {
                Own::Nothing { .. } | Own::Commands { .. } => false,
                Own::Empty | Own::Unknown(_) | Own::Silent(_) => true,
            },
            Self::NothingDiscarded
            | Self::NothingOnDisk(_)
            | Self::Dump(_)
            | Self::Below(_)
            | Self::Watched(_) => true,
        }
    }

    pub(super) fn nodes(&self) -> &[NodeName] {
        match self {
            Self::Below(nodes) => nodes,
            Self::Own { .. }
            | Self::NothingDiscarded
            | Self::NothingOnDisk(_)
            | Self::Dump(_)
            | Self::Watched(_) => &[],
        }
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::Own { own, successor } => own.sentence(node, successor),
            Self::NothingDiscarded => "nothing is discarded, and no backup is needed".to_owned(),
            Self::NothingOnDisk(history) => {
                let why = history.as_ref().map_or_else(
                    || "no key is where its data lie".to_owned(),
                    |successor| format!("its dump ends before `{successor}` took over"),
                );
                format!("nothing of `{node}` is discarded, and no backup is needed: {why}")
            }
            Self::Dump(folder) => format!(
                "`{node}` makes a dump of all its data for the backup in {folder}, takes more memory while it does, and no writes"
            ),
            Self::Below(nodes) => format!(
                "the data of {} are replaced, too",
                phrases::list_names(nodes)
            ),
            Self::Watched(count) => {
                let (s, es) = if *count == 1 { ("", "es") } else { ("s", "") };
                format!(
                    "{count} Sentinel{s} watch{es}, and in the end their choice of the primary decides (replctl sentinel status); within seconds they make a former primary a replica by themselves, whatever only it has"
                )
            }
        }
    }
}
