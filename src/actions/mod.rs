//! The actions a plan is made of. Each is safe to repeat. Pure data.

pub mod hook;
pub mod host;
pub mod named;
pub mod password;
pub mod rescue;
pub mod roles;
pub mod sentinel;
pub mod wire;

use self::hook::Hook;
use self::rescue::{Covered, Source};
use self::sentinel::SentinelAction;
use self::{host::HostAction, named::list, password::PasswordAction, roles::NodeRole};
use crate::inventory::edit::Edit;
use crate::inventory::secrets::is_secret;
use crate::topology::phrases::bytes as size;
use crate::topology::{Address, NodeName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One change to one node, or one wait on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
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
        /// Being late is told, and is no failure.
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
    /// See that this node has no less data than the others named.
    CheckMostAdvanced {
        /// The nodes it is compared with.
        others: Vec<NodeName>,
    },
    /// `REPLICAOF host port`.
    Follow {
        /// The node to follow.
        upstream: NodeName,
        /// The address this node uses for it.
        address: Address,
    },
    /// See that every node still has the role that the plan was made from.
    CheckRoles {
        /// Each node with its role.
        roles: Vec<NodeRole>,
    },
    /// `REPLICAOF host port` on the primary, with its last offset, in one transaction; put back if
    /// it was none any more.
    Demote {
        /// The node that is to replace it.
        upstream: NodeName,
        /// The address this node uses for it.
        address: Address,
        /// The other nodes, none of which may be a primary.
        #[serde(default)]
        others: Vec<NodeName>,
    },
    /// See that this node ends where `with` was demoted, and that no other node is a primary.
    CompareOffsets {
        /// The old primary.
        with: NodeName,
        /// The other nodes.
        others: Vec<NodeName>,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// `REPLICAOF NO ONE` after `from` was demoted, compared: this node ends as a replica at
    /// exactly the last offset of `from`, or it is put back.
    TakeOver {
        /// The old primary.
        from: NodeName,
        /// Its first writes are held for at most so many milliseconds, until the comparison is
        /// done; `None`: the server has no pause of writes.
        hold_ms: Option<u64>,
    },
    /// `REPLICAOF NO ONE` on the old primary, unless another node is one by now: undoes `Demote`.
    RestorePrimary {
        /// The nodes that may not be primaries.
        others: Vec<NodeName>,
    },
    /// `REPLICAOF host port` to an address that no node of the deployment has: only as an undo.
    FollowAddress {
        /// As the node was told before.
        address: Address,
    },
    /// Write all that this node has, and what only it has, into a folder on the operator's machine.
    BackUp {
        /// The primary that it is compared with.
        primary: NodeName,
        /// The folder.
        folder: String,
        /// The pause that is renewed meanwhile, milliseconds; `None`: the fence lasts by itself.
        fence_ms: Option<u64>,
    },
    /// Copy the data files of this stopped server into a folder on the operator's machine.
    BackUpFiles {
        /// The primary that it is to follow.
        primary: NodeName,
        /// The folder.
        folder: String,
    },
    /// Do again on this primary what only an old one has, but for what was done again already.
    Replay {
        /// The old primary.
        of: NodeName,
        /// Where its commands are read from.
        source: Source,
        /// What is in conflict with this node's own writes, too.
        conflicts: bool,
        /// How many commands, as they were counted.
        commands: usize,
    },
    /// `REPLICAOF host port`, put back at once if this node turns out to have more than is covered.
    GiveUp {
        /// The node to follow.
        upstream: NodeName,
        /// The address this node uses for it.
        address: Address,
        /// What it may have.
        covered: Covered,
    },
    /// `REPLICAOF NO ONE`, in the form whose doubt can be resolved.
    Promote,
    /// Wait until the link to `with` is up and this node has what `with` has.
    AwaitInSync {
        /// Its upstream.
        with: NodeName,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// List its clients. Not to know them is told, and is no failure.
    CountClients,
    /// Disconnect its clients, so that they look for the primary anew.
    KickClients,
    /// Wait until the server just started answers a PING; loading its data counts as an answer.
    AwaitAnswer {
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// `CONFIG REWRITE`, put back the file's mode and owner, and read the role back from the file.
    PersistRole,
    /// Wait until this node's offset stands still: what a dead primary had sent has arrived.
    AwaitQuiet {
        /// Milliseconds to wait at most.
        within_ms: u64,
    },
    /// Stop this node's server over SSH, so that a frozen process cannot come back writable.
    StopServer,
    /// Start this node's server over SSH (the undo of stopping it).
    StartServer,
    /// Write `replicaof` into the file of a stopped server, so that it comes back as a replica.
    FenceFile {
        /// Where it will replicate from.
        address: Address,
    },
    /// Remember on the operator's machine that this node was not told of the new primary.
    RememberDebt {
        /// Where it should replicate from.
        address: Address,
    },
    /// Remember on the operator's machine that this node stands alone on purpose.
    NoteAlone {
        /// What it followed.
        address: Address,
    },
    /// Forget that it stands alone (the undo of noting it).
    ForgetAlone,
    /// Forget that it was not told of the new primary.
    ForgetDebt,
    /// Edit the inventory on the operator's machine. A file that is not as it was is left alone.
    EditInventory(Box<Edit>),
    /// Wait until this node lists no replica at those addresses any more.
    AwaitUnlisted {
        /// The node that was there.
        gone: NodeName,
        /// Where it may be listed.
        addresses: Vec<Address>,
        /// Milliseconds to wait.
        within_ms: u64,
        /// That it is listed still is told, and is no failure: nobody could end its connection.
        optional: bool,
    },
    /// `CONFIG SET`, at run time only.
    SetDirective {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
    /// Give the running server the deployment's password, or none, as `masterauth`.
    SetReplicaAuth,
    /// A change of the servers' password, or a proof of it.
    Password(PasswordAction),
    /// A step that goes through the Sentinels that watch.
    Sentinel(SentinelAction),
    /// A command of the operator's own, on this machine.
    Hook(Box<Hook>),
    /// A step of `setup` on the node's host.
    Host(HostAction),
    /// Write a key on this node, see it on every replica named, see READONLY there, and remove it.
    ProveWrite {
        /// The replicas.
        replicas: Vec<NodeName>,
    },
}

impl Action {
    /// Whether it makes its node the primary, by itself or through Sentinel.
    pub fn promotes(&self) -> bool {
        matches!(
            self,
            Self::Promote | Self::TakeOver { .. } | Self::Sentinel(SentinelAction::FailOver { .. })
        )
    }

    /// Whether it makes its node the primary again that it was before.
    pub fn restores_primary(&self) -> bool {
        matches!(self, Self::Promote | Self::RestorePrimary { .. })
    }

    /// Whether it changes a host or a server; others wait, look, or change the operator's machine.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::Sentinel(action) => action.changes_something(),
            Self::Password(action) => action.changes_something(),
            Self::AwaitNear { .. }
            | Self::AwaitCaughtUp { .. }
            | Self::CheckRoles { .. }
            | Self::CompareOffsets { .. }
            | Self::DrainOthers { .. }
            | Self::CheckMostAdvanced { .. }
            | Self::AwaitInSync { .. }
            | Self::AwaitQuiet { .. }
            | Self::AwaitAnswer { .. }
            | Self::AwaitUnlisted { .. }
            | Self::CountClients
            | Self::Hook(_)
            | Self::BackUp { .. }
            | Self::BackUpFiles { .. }
            | Self::ProveWrite { .. } => false,
            Self::PauseWrites { .. }
            | Self::KickClients
            | Self::ResumeWrites
            | Self::RequireReplicas { .. }
            | Self::Follow { .. }
            | Self::FollowAddress { .. }
            | Self::Demote { .. }
            | Self::TakeOver { .. }
            | Self::RestorePrimary { .. }
            | Self::GiveUp { .. }
            | Self::Replay { .. }
            | Self::Promote
            | Self::PersistRole
            | Self::StopServer
            | Self::StartServer
            | Self::FenceFile { .. }
            | Self::RememberDebt { .. }
            | Self::NoteAlone { .. }
            | Self::ForgetAlone
            | Self::ForgetDebt
            | Self::EditInventory(_)
            | Self::SetDirective { .. }
            | Self::SetReplicaAuth
            | Self::Host(_) => true,
        }
    }
}

impl fmt::Display for Action {
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
            Self::BackUp { folder, .. } => write!(f, "back up all it has into {folder}"),
            Self::BackUpFiles { folder, .. } => write!(f, "copy its data files into {folder}"),
            Self::GiveUp {
                upstream,
                address,
                covered,
            } => write!(f, "replicate from {upstream} ({address}), {covered}"),
            Self::Replay { of, commands, .. } => {
                let s = if *commands == 1 { "" } else { "s" };
                write!(f, "replay {commands} command{s} of {of}, each once")
            }
            Self::Promote => f.write_str("make it primary"),
            Self::AwaitInSync { with, .. } => write!(f, "wait until in sync with {with}"),
            Self::PersistRole => {
                f.write_str("write its role into its configuration file and read it back")
            }
            Self::AwaitQuiet { .. } => {
                f.write_str("wait until nothing more arrives from the old primary")
            }
            Self::StopServer => f.write_str("stop the server over SSH"),
            Self::StartServer => f.write_str("start the server over SSH"),
            Self::FenceFile { address } => write!(
                f,
                "write `replicaof {address}` into its file, so that it returns as a replica"
            ),
            Self::RememberDebt { address } => {
                write!(f, "note that it was replaced, until it follows {address}")
            }
            Self::NoteAlone { .. } => f.write_str("note that it stands alone"),
            Self::ForgetAlone => f.write_str("forget that it stands alone"),
            Self::ForgetDebt => f.write_str("forget that it was replaced"),
            Self::EditInventory(edit) => edit.fmt(f),
            Self::AwaitUnlisted { gone, .. } => {
                write!(f, "see that it lists {gone} as a replica no more")
            }
            Self::SetDirective { name, .. } if is_secret(name) => {
                write!(f, "set {name} to what the inventory says")
            }
            Self::SetDirective { name, value } => write!(f, "set {name} {value}"),
            Self::SetReplicaAuth => f.write_str("set its masterauth to what the inventory says"),
            Self::Host(action) => action.fmt(f),
            Self::Password(action) => action.fmt(f),
            Self::Hook(hook) => hook.fmt(f),
            Self::CountClients => f.write_str("list its clients"),
            Self::KickClients => {
                f.write_str("disconnect its clients, so that they look for the primary anew")
            }
            Self::Sentinel(action) => action.fmt(f),
            Self::AwaitAnswer { .. } => f.write_str("wait until it answers"),
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
