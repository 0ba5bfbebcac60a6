//! Names, passwords and rights that are missing. Pure.

use super::Matter;
use crate::topology::{Address, NodeName};

/// Names, passwords and rights that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginTrouble {
    /// The node could not log in at its new upstream.
    LeftBehind {
        /// The new upstream.
        at: NodeName,
        /// Why.
        because: Refused,
    },
    /// The user may not run a command on the node. The operation does without it.
    WithoutCommand {
        /// The user.
        user: String,
        /// The command.
        command: String,
        /// What it means.
        without: &'static str,
    },
    /// Whether the user may run these on the node cannot be known.
    RightsUnknown {
        /// The user.
        user: String,
        /// The commands.
        commands: Vec<String>,
    },
    /// The node's host does not know the name of the new upstream.
    NameUnknown {
        /// The new upstream.
        upstream: NodeName,
        /// By which address.
        at: Address,
    },
    /// The node's host does not know names of nodes that it may have to follow later.
    NamesUnknown(Vec<String>),
}

/// Why a replica is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Its `masterauth` is not what the inventory says.
    Password,
    /// It was tried, and the server said this.
    Said(String),
    /// Its user lacks rights.
    Lacks {
        /// The user.
        user: String,
        /// What it may not run.
        commands: Vec<String>,
        /// The command that allows it.
        allow: String,
    },
}

impl Refused {
    /// The sentence and the hint, of a node that was tried.
    pub fn sentences(&self, node: &str, at: &NodeName) -> (String, String) {
        let begin = format!("`{node}` could not log in at `{at}`");
        match self {
            Self::Password => (
                format!("{begin}, its masterauth is not what the inventory says"),
                format!("replctl setup {node}"),
            ),
            Self::Said(why) => (
                format!("{begin}, so it could not replicate from it: {why}"),
                format!("set masteruser and masterauth of `{node}` to a login that `{at}` lets in"),
            ),
            Self::Lacks {
                user,
                commands,
                allow,
            } => (
                format!(
                    "{begin} as a replica: its user `{user}` may not run {} there",
                    commands.join(", ")
                ),
                allow.clone(),
            ),
        }
    }
}

/// The sentence and the hint of a name that a node's host does not know.
pub fn name_unknown(node: &str, upstream: &NodeName, at: &Address) -> (String, String) {
    let host = &at.host;
    (
        format!(
            "the host of `{node}` does not know the name `{host}`, so `{node}` could not replicate from `{upstream}`"
        ),
        format!(
            "let it know the name (DNS or /etc/hosts there), or give `{upstream}` an IP address in the inventory: announce = \"…\""
        ),
    )
}

impl From<LoginTrouble> for Matter {
    fn from(it: LoginTrouble) -> Self {
        Self::Login(it)
    }
}

impl LoginTrouble {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::LeftBehind { .. } => "left-behind",
            Self::WithoutCommand { .. } => "permission",
            Self::RightsUnknown { .. } => "permission-unknown",
            Self::NameUnknown { .. } | Self::NamesUnknown(_) => "name-unknown",
        }
    }

    pub(super) fn holds_for_many(&self) -> bool {
        match self {
            Self::LeftBehind { because, .. } => *because != Refused::Password,
            // The user stands first.
            Self::RightsUnknown { .. } => false,
            Self::WithoutCommand { .. } | Self::NameUnknown { .. } | Self::NamesUnknown(_) => true,
        }
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::LeftBehind { at, because } => {
                let (why, hint) = because.sentences(node, at);
                format!("{why}: it would be left behind; first: {hint}")
            }
            Self::WithoutCommand {
                user,
                command,
                without,
            } => format!("`{node}` does not let `{user}` run {command}: {without}"),
            Self::RightsUnknown { user, commands } => format!(
                "whether `{user}` may run {} on `{node}` cannot be known: it may run neither ACL DRYRUN nor MULTI and DISCARD there",
                commands.join(", ")
            ),
            Self::NameUnknown { upstream, at } => {
                let (why, hint) = name_unknown(node, upstream, at);
                format!("{why}: {hint}")
            }
            Self::NamesUnknown(hosts) => {
                let hosts: Vec<String> = hosts.iter().map(|host| format!("`{host}`")).collect();
                format!(
                    "the host of `{node}` does not know {}: `{node}` could not replicate from there after a promotion",
                    hosts.join(", ")
                )
            }
        }
    }
}
