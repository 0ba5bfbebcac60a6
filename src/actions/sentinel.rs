//! The steps that go through Sentinels, as data. Pure.

use super::rights::{INFO, Need, ROLE};
use crate::inventory::SentinelRules;
use crate::topology::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A Sentinel, and how often it reads `INFO` of its nodes by itself. Its process has one such
/// period for all deployments that it watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InfoPeriod {
    /// Where it listens.
    pub at: Address,
    /// Milliseconds; to be put back.
    pub ms: u64,
}

/// One request to Sentinels, or one wait on them. The step's node is the replica it is about, or
/// the Sentinel.
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
    /// `SENTINEL DEBUG INFO-PERIOD`: each of them reads `INFO` of the nodes so often. The period is
    /// read back. It stands in no file.
    SetInfoPeriod {
        /// The Sentinels, with what it is before.
        sentinels: Vec<InfoPeriod>,
        /// Milliseconds.
        ms: u64,
    },
    /// Put the period back, and read it back at each. A period that somebody else has set meanwhile
    /// stays.
    RestoreInfoPeriod {
        /// The Sentinels, with what it was before.
        sentinels: Vec<InfoPeriod>,
        /// What it was set to, milliseconds.
        from_ms: u64,
        /// How long a Sentinel without an answer is asked again, milliseconds.
        within_ms: u64,
    },
    /// Wait, before writes are stopped, for the moment from which this Sentinel sees a promotion
    /// soonest. A Sentinel reads `INFO` of a node that it promotes one second after the last time.
    /// This step only shortens the wait of clients that ask Sentinels.
    AwaitTurn {
        /// What it calls the deployment.
        name: String,
        /// Where it listens.
        at: Address,
        /// The replica as it knows it.
        replica: Address,
        /// The wanted age of its last `INFO` of the replica, ms.
        age_ms: u64,
    },
    /// `SENTINEL FAILOVER`, until the node is the primary.
    FailOver {
        /// What they call the deployment.
        name: String,
        /// The Sentinel that is asked.
        at: Address,
        /// Those that are asked where it does not answer.
        or: Vec<Address>,
        /// Milliseconds to wait for a sign of the failover. The wait for a failover that has begun
        /// is as long as the failover may take.
        within_ms: u64,
        /// The node's priority before it became the first choice. It is put back if another node
        /// was chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<u32>,
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
    /// `SENTINEL MONITOR`, with the rules and the deployment's password, which is not in the plan.
    Monitor {
        /// What it is to call the deployment.
        name: String,
        /// Where it listens.
        at: Address,
        /// The primary, as it reaches it.
        primary: Address,
        /// The rules that it gets with it.
        rules: SentinelRules,
    },
    /// `SENTINEL REMOVE`: it no longer watches the deployment.
    Unmonitor {
        /// What it calls the deployment.
        name: String,
        /// Where it listens.
        at: Address,
    },
    /// `SENTINEL SET` of one option.
    Set {
        /// What it calls the deployment.
        name: String,
        /// Where it listens.
        at: Address,
        /// The option.
        option: String,
        /// Its value.
        value: String,
    },
    /// `SENTINEL SET auth-pass` to the deployment's password, which is not in the plan.
    SetAuth {
        /// What it calls the deployment.
        name: String,
        /// Where it listens.
        at: Address,
    },
    /// Wait until it hears from the primary. The id identifies the primary's process.
    AwaitHears {
        /// What it calls the deployment.
        name: String,
        /// Where it listens.
        at: Address,
        /// The id of the primary's process.
        run_id: String,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// Wait until it hears from the primary, its replicas and the other Sentinels, and a failover
    /// could be agreed on.
    AwaitTogether {
        /// What it calls the deployment.
        name: String,
        /// Where it listens.
        at: Address,
        /// The id of the primary's process.
        run_id: String,
        /// How many replicas it has to hear from, at least.
        replicas: u64,
        /// How many other Sentinels, at least.
        others: u64,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// `SENTINEL RESET`: it forgets everything about the deployment except where its primary is.
    Reset {
        /// What it calls the deployment.
        name: String,
        /// Where it listens.
        at: Address,
    },
    /// Wait until it knows all of these again, and none of `gone`.
    AwaitRelearned {
        /// What it calls the deployment.
        name: String,
        /// Where it listens.
        at: Address,
        /// The id of the primary's process.
        run_id: String,
        /// The replicas, as it knows them.
        replicas: Vec<Address>,
        /// The other Sentinels, as it knows them.
        sentinels: Vec<Address>,
        /// The addresses that it must not know any more.
        gone: Vec<Address>,
        /// Milliseconds to wait.
        within_ms: u64,
    },
    /// Wait until no more than so many Sentinels listen on this node.
    AwaitUnwatched {
        /// Those that are not ours to end.
        at_most: u64,
        /// Milliseconds to wait.
        within_ms: u64,
    },
}

impl SentinelAction {
    /// The commands that the node itself has to allow.
    pub fn rights(&self) -> &'static [Need] {
        match self {
            Self::AwaitPriority { .. }
            | Self::SetInfoPeriod { .. }
            | Self::RestoreInfoPeriod { .. }
            | Self::AwaitTurn { .. }
            | Self::FailOver { .. }
            | Self::AwaitAgreed { .. }
            | Self::Monitor { .. }
            | Self::Unmonitor { .. }
            | Self::Set { .. }
            | Self::SetAuth { .. }
            | Self::AwaitHears { .. }
            | Self::AwaitTogether { .. }
            | Self::Reset { .. }
            | Self::AwaitRelearned { .. }
            | Self::AwaitUnwatched { .. } => &[INFO, ROLE],
        }
    }

    /// Whether it changes anything that stays; the others only wait.
    pub fn changes_something(&self) -> bool {
        match self {
            Self::FailOver { .. }
            | Self::Monitor { .. }
            | Self::Unmonitor { .. }
            | Self::Set { .. }
            | Self::SetAuth { .. }
            | Self::Reset { .. } => true,
            // The same stage puts the period back. If it cannot, that is why the stage failed.
            Self::SetInfoPeriod { .. }
            | Self::RestoreInfoPeriod { .. }
            | Self::AwaitPriority { .. }
            | Self::AwaitTurn { .. }
            | Self::AwaitAgreed { .. }
            | Self::AwaitHears { .. }
            | Self::AwaitTogether { .. }
            | Self::AwaitRelearned { .. }
            | Self::AwaitUnwatched { .. } => false,
        }
    }
}

/// Milliseconds as seconds.
fn seconds(ms: u64) -> String {
    let tenths = ms.div_ceil(100);
    if tenths.is_multiple_of(10) {
        format!("{} s", tenths / 10)
    } else {
        format!("{}.{} s", tenths / 10, tenths % 10)
    }
}

/// Each of the periods once, as they are set.
fn periods(sentinels: &[InfoPeriod]) -> String {
    let all: std::collections::BTreeSet<u64> = sentinels.iter().map(|s| s.ms).collect();
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.join(", ")
}

/// A number and what is counted.
fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

impl fmt::Display for SentinelAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetInfoPeriod { sentinels, ms } => write!(
                f,
                "let {} read INFO every {} (SENTINEL DEBUG INFO-PERIOD {ms}; before: {})",
                count(sentinels.len() as u64, "Sentinel"),
                seconds(*ms),
                periods(sentinels),
            ),
            Self::RestoreInfoPeriod { sentinels, .. } => write!(
                f,
                "put INFO-PERIOD back at {} ({})",
                count(sentinels.len() as u64, "Sentinel"),
                periods(sentinels),
            ),
            Self::FailOver { name, at, .. } => write!(
                f,
                "let Sentinel make it primary (SENTINEL FAILOVER {name} at {at})"
            ),
            Self::Monitor { name, primary, .. } => {
                write!(f, "let it watch {primary} as {name} (SENTINEL MONITOR)")
            }
            Self::Unmonitor { name, .. } => {
                write!(f, "let it watch {name} no more (SENTINEL REMOVE)")
            }
            Self::Set { option, value, .. } => write!(f, "set {option} {value} (SENTINEL SET)"),
            Self::SetAuth { .. } => f.write_str("set its auth-pass to what the inventory says"),
            Self::Reset { name, .. } => write!(
                f,
                "let it forget all but the primary (SENTINEL RESET {name})"
            ),
            Self::AwaitPriority { .. }
            | Self::AwaitTurn { .. }
            | Self::AwaitAgreed { .. }
            | Self::AwaitHears { .. }
            | Self::AwaitTogether { .. }
            | Self::AwaitRelearned { .. }
            | Self::AwaitUnwatched { .. } => f.write_str(&self.wait()),
        }
    }
}

