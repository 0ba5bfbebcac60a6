//! What a change of roles means for nodes, clients and writes. Pure.

use super::Matter;
use crate::topology::phrases::{addresses, keys};
use crate::topology::{Address, NodeName};

/// What a change of roles means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The clients of a primary that gives no answer. Without a node: one that the inventory lacks.
    ClientsUnseen,
    /// Hooks that are not run, by their keys.
    HooksLeftOut(Vec<&'static str>),
    /// A node that does not answer stays under the node that it followed; the new primary.
    Silent(NodeName),
    /// The node is moved from the replica `above` straight under the primary first.
    MovedFirst {
        /// The replica that it follows.
        above: NodeName,
        /// The primary.
        under: NodeName,
        /// Why.
        because: Chained,
    },
    /// The old primary cannot be stopped: why its host cannot be reached.
    OldPrimaryLives(String),
    /// The node has a history of its own.
    NoHistory,
    /// It cannot be known which data only the node has, and not the new primary.
    UnknownLoss {
        /// The new primary.
        than: NodeName,
        /// Why.
        why: String,
        /// How many keys would be replaced.
        keys: u64,
    },
    /// Replicas that the inventory lacks stay under the old primary.
    Strangers {
        /// How many.
        count: usize,
        /// They are among these.
        among: Vec<Address>,
    },
    /// Two primaries until the node follows the one that is kept.
    TwoMeanwhile(NodeName),
    /// The node followed `before`, and will follow `then`.
    FollowsAnother {
        /// Before the change that is undone.
        before: NodeName,
        /// Afterwards.
        then: NodeName,
    },
    /// A replica becomes a primary of its own.
    Detached,
    /// Its link has been down for so many seconds.
    DetachedOld(Option<u64>),
    /// So many commands are in conflict with what the node wrote since.
    Conflicts {
        /// How many.
        commands: usize,
        /// They are replayed all the same.
        replayed: bool,
    },
    /// The node still takes writes while its commands are replayed.
    StillWritten,
}

/// Why a replica of a replica is moved first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chained {
    /// Scripts write past the fence of an old primary.
    Scripts,
    /// Sentinels do not know it.
    Sentinels,
}

impl From<Change> for Matter {
    fn from(it: Change) -> Self {
        Self::Change(it)
    }
}

impl Change {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::ClientsUnseen => "clients-unseen",
            Self::HooksLeftOut(_) => "hooks-left-out",
            Self::Silent(_) => "silent-node",
            Self::MovedFirst { .. } => "moved-first",
            Self::OldPrimaryLives(_) => "old-primary-may-return",
            Self::NoHistory => "no-common-history",
            Self::UnknownLoss { .. } => "unknown-loss",
            Self::Strangers { .. } => "unlisted-replicas",
            Self::TwoMeanwhile(_) => "two-primaries-meanwhile",
            Self::FollowsAnother { .. } => "follows-another",
            Self::Detached => "separate-primary",
            Self::DetachedOld(_) => "old-data",
            Self::Conflicts { .. } => "conflicts",
            Self::StillWritten => "still-written",
        }
    }

    pub(super) fn holds_for_many(&self) -> bool {
        !matches!(self, Self::FollowsAnother { .. } | Self::StillWritten)
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::ClientsUnseen => {
                let node = if node.is_empty() {
                    "the old primary"
                } else {
                    node
                };
                format!(
                    "`{node}` does not answer: its clients can neither be listed nor disconnected"
                )
            }
            Self::HooksLeftOut(names) => {
                format!(
                    "the hooks of the inventory are left out: {}",
                    names.join(", ")
                )
            }
            Self::Silent(target) => format!(
                "`{node}` does not answer and is left as it is; when it is back: replctl promote {target}"
            ),
            Self::MovedFirst {
                above,
                under,
                because,
            } => {
                let because = match because {
                    Chained::Scripts => {
                        format!("scripts can write past the fence of `{under}` (Redis before 6.2)")
                    }
                    Chained::Sentinels => {
                        "Sentinels know the replicas of the primary only".to_owned()
                    }
                };
                format!(
                    "`{node}` replicates from the replica `{above}`, and {because}: it is moved under `{under}` first, and stays there if the promotion fails"
                )
            }
            Self::OldPrimaryLives(reason) => format!(
                "`{node}` cannot be stopped, its host cannot be reached over SSH ({reason}): if it comes back, it takes writes as a primary, and they are lost when it rejoins"
            ),
            Self::NoHistory
            | Self::UnknownLoss { .. }
            | Self::Strangers { .. }
            | Self::TwoMeanwhile(_)
            | Self::FollowsAnother { .. }
            | Self::Detached
            | Self::DetachedOld(_)
            | Self::Conflicts { .. }
            | Self::StillWritten => self.of_data(node),
        }
    }

    /// The sentences about the data of a node, and about the node that it follows afterwards.
    fn of_data(&self, node: &str) -> String {
        match self {
            Self::NoHistory => format!(
                "`{node}` shares no history with the others since it was started: its own keys replace all of theirs"
            ),
            Self::UnknownLoss {
                than,
                why,
                keys: count,
            } => format!(
                "it cannot be known what `{node}` has and `{than}` lacks ({why}), and its {} would be replaced",
                keys(*count)
            ),
            Self::Strangers { count, among } => {
                let (who, verb) = if *count == 1 {
                    ("a replica", "it stays")
                } else {
                    ("replicas", "they stay")
                };
                format!(
                    "`{node}` feeds {who} that the inventory lacks ({}): {verb} under `{node}`, as the replica of a replica",
                    addresses(among)
                )
            }
            Self::TwoMeanwhile(keep) => format!(
                "until `{node}` follows `{keep}`, both take writes; what clients wrote to `{node}` since it came back is not on `{keep}`"
            ),
            Self::FollowsAnother { before, then } => format!(
                "`{node}` followed `{before}` before, and will follow `{then}`; afterwards: replctl move {node} --under {before}"
            ),
            Self::Detached => format!(
                "`{node}` becomes a writable primary of its own: what is written to it reaches no other node, and what is written to the deployment does not reach it"
            ),
            Self::DetachedOld(since) => {
                let since = since.map_or_else(String::new, |s| {
                    format!(" of {} ago", crate::topology::phrases::duration(s))
                });
                format!("its link is down: it keeps its data{since}, without later writes")
            }
            Self::Conflicts { commands, replayed } => {
                let so = if *replayed {
                    "are replayed, too"
                } else {
                    "are left out"
                };
                let which = crate::topology::phrases::plural(*commands, "command");
                format!("{which} in conflict with what `{node}` wrote since {so}")
            }
            Self::StillWritten => format!(
                "`{node}` still takes writes: what comes after this is not replayed, and `replctl rejoin {node}` keeps all of it in a backup"
            ),
            Self::ClientsUnseen
            | Self::HooksLeftOut(_)
            | Self::Silent(_)
            | Self::MovedFirst { .. }
            | Self::OldPrimaryLives(_) => String::new(),
        }
    }
}
