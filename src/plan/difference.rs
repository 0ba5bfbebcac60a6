//! The ways in which a node may differ from the primary that it is to replace. Each has its own
//! name, so that the operator can accept it alone. Pure.

pub mod gap;

use crate::engine::{Accept, Promote};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// One difference. It has the name that `status` uses, if `status` reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// Marked never to be promoted.
    #[serde(rename = "priority-0")]
    Priority0,
    /// It would refuse writes as it is.
    RefusesWrites,
    /// Less memory than the primary uses.
    MemoryLimit,
    /// Fewer databases.
    FewerDatabases,
    /// A replica that takes writes.
    WritableReplica,
    /// It requires more replicas for writes than it would have.
    MinReplicas,
    /// It saves nothing to disk, and the primary does.
    NoPersistence,
    /// A replica of it could not read its dumps.
    VersionOrder,
    /// A replica could not connect to it because of TLS.
    TlsReplication,
    /// It lets no other host in.
    OutOfReach,
    /// It evicts keys, and the primary keeps them.
    EvictionPolicy,
}

impl Difference {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Priority0 => "priority-0",
            Self::RefusesWrites => "refuses-writes",
            Self::MemoryLimit => "memory-limit",
            Self::FewerDatabases => "fewer-databases",
            Self::WritableReplica => "writable-replica",
            Self::MinReplicas => "min-replicas",
            Self::NoPersistence => "no-persistence",
            Self::VersionOrder => "version-order",
            Self::TlsReplication => "tls-replication",
            Self::OutOfReach => "out-of-reach",
            Self::EvictionPolicy => "eviction-policy",
        }
    }

    /// The option that accepts it.
    pub fn option(self) -> &'static str {
        match self {
            Self::Priority0 => "--ignore priority-0",
            Self::RefusesWrites => "--ignore refuses-writes",
            Self::MemoryLimit => "--ignore memory-limit",
            Self::FewerDatabases => "--ignore fewer-databases",
            Self::WritableReplica => "--ignore writable-replica",
            Self::MinReplicas => "--ignore min-replicas",
            Self::NoPersistence => "--ignore no-persistence",
            Self::VersionOrder => "--ignore version-order",
            Self::TlsReplication => "--ignore tls-replication",
            Self::OutOfReach => "--ignore out-of-reach",
            Self::EvictionPolicy => "--ignore eviction-policy",
        }
    }
}

impl Promote {
    /// Whether the operator accepts it: by its name, or with all others.
    pub fn accepts(&self, difference: Difference) -> bool {
        let of = |a: &Accept| *a == Accept::Drift || *a == Accept::Difference(difference);
        self.accept.iter().any(of)
    }

    /// The command that accepts it beside what was accepted already.
    pub fn accepting(&self, difference: Difference) -> String {
        let mut line = format!("replctl promote {}", self.node);
        for accepted in &self.accept {
            // Planners that go through Sentinel add this one by themselves.
            if *accepted != Accept::WithoutSentinel {
                let _ = write!(line, " {}", accepted.option());
            }
        }
        let _ = write!(line, " {}", difference.option());
        line
    }
}