impl SentinelAction {
    /// The words for a wait; empty for an action that changes something.
    fn wait(&self) -> String {
        match self {
            Self::AwaitPriority {
                sentinels,
                priority,
                within_ms,
                ..
            } => format!(
                "wait until {} Sentinel{} see{} its priority {priority} (up to {})",
                sentinels.len(),
                if sentinels.len() == 1 { "" } else { "s" },
                if sentinels.len() == 1 { "s" } else { "" },
                seconds(*within_ms),
            ),
            Self::AwaitTurn { at, .. } => format!(
                "wait for the moment from which the Sentinel {at} sees a promotion soonest (up to 1 s)"
            ),
            Self::AwaitAgreed { .. } => {
                "wait until every Sentinel takes it for the primary and has repointed the others"
                    .to_owned()
            }
            Self::AwaitHears { .. } => "wait until it hears from the primary".to_owned(),
            Self::AwaitTogether {
                replicas, others, ..
            } => format!(
                "see that it hears from the primary, {} and {}, and that a failover could be agreed on",
                count(*replicas, "replica"),
                count(*others, "other Sentinel")
            ),
            Self::AwaitRelearned {
                replicas,
                sentinels,
                gone,
                ..
            } => {
                let gone: Vec<String> = gone.iter().map(ToString::to_string).collect();
                format!(
                    "wait until it knows {} and {}, and not {}",
                    count(replicas.len() as u64, "replica"),
                    count(sentinels.len() as u64, "other Sentinel"),
                    gone.join(", ")
                )
            }
            Self::AwaitUnwatched { at_most: 0, .. } => "see that no Sentinel listens".to_owned(),
            Self::AwaitUnwatched { at_most, .. } => {
                format!(
                    "see that no more than {} listen",
                    count(*at_most, "Sentinel")
                )
            }
            Self::SetInfoPeriod { .. }
            | Self::RestoreInfoPeriod { .. }
            | Self::FailOver { .. }
            | Self::Monitor { .. }
            | Self::Unmonitor { .. }
            | Self::Set { .. }
            | Self::SetAuth { .. }
            | Self::Reset { .. } => String::new(),
        }
    }
}
