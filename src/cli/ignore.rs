//! What `promote --ignore` may name.

use crate::plan::Accept;
use crate::plan::difference::Difference;
use clap::ValueEnum;

/// What `--ignore` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ignore {
    /// All of the following but permissions
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
    /// It lets no other host in: what it listens on, or protected mode
    OutOfReach,
    /// It drops keys where memory runs short, and the primary keeps them
    EvictionPolicy,
    /// Commands that replctl's user may not run and that can be done without, such as CONFIG REWRITE
    Permissions,
}

impl From<Ignore> for Accept {
    fn from(ignore: Ignore) -> Self {
        let difference = match ignore {
            Ignore::Drift => return Self::Drift,
            Ignore::Permissions => return Self::Permissions,
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
    }
}
