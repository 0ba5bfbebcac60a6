//! Sentinels that take part in a promotion, or are to forget. Pure.

use super::Matter;
use crate::topology::Address;
use crate::topology::sentinel::NoDebug;

/// Sentinels that take part in a promotion, or are to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentinelsAsked {
    /// One of them cannot be asked: where it is, and why.
    Silent(Address, String),
    /// One is in TILT mode.
    Tilt(Address),
    /// The node has the priority that is taken first; where it listens.
    ChosenFirst {
        /// Where it listens.
        at: Address,
        /// The priority.
        priority: u32,
    },
    /// One watches so many other deployments, too, and looks more often at all of them.
    Shared(Address, u64),
    /// One sees the priority late, and why.
    Slow(Address, Option<NoDebug>),
    /// There are so few.
    Few(usize),
}

impl From<SentinelsAsked> for Matter {
    fn from(it: SentinelsAsked) -> Self {
        Self::SentinelsAsked(it)
    }
}

impl SentinelsAsked {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Silent(..) => "silent-sentinel",
            Self::Tilt(_) => "tilt",
            Self::ChosenFirst { .. } => "chosen-first",
            Self::Shared(..) => "shared-sentinel",
            Self::Slow(..) => "slow-sentinel",
            Self::Few(_) => "few-sentinels",
        }
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::Silent(at, why) => {
                format!("a Sentinel cannot be asked and is left to the others: {at}: {why}")
            }
            Self::Tilt(at) => format!(
                "the Sentinel {at} is in TILT mode, does nothing for 30 s, and is left to the others"
            ),
            Self::ChosenFirst { at, priority } => format!(
                "`{node}` has replica-priority {priority}, so that Sentinel takes it before all others; if that is not meant: redis-cli -h {} -p {} CONFIG SET replica-priority 100",
                at.host, at.port
            ),
            Self::Shared(at, others) => {
                let s = if *others == 1 { "" } else { "s" };
                format!(
                    "the Sentinel {at} watches {others} other deployment{s} too, and reads INFO of their nodes every 0.5 s, too, until it has seen the priority (about 1 s): its whole process has one INFO-PERIOD"
                )
            }
            Self::Slow(at, why) => slow(at, why.as_ref()),
            Self::Few(count) => {
                let s = if *count == 1 { "" } else { "s" };
                format!(
                    "with {count} Sentinel{s}, no failover is possible for the seconds in which one knows nothing"
                )
            }
        }
    }
}

/// Why it sees the priority only at its own next look, and how long that takes.
fn slow(at: &Address, why: Option<&NoDebug>) -> String {
    let time = "so the Sentinels see the priority only when they look by themselves, every 10 s: the whole command takes 6 to 16 s, and about 3 s with it; writes are not stopped any longer";
    match why {
        Some(NoDebug::NoCommand) => {
            format!("the Sentinel {at} is older than 7.0 and has no SENTINEL DEBUG, {time}")
        }
        Some(NoDebug::Forbidden(user)) => {
            let user = user.as_deref().unwrap_or("USER");
            let user = shlex::try_quote(user).unwrap_or_default();
            format!(
                "the Sentinel {at} does not let its user run SENTINEL DEBUG, {time}; to allow it: redis-cli -h {} -p {} ACL SETUSER {user} '+sentinel|debug'",
                at.host, at.port
            )
        }
        None => format!("the Sentinel {at} does not answer SENTINEL DEBUG, {time}"),
    }
}
