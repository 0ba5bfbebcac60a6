//! The steps that go through Sentinels, as data. Pure.

use crate::topology::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One request to Sentinels, or one wait on them. The step's node is the replica it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SentinelAction {
    /// Wait until each of them sees this priority of the replica: they look every ten seconds.
    AwaitPriority {
        /// What they call the deployment.
        name: String,
        /// The Sentinels.
        sentinels: Vec<Address>,
        /// The replica as they know it.
        replica: Address,
        /// The priority.
        priority: u32,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// `SENTINEL FAILOVER`, until the node is the primary.
    FailOver {
        /// What they call the deployment.
        name: String,
        /// The Sentinel that is asked.
        at: Address,
        /// Those that are asked where it does not answer.
        or: Vec<Address>,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// Wait until each of them takes this node for the primary, and is done with its failover.
    AwaitAgreed {
        /// What they call the deployment.
        name: String,
        /// The Sentinels.
        sentinels: Vec<Address>,
        /// The new primary as they know it.
        primary: Address,
        /// Milliseconds to wait.
        within_ms: u64,
    },
}

impl SentinelAction {
    /// Whether it changes anything; the others only wait.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::FailOver { .. } => true,
            Self::AwaitPriority { .. } | Self::AwaitAgreed { .. } => false,
        }
    }
}

impl fmt::Display for SentinelAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitPriority {
                sentinels,
                priority,
                ..
            } => write!(
                f,
                "wait until {} Sentinel{} see{} its priority {priority} (up to 10 s)",
                sentinels.len(),
                if sentinels.len() == 1 { "" } else { "s" },
                if sentinels.len() == 1 { "s" } else { "" },
            ),
            Self::FailOver { name, at, .. } => {
                write!(
                    f,
                    "let Sentinel make it primary (SENTINEL FAILOVER {name} at {at})"
                )
            }
            Self::AwaitAgreed { .. } => f.write_str(
                "wait until every Sentinel takes it for the primary and has repointed the others",
            ),
        }
    }
}
