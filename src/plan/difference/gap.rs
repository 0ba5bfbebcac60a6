//! A difference as data, with its numbers and its one sentence. The sentence is a refusal, or a
//! warning where the difference was accepted. Pure.

use super::Difference;
use crate::topology::versions::{CopySentence, Pair};
use crate::topology::{Address, NodeName, phrases};

/// A difference of the node that is to be the primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// It is marked never to be promoted.
    Priority0,
    /// It would refuse writes: why.
    RefusesWrites(&'static str),
    /// It has less memory than the primary uses, bytes.
    MemoryLimit {
        /// Its limit.
        limit: u64,
        /// What the primary uses.
        used: u64,
    },
    /// It has fewer databases.
    FewerDatabases {
        /// Its databases.
        has: u64,
        /// The primary's databases.
        wants: u64,
    },
    /// It is a replica that takes writes.
    WritableReplica,
    /// It requires more replicas for writes than it would have.
    MinReplicas {
        /// The replicas that it requires.
        wants: u64,
        /// The replicas that it would have.
        has: u64,
    },
    /// It keeps nothing on disk.
    NoPersistence,
    /// A node that is to follow it cannot load its full copies.
    VersionOrder(Pair),
    /// This node is to follow it, and cannot connect because of TLS: the reason.
    Tls(NodeName, String),
    /// It listens on these addresses only. The other nodes connect to that one.
    Listens(Vec<String>, Address),
    /// Protected mode keeps other hosts out.
    Protected,
    /// It evicts keys, and the primary keeps them.
    EvictionPolicy {
        /// Its policy.
        mine: String,
        /// The primary's.
        theirs: String,
    },
}

impl Gap {
    /// Its name.
    pub fn difference(&self) -> Difference {
        match self {
            Self::Priority0 => Difference::Priority0,
            Self::RefusesWrites(_) => Difference::RefusesWrites,
            Self::MemoryLimit { .. } => Difference::MemoryLimit,
            Self::FewerDatabases { .. } => Difference::FewerDatabases,
            Self::WritableReplica => Difference::WritableReplica,
            Self::MinReplicas { .. } => Difference::MinReplicas,
            Self::NoPersistence => Difference::NoPersistence,
            Self::VersionOrder(_) => Difference::VersionOrder,
            Self::Tls(..) => Difference::TlsReplication,
            Self::Listens(..) | Self::Protected => Difference::OutOfReach,
            Self::EvictionPolicy { .. } => Difference::EvictionPolicy,
        }
    }

    /// Its name for programs.
    pub fn code(&self) -> &'static str {
        self.difference().name()
    }

    /// The sentence about that node.
    pub fn text(&self, node: &str) -> String {
        match self {
            Self::Priority0 => {
                format!("`{node}` has priority 0: it is marked never to be promoted")
            }
            Self::RefusesWrites(why) => {
                format!("`{node}` would refuse every write as a primary: {why}")
            }
            Self::MemoryLimit { limit, used } => format!(
                "`{node}` has maxmemory {}, and the primary uses {}: it would evict or refuse as soon as it is primary",
                phrases::bytes(*limit),
                phrases::bytes(*used)
            ),
            Self::FewerDatabases { has, wants } => {
                format!("`{node}` has {has} databases, the primary has {wants}")
            }
            Self::WritableReplica => format!(
                "`{node}` takes writes although it is a replica, so its data may differ from the primary's"
            ),
            Self::MinReplicas { wants, has } => format!(
                "`{node}` has min-replicas-to-write {wants}, and would have {has} replicas: it would refuse writes"
            ),
            Self::NoPersistence => format!(
                "`{node}` keeps nothing on disk (save \"\", appendonly no), the primary does"
            ),
            Self::VersionOrder(_)
            | Self::Tls(..)
            | Self::Listens(..)
            | Self::Protected
            | Self::EvictionPolicy { .. } => self.between(node),
        }
    }

    /// The sentences about both nodes.
    fn between(&self, node: &str) -> String {
        match self {
            Self::VersionOrder(pair) => match pair.said(node) {
                Some(CopySentence::Never(text)) => {
                    format!("{text}: it could follow only until its first full resync")
                }
                Some(CopySentence::Perhaps(text)) => text,
                None => String::new(),
            },
            Self::Tls(target, why) => format!("`{node}` could not follow `{target}`: {why}"),
            Self::Listens(bound, at) => format!(
                "`{node}` listens on {} only, and the others reach it at {at}: they would be refused",
                bound.join(" and ")
            ),
            Self::Protected => format!(
                "`{node}` has protected-mode yes and no password: it would refuse every other host"
            ),
            Self::EvictionPolicy { mine, theirs } => format!(
                "`{node}` has maxmemory-policy {mine}, the primary {theirs}: where memory runs short, it would drop keys that the primary keeps"
            ),
            Self::Priority0
            | Self::RefusesWrites(_)
            | Self::MemoryLimit { .. }
            | Self::FewerDatabases { .. }
            | Self::WritableReplica
            | Self::MinReplicas { .. }
            | Self::NoPersistence => String::new(),
        }
    }
}
