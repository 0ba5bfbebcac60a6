//! Configuration files, and what stands in them. Pure.

use super::Matter;
use crate::plan::forecast::Unkept;
use crate::topology::{NodeName, phrases};

/// Configuration files, and what stands in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// The node will not keep its role after a restart, which was accepted.
    Unkept {
        /// On what ground.
        kind: Unkept,
        /// Why, in words.
        why: String,
    },
    /// It is not known whether these keep their roles; `why` is the reason for the first.
    KeepsUnknown {
        /// Them; never empty.
        nodes: Vec<NodeName>,
        /// Why.
        why: String,
    },
    /// The file of a stopped node is not known, and cannot be written.
    FenceUnknown,
    /// What a host says of the file.
    Said(String),
    /// It is not known who may read these files: path and node.
    Unseen(Vec<(String, NodeName)>),
    /// The node runs without the file that it should have.
    Gone(String),
    /// The node runs with a file that replctl did not write.
    Foreign(String),
    /// The settings that the node takes only at a restart.
    NeedsRestart(Vec<String>),
    /// The settings that differ from the inventory, in the running server or in its file.
    Otherwise(Vec<String>),
    /// A file that replctl did not write is replaced.
    Replaced(String),
}

impl From<Files> for Matter {
    fn from(it: Files) -> Self {
        Self::Files(it)
    }
}

impl Files {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Unkept { kind, .. } => match kind {
                Unkept::NoConfigFile => "no-config-file",
                Unkept::RoleOnCommandLine => "role-on-command-line",
                Unkept::RoleInInclude => "role-in-include",
                Unkept::ReadOnlyConfig => "read-only-config",
                Unkept::OtherConfigFile => "other-config-file",
            },
            Self::KeepsUnknown { .. } => "role-after-restart-unknown",
            Self::FenceUnknown => "config-file-unknown",
            Self::Said(_) => "config-file",
            Self::Unseen(_) => "config-file-unseen",
            Self::Gone(_) => "config-file-gone",
            Self::Foreign(_) => "foreign-config-file",
            Self::NeedsRestart(_) => "needs-restart",
            Self::Otherwise(_) => "differs-from-inventory",
            Self::Replaced(_) => "config-file-replaced",
        }
    }

    pub(super) fn nodes(&self) -> Vec<NodeName> {
        match self {
            Self::KeepsUnknown { nodes, .. } => nodes.clone(),
            Self::Unseen(files) => {
                let mut nodes: Vec<NodeName> = Vec::new();
                for (_, node) in files {
                    if !nodes.contains(node) {
                        nodes.push(node.clone());
                    }
                }
                nodes
            }
            Self::Unkept { .. }
            | Self::FenceUnknown
            | Self::Said(_)
            | Self::Gone(_)
            | Self::Foreign(_)
            | Self::NeedsRestart(_)
            | Self::Otherwise(_)
            | Self::Replaced(_) => Vec::new(),
        }
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::Unkept { why, .. } => {
                format!("`{node}` will not keep its role after a restart: {why}")
            }
            Self::KeepsUnknown { nodes, why } => {
                let all = phrases::list_names(nodes);
                match &nodes[..] {
                    [] | [_] => {
                        format!("whether {all} keeps its role after a restart is not known: {why}")
                    }
                    [first, ..] => format!(
                        "whether {all} keep their roles after a restart is not known; of `{first}`: {why}"
                    ),
                }
            }
            Self::FenceUnknown => format!(
                "`{node}` may come back as a primary: where its configuration file is, is not known (the inventory can say it: `config_file` of the node)"
            ),
            Self::Said(text) => format!("`{node}`: {text}"),
            Self::Unseen(files) => {
                let files = files.iter().map(|(path, of)| format!("{path} of `{of}`"));
                let files: Vec<String> = files.collect();
                format!(
                    "replctl cannot see who may read {}: CONFIG REWRITE makes such a file anew; on most servers, everybody on the host can then read it and the passwords in it",
                    files.join(", ")
                )
            }
            Self::Gone(path) => format!(
                "`{node}` runs without its file {path}: what it is now is lost at its next restart"
            ),
            Self::Foreign(path) => format!(
                "`{node}` runs with a file that replctl did not write, so its settings are left as they are: {path}"
            ),
            Self::NeedsRestart(_) | Self::Otherwise(_) | Self::Replaced(_) => {
                self.of_settings(node)
            }
        }
    }

    fn of_settings(&self, node: &str) -> String {
        match self {
            Self::NeedsRestart(changed) => {
                let what = if changed.is_empty() {
                    "a directive that was taken out of the inventory".to_owned()
                } else {
                    let lines: Vec<String> = changed.iter().map(|l| format!("`{l}`")).collect();
                    lines.join(", ")
                };
                format!(
                    "`{node}` takes {what} only at a restart, and setup does not restart a running server: promote another node if it is the primary, stop it, and run setup again"
                )
            }
            Self::Otherwise(said) => format!(
                "`{node}` is otherwise than the inventory says, and is left so: it {}; to give it what the inventory says, CONFIG SET and CONFIG REWRITE on it, or change the inventory",
                said.join("; it ")
            ),
            Self::Replaced(path) => format!(
                "{path} of `{node}` was not written by replctl; it is replaced, and kept as {path}.replctl-before"
            ),
            Self::Unkept { .. }
            | Self::KeepsUnknown { .. }
            | Self::FenceUnknown
            | Self::Said(_)
            | Self::Unseen(_)
            | Self::Gone(_)
            | Self::Foreign(_) => String::new(),
        }
    }
}
