//! Nodes that replctl did not make, and makes its own. Pure.

use super::Matter;
use crate::topology::NodeName;
use crate::topology::phrases::bytes as size;

/// Nodes that replctl makes its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopt {
    /// The node runs with these settings, and its file does not say so.
    ChangedLive(Vec<String>),
    /// Sentinels watch, and see it restart.
    Sentinels,
    /// The node is the primary, and this one takes over first.
    HandsOver {
        /// The new primary.
        to: NodeName,
        /// It gives that back at the end.
        back: bool,
    },
    /// The node is a primary without a replica: it is away for a while, with so many bytes.
    Pause(u64),
    /// Its former files stay where they are.
    FilesStay(String),
}

impl From<Adopt> for Matter {
    fn from(it: Adopt) -> Self {
        Self::Adopt(it)
    }
}

impl Adopt {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::ChangedLive(_) => "changed-at-run-time",
            Self::Sentinels => "sentinels-see-restart",
            Self::HandsOver { .. } => "hands-over-first",
            Self::Pause(_) => "pause",
            Self::FilesStay(_) => "former-files-stay",
        }
    }

    pub(super) fn holds_for_many(&self) -> bool {
        matches!(self, Self::Sentinels)
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::ChangedLive(settings) => {
                let all: Vec<String> = settings.iter().map(|s| format!("`{s}`")).collect();
                format!(
                    "`{node}` runs with {}, which its file does not say: what it runs with is kept",
                    all.join(", ")
                )
            }
            Self::Sentinels => format!(
                "Sentinels watch, and `{node}` is away while it is restarted: where that takes longer than they wait, they note it as down until it is back; a replica that is down makes them promote nobody"
            ),
            Self::HandsOver { to, back: false } => format!(
                "`{node}` is the primary: `{to}` takes over before `{node}` is restarted, and stays the primary; to give that back afterwards: replctl promote {node}"
            ),
            Self::HandsOver { to, back: true } => format!(
                "`{node}` is the primary: `{to}` takes over before `{node}` is restarted; when this is done, `{node}` is promoted again"
            ),
            Self::Pause(bytes) => format!(
                "`{node}` has no replica that could take over: nobody can read or write while it saves {}, which are copied, and loads them again; that takes some seconds for each GiB",
                size(*bytes)
            ),
            Self::FilesStay(folder) => format!(
                "the former files of `{node}` stay where they are, for the way back: {folder}"
            ),
        }
    }
}
