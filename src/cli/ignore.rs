//! What `--ignore` may name, of `promote` and of the other commands that write roles.

use crate::engine::Accept;
use crate::plan::difference::Difference;
use crate::plan::forecast::Unkept;
use clap::ValueEnum;

/// What `--ignore` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ignore {
    /// All of the following up to eviction-policy
    Drift,
    /// The node is marked never to be promoted
    #[value(name = "priority-0")]
    Priority0,
    /// It would refuse every write as it is now
    RefusesWrites,
    /// It may use less memory than the primary uses
    MemoryLimit,
    /// It has fewer databases
    FewerDatabases,
    /// It takes writes although it is a replica
    WritableReplica,
    /// It asks for more replicas than it would have
    MinReplicas,
    /// It keeps nothing on disk, and the primary does
    NoPersistence,
    /// Another replica is too old to read its dumps
    VersionOrder,
    /// Another node replicates with or without TLS where it offers the other
    TlsReplication,
    /// No other host can connect to it, because of what it listens on or of protected mode
    OutOfReach,
    /// It drops keys where memory runs short, and the primary keeps them
    EvictionPolicy,
    /// replctl's user may not run a command that can be done without, such as CONFIG REWRITE
    Permissions,
    /// A node runs without a configuration file: its new role ends with its process
    NoConfigFile,
    /// The former role of a node stands on its command line, or in the command of its unit: a
    /// restart gives it again
    RoleOnCommandLine,
    /// The former role of a node stands in a file that its configuration file includes: a restart
    /// gives it again
    RoleInInclude,
    /// A node's configuration file cannot be replaced by its server: a restart gives the former
    /// role again
    ReadOnlyConfig,
    /// A node was started with another configuration file than the one that its unit names
    OtherConfigFile,
}

/// What `--ignore` of the other commands may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IgnoreRole {
    /// A node runs without a configuration file: its new role ends with its process
    NoConfigFile,
    /// The former role of a node stands on its command line, or in the command of its unit: a
    /// restart gives it again
    RoleOnCommandLine,
    /// The former role of a node stands in a file that its configuration file includes: a restart
    /// gives it again
    RoleInInclude,
    /// A node's configuration file cannot be replaced by its server: a restart gives the former
    /// role again
    ReadOnlyConfig,
    /// A node was started with another configuration file than the one that its unit names
    OtherConfigFile,
}

impl From<IgnoreRole> for Unkept {
    fn from(ignore: IgnoreRole) -> Self {
        match ignore {
            IgnoreRole::NoConfigFile => Self::NoConfigFile,
            IgnoreRole::RoleOnCommandLine => Self::RoleOnCommandLine,
            IgnoreRole::RoleInInclude => Self::RoleInInclude,
            IgnoreRole::ReadOnlyConfig => Self::ReadOnlyConfig,
            IgnoreRole::OtherConfigFile => Self::OtherConfigFile,
        }
    }
}

impl From<Ignore> for Accept {
    fn from(ignore: Ignore) -> Self {
        let difference = match ignore {
            Ignore::Drift => return Self::Drift,
            Ignore::Permissions => return Self::Permissions,
            Ignore::NoConfigFile => return Self::Unkept(Unkept::NoConfigFile),
            Ignore::RoleOnCommandLine => return Self::Unkept(Unkept::RoleOnCommandLine),
            Ignore::RoleInInclude => return Self::Unkept(Unkept::RoleInInclude),
            Ignore::ReadOnlyConfig => return Self::Unkept(Unkept::ReadOnlyConfig),
            Ignore::OtherConfigFile => return Self::Unkept(Unkept::OtherConfigFile),
            Ignore::Priority0 => Difference::Priority0,
            Ignore::RefusesWrites => Difference::RefusesWrites,
            Ignore::MemoryLimit => Difference::MemoryLimit,
            Ignore::FewerDatabases => Difference::FewerDatabases,
            Ignore::WritableReplica => Difference::WritableReplica,
            Ignore::MinReplicas => Difference::MinReplicas,
            Ignore::NoPersistence => Difference::NoPersistence,
            Ignore::VersionOrder => Difference::VersionOrder,
            Ignore::TlsReplication => Difference::TlsReplication,
            Ignore::OutOfReach => Difference::OutOfReach,
            Ignore::EvictionPolicy => Difference::EvictionPolicy,
        };
        Self::Difference(difference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hint_can_be_typed() {
        for ignore in Ignore::value_variants() {
            let typed = ignore.to_possible_value();
            let typed = typed.map(|v| format!("--ignore {}", v.get_name()));
            assert_eq!(typed.as_deref(), Some(Accept::from(*ignore).option()));
        }
        for ignore in IgnoreRole::value_variants() {
            let typed = ignore.to_possible_value();
            let typed = typed.map(|v| format!("--ignore {}", v.get_name()));
            assert_eq!(typed.as_deref(), Some(Unkept::from(*ignore).option()));
        }
    }
}
