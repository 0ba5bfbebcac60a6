//! What is done with a running server that keeps its role: fences, waits, settings, clients. Pure.

use super::named::list;
use super::rights::{
    CONFIG_SET, INFO, KILL_CLIENTS, LIST, Need, PAUSE, REWRITE, ROLE, SHUTDOWN, TIME, UNPAUSE,
};
use crate::inventory::secrets::is_secret;
use crate::topology::phrases::bytes as size;
use crate::topology::{Address, NodeName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A change, a wait or a proof on one running server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerAction {
    /// Stop writes for at most `ms` milliseconds (`CLIENT PAUSE … WRITE`); ends by itself.
    PauseWrites {
        /// Milliseconds.
        ms: u64,
    },
    /// `CLIENT UNPAUSE`.
    ResumeWrites,
    /// Servers before 6.2: refuse writes by asking for more replicas than there are.
    RequireReplicas {
        /// `min-replicas-to-write`.
        to_write: u64,
        /// `min-replicas-max-lag`, seconds; 0 would switch the check off.
        max_lag: u64,
    },
    /// Wait until this node is near enough to `with` for a short hand-over.
    AwaitNear {
        /// The node it is compared with.
        with: NodeName,
        /// Bytes that may be missing.
        bytes: u64,
        /// Milliseconds to wait.
        within_ms: u64,
        /// Being late is reported, and is no failure.
        optional: bool,
    },
    /// Wait until this node has every byte that `with` had produced when the wait began.
    AwaitCaughtUp {
        /// The node it is compared with.
        with: NodeName,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// Give these replicas time to get every byte of this node; a late one needs a full resync.
    DrainOthers {
        /// The replicas.
        replicas: Vec<NodeName>,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// Check that this node has no less data than the other named nodes.
    CheckMostAdvanced {
        /// The nodes it is compared with.
        others: Vec<NodeName>,
    },
    /// Wait until the link to `with` is up and this node has what `with` has.
    AwaitInSync {
        /// Its upstream.
        with: NodeName,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// Wait until this node's offset stands still: what a dead primary had sent has arrived.
    AwaitQuiet {
        /// Milliseconds to wait at most.
        within_ms: u64,
    },
    /// Wait until the server just started answers a PING; loading its data counts as an answer.
    AwaitAnswer {
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// Wait until this node lists no replica at those addresses any more.
    AwaitUnlisted {
        /// The node that was there.
        gone: NodeName,
        /// Where it may be listed.
        addresses: Vec<Address>,
        /// Milliseconds to wait.
        within_ms: u64,
        /// If it is still listed, this is reported and is no failure: its connection could not be
        /// ended.
        optional: bool,
    },
    /// List its clients. An unknown list is reported, and is no failure.
    CountClients,
    /// Disconnect its clients, so that they look for the primary anew.
    KickClients,
    /// `CONFIG REWRITE`, put back the file's mode and owner, and read the role back from the file.
    PersistRole,
    /// `CONFIG SET`, at run time only.
    SetDirective {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
    /// Give the running server the deployment's password, or none, as `masterauth`.
    SetReplicaAuth,
    /// `SHUTDOWN SAVE`: save its data and end, if its role and its settings are still these. One
    /// that cannot save goes on.
    ShutDown {
        /// Milliseconds to wait for its end.
        within_ms: u64,
        /// Writes are paused first, for at most so many milliseconds; `None`: it has no such pause.
        pause_ms: Option<u64>,
        /// The node that it follows; `None`: it is a primary.
        follows: Option<NodeName>,
        /// Its keys are counted before.
        counts: bool,
        /// The settings that it must still have. Its data is copied from where they say.
        runs_with: Vec<(String, String)>,
    },
    /// Wait until it has loaded its data.
    AwaitLoaded {
        /// Milliseconds to wait without any progress.
        within_ms: u64,
    },
    /// See that it has the keys that it had when it was ended, but for those that have expired
    /// since.
    CompareKeys,
    /// See that it runs with these settings.
    SeeSettings {
        /// Name and value, as `CONFIG GET` tells them.
        settings: Vec<(String, String)>,
    },
    /// Write a key on this node, see it on every replica named, see READONLY there, and remove it.
    ProveWrite {
        /// The replicas.
        replicas: Vec<NodeName>,
    },
}

impl ServerAction {
    /// Whether it changes a server; the others wait, look, or change the operator's machine.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::AwaitNear { .. }
            | Self::AwaitCaughtUp { .. }
            | Self::DrainOthers { .. }
            | Self::CheckMostAdvanced { .. }
            | Self::AwaitInSync { .. }
            | Self::AwaitQuiet { .. }
            | Self::AwaitAnswer { .. }
            | Self::AwaitUnlisted { .. }
            | Self::CountClients
            | Self::AwaitLoaded { .. }
            | Self::CompareKeys
            | Self::SeeSettings { .. }
            | Self::ProveWrite { .. } => false,
            Self::ShutDown { .. }
            | Self::PauseWrites { .. }
            | Self::KickClients
            | Self::ResumeWrites
            | Self::RequireReplicas { .. }
            | Self::PersistRole
            | Self::SetDirective { .. }
            | Self::SetReplicaAuth => true,
        }
    }

    /// Whether it stops the writes of clients.
    pub fn fences(&self) -> bool {
        matches!(
            self,
            Self::PauseWrites { .. } | Self::RequireReplicas { to_write: 1000, .. }
        )
    }

    /// Whether it ends such a fence.
    pub fn unfences(&self) -> bool {
        matches!(self, Self::ResumeWrites | Self::RequireReplicas { .. }) && !self.fences()
    }

    /// The commands that its node has to allow.
    pub fn rights(&self) -> &'static [Need] {
        match self {
            Self::PauseWrites { .. } => &[PAUSE],
            Self::ResumeWrites => &[UNPAUSE],
            Self::RequireReplicas { .. } | Self::SetDirective { .. } | Self::SetReplicaAuth => {
                &[CONFIG_SET]
            }
            Self::PersistRole => &[INFO, REWRITE],
            Self::AwaitNear { .. }
            | Self::AwaitCaughtUp { .. }
            | Self::DrainOthers { .. }
            | Self::CheckMostAdvanced { .. }
            | Self::AwaitInSync { .. }
            | Self::AwaitQuiet { .. }
            | Self::AwaitUnlisted { .. }
            | Self::AwaitLoaded { .. }
            | Self::CompareKeys => &[INFO],
            Self::ShutDown {
                pause_ms: Some(_), ..
            } => &[INFO, TIME, ROLE, PAUSE, UNPAUSE, SHUTDOWN],
            Self::ShutDown { .. } => &[INFO, TIME, ROLE, SHUTDOWN],
            Self::KickClients => &[LIST, KILL_CLIENTS],
            // The server is not started yet. Or the step has no effect without the right, and
            // reports that.
            Self::AwaitAnswer { .. }
            | Self::CountClients
            | Self::SeeSettings { .. }
            | Self::ProveWrite { .. } => &[],
        }
    }
}

impl fmt::Display for ServerAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PauseWrites { ms } => write!(f, "pause writes (for at most {ms} ms)"),
            Self::ResumeWrites => f.write_str("resume writes"),
            Self::RequireReplicas { to_write, max_lag } => write!(
                f,
                "set min-replicas-to-write {to_write}, min-replicas-max-lag {max_lag}"
            ),
            Self::AwaitNear { with, bytes, .. } => {
                write!(f, "wait until less than {} behind {with}", size(*bytes))
            }
            Self::AwaitCaughtUp { with, .. } => write!(f, "wait until it has every byte of {with}"),
            Self::DrainOthers { replicas, .. } => write!(f, "let {} catch up too", list(replicas)),
            Self::CheckMostAdvanced { others } => {
                write!(f, "see that it has no less data than {}", list(others))
            }
            Self::AwaitInSync { with, .. } => write!(f, "wait until in sync with {with}"),
            Self::AwaitQuiet { .. } => {
                f.write_str("wait until nothing more arrives from the old primary")
            }
            Self::AwaitAnswer { .. } => f.write_str("wait until it answers"),
            Self::AwaitUnlisted { gone, .. } => {
                write!(f, "see that it lists {gone} as a replica no more")
            }
            Self::CountClients => f.write_str("list its clients"),
            Self::KickClients => {
                f.write_str("disconnect its clients, so that they look for the primary anew")
            }
            Self::PersistRole => {
                f.write_str("write its role into its configuration file and read it back")
            }
            Self::SetDirective { name, .. } if is_secret(name) => {
                write!(f, "set {name} to what the inventory says")
            }
            Self::SetDirective { name, value } => write!(f, "set {name} {value}"),
            Self::SetReplicaAuth => f.write_str("set its masterauth to what the inventory says"),
            Self::ShutDown { follows, .. } => ending(follows.as_ref(), f),
            Self::AwaitLoaded { .. } => f.write_str("wait until it has loaded its data"),
            Self::CompareKeys => f.write_str("see that it has the keys that it had"),
            Self::SeeSettings { settings } => {
                let (n, s) = (settings.len(), if settings.len() == 1 { "" } else { "s" });
                write!(f, "see that it has the same {n} setting{s} as before")
            }
            Self::ProveWrite { replicas } => {
                write!(
                    f,
                    "write a key here, read it on {}, and see writes refused there",
                    list(replicas)
                )
            }
        }
    }
}

/// The end of a server that follows this node, or of a primary.
fn ending(follows: Option<&NodeName>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match follows {
        Some(upstream) => write!(
            f,
            "see that it still follows {upstream}, save its data and stop it"
        ),
        None => f.write_str("pause writes, count its keys, save its data and stop it"),
    }
}
