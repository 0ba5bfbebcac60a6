//! The actions a plan is made of, grouped by who does them. Each is safe to repeat. Pure data.

pub mod former;
pub mod hook;
pub mod host;
pub mod local;
pub mod named;
pub mod own;
pub mod password;
mod recorded;
pub mod rescue;
pub mod rights;
pub mod role;
pub mod sentinel;
pub mod server;
pub mod service;
pub mod wire;

use self::hook::Hook;
use self::host::HostAction;
use self::local::LocalAction;
use self::password::PasswordAction;
use self::rescue::RescueAction;
use self::rights::Need;
use self::role::RoleAction;
use self::sentinel::SentinelAction;
use self::server::ServerAction;
use self::service::ServiceAction;
use std::fmt;

/// One change to one node, or one wait on it: who does it, and what.
///
/// Journals and `--json` show no group where the first version of the journal had none. `recorded`
/// writes and reads this form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The running server, by its own commands.
    Server(ServerAction),
    /// The running server, for changes of its role and comparisons of roles.
    Role(RoleAction),
    /// A server and the operator's machine: the data of an old primary.
    Rescue(RescueAction),
    /// The node's host: the server's process and its file.
    Service(ServiceAction),
    /// The operator's machine.
    Local(LocalAction),
    /// A change of the servers' password, or a proof of it.
    Password(PasswordAction),
    /// A step that goes through the Sentinels that watch.
    Sentinel(SentinelAction),
    /// A command of the operator's own, on this machine.
    Hook(Box<Hook>),
    /// A step of `setup` on the node's host.
    Host(HostAction),
}

impl Action {
    /// Whether it makes its node the primary, by itself or through Sentinel.
    pub fn promotes(&self) -> bool {
        matches!(
            self,
            Self::Role(RoleAction::Promote | RoleAction::TakeOver { .. })
                | Self::Sentinel(SentinelAction::FailOver { .. })
        )
    }

    /// Whether it makes an old primary a primary again.
    pub fn restores_primary(&self) -> bool {
        matches!(
            self,
            Self::Role(RoleAction::Promote | RoleAction::RestorePrimary { .. })
        )
    }

    /// Whether it changes a host, a server or the operator's notes; others wait, look or back up.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::Server(action) => action.changes_something(),
            Self::Role(action) => action.changes_something(),
            Self::Rescue(action) => action.changes_something(),
            Self::Sentinel(action) => action.changes_something(),
            Self::Password(action) => action.changes_something(),
            Self::Hook(_) | Self::Local(LocalAction::SeeInventory { .. }) => false,
            Self::Service(_) | Self::Local(_) | Self::Host(_) => true,
        }
    }

    /// The commands that its node has to allow.
    pub fn rights(&self) -> &'static [Need] {
        match self {
            Self::Server(action) => action.rights(),
            Self::Role(action) => action.rights(),
            Self::Rescue(action) => action.rights(),
            Self::Sentinel(action) => action.rights(),
            // The step sends nothing to the server. Or it has no effect without the right, and
            // reports that.
            Self::Service(_)
            | Self::Local(_)
            | Self::Password(_)
            | Self::Hook(_)
            | Self::Host(_) => &[],
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(action) => action.fmt(f),
            Self::Role(action) => action.fmt(f),
            Self::Rescue(action) => action.fmt(f),
            Self::Service(action) => action.fmt(f),
            Self::Local(action) => action.fmt(f),
            Self::Password(action) => action.fmt(f),
            Self::Sentinel(action) => action.fmt(f),
            Self::Hook(hook) => hook.fmt(f),
            Self::Host(action) => action.fmt(f),
        }
    }
}
