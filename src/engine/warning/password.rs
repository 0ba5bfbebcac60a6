//! What a change of the password means for clients. Pure.

use super::Matter;
use crate::topology::NodeName;

/// A change of the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// The node does not run, and gets it later.
    Stopped,
    /// Servers without a password get one.
    New,
    /// From one password to another: servers take both from then on.
    BothTaken,
    /// From one password to another: servers refuse the earlier one at the end.
    EarlierRefused,
    /// There will be none.
    None,
    /// These will let other hosts in without one.
    Unprotected(Vec<NodeName>),
    /// The Sentinels forget it.
    SentinelsForget,
    /// `--keep-earlier-password` has nothing to keep.
    NothingToKeep,
}

impl From<Password> for Matter {
    fn from(it: Password) -> Self {
        Self::Password(it)
    }
}

impl Password {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped-node",
            Self::New => "password-wanted",
            Self::BothTaken => "both-passwords",
            Self::EarlierRefused => "earlier-password-refused",
            Self::None => "no-password",
            Self::Unprotected(_) => "protected-mode-off",
            Self::SentinelsForget => "sentinels-forget-password",
            Self::NothingToKeep => "nothing-to-keep",
        }
    }

    pub(super) fn nodes(&self) -> &[NodeName] {
        match self {
            Self::Unprotected(nodes) => nodes,
            Self::Stopped
            | Self::New
            | Self::BothTaken
            | Self::EarlierRefused
            | Self::None
            | Self::SentinelsForget
            | Self::NothingToKeep => &[],
        }
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::Stopped => format!(
                "`{node}` does not run: the next `replctl setup` writes the change into its file and starts it"
            ),
            Self::New => "once a server wants the password, it refuses new connections without it; open connections stay open. Clients can send `AUTH default PASSWORD` already: a server without a password takes that, and refuses `AUTH PASSWORD`".to_owned(),
            Self::BothTaken => "the servers take both passwords from then on; when all clients use the new one: replctl setup".to_owned(),
            Self::EarlierRefused => "at the end the servers refuse new connections with the earlier password; open connections stay open. To keep both passwords until all clients use the new one: replctl setup --keep-earlier-password".to_owned(),
            Self::None => "without a password everybody who reaches a server's port can read and change all data; clients that send `AUTH PASSWORD` on new connections get an error then (`AUTH default PASSWORD` is taken)".to_owned(),
            Self::Unprotected(nodes) => {
                let names: Vec<String> = nodes.iter().map(|n| format!("`{n}`")).collect();
                format!(
                    "protected-mode is switched off, so that other hosts can still connect: {}",
                    names.join(", ")
                )
            }
            Self::SentinelsForget => "the Sentinels forget the password as well".to_owned(),
            Self::NothingToKeep => "--keep-earlier-password keeps nothing: no server has another password than the inventory".to_owned(),
        }
    }
}
