//! What an action sends, for the reader of a report. Pure. It holds no secret.
//! `tests/integration/report.rs` compares it with the commands that servers get.

use super::Action;
use super::named::list;
use super::rescue::RescueAction;
use super::role::RoleAction;
use super::sentinel::{InfoPeriod, SentinelAction};
use super::server::ServerAction;
use crate::inventory::secrets::is_secret;
use crate::topology::{Address, NodeName};

/// Where an action goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// Commands to a server, in their order. A wait asks again and again.
    Commands(Vec<String>),
    /// A script to the node's host.
    Ssh,
    /// Nowhere: a note on the operator's machine.
    Here,
    /// Nowhere: a command of the operator's own, on the operator's machine.
    Own,
}

impl Action {
    /// What it sends, and where to.
    pub fn wire(&self) -> Wire {
        Wire::Commands(match self {
            Self::Server(action) => server(action),
            Self::Role(action) => role(action),
            Self::Rescue(RescueAction::BackUpFiles { .. }) | Self::Service(_) | Self::Host(_) => {
                return Wire::Ssh;
            }
            Self::Rescue(action) => rescue(action),
            Self::Sentinel(action) => sentinel(action),
            Self::Password(action) => action.commands(),
            Self::Hook(_) => return Wire::Own,
            Self::Local(_) => return Wire::Here,
        })
    }

    /// The address at which its node will follow `upstream`, if the action is such a change.
    pub fn followed(&self, upstream: &NodeName) -> Option<&Address> {
        if let Self::Role(
            RoleAction::Follow {
                upstream: to,
                address,
            }
            | RoleAction::Demote {
                upstream: to,
                address,
                ..
            },
        ) = self
        {
            return Some(address).filter(|_| to == upstream);
        }
        None
    }

    /// Whether it stops the writes of clients.
    pub fn fences(&self) -> bool {
        matches!(self, Self::Server(action) if action.fences())
    }

    /// Whether it ends such a fence.
    pub fn unfences(&self) -> bool {
        matches!(self, Self::Server(action) if action.unfences())
    }
}

const NO_ONE: &str = "REPLICAOF NO ONE";

fn server(action: &ServerAction) -> Vec<String> {
    match action {
        ServerAction::PauseWrites { ms } => vec![format!("CLIENT PAUSE {ms} WRITE")],
        ServerAction::ResumeWrites => vec!["CLIENT UNPAUSE".to_owned()],
        ServerAction::RequireReplicas { to_write, max_lag } => vec![
            format!("CONFIG SET min-replicas-max-lag {max_lag}"),
            format!("CONFIG SET min-replicas-to-write {to_write}"),
        ],
        ServerAction::AwaitNear { .. }
        | ServerAction::AwaitCaughtUp { .. }
        | ServerAction::DrainOthers { .. }
        | ServerAction::CheckMostAdvanced { .. }
        | ServerAction::AwaitInSync { .. }
        | ServerAction::AwaitQuiet { .. }
        | ServerAction::AwaitUnlisted { .. }
        | ServerAction::AwaitAnswer { .. } => vec!["INFO replication".to_owned()],
        ServerAction::PersistRole => vec!["CONFIG REWRITE".to_owned()],
        ServerAction::SetDirective { name, .. } if is_secret(name) => {
            vec![format!("CONFIG SET {name} (secret)")]
        }
        ServerAction::SetDirective { name, value } => vec![format!("CONFIG SET {name} {value}")],
        ServerAction::SetReplicaAuth => vec![
            "CONFIG SET masteruser (as the inventory says)".to_owned(),
            "CONFIG SET masterauth (secret)".to_owned(),
        ],
        ServerAction::CountClients => list_clients(),
        ServerAction::KickClients => {
            let kill = "CLIENT KILL ID (of each of them)".to_owned();
            list_clients().into_iter().chain([kill]).collect()
        }
        ServerAction::ProveWrite { replicas } => prove(replicas),
        ServerAction::ShutDown {
            pause_ms,
            counts,
            runs_with,
            ..
        } => {
            let pause = pause_ms.map(|ms| format!("CLIENT PAUSE {ms} WRITE"));
            let info = counts.then(|| "INFO keyspace".to_owned());
            let settings = runs_with.iter();
            let settings = settings.map(|(name, _)| format!("CONFIG GET {name}"));
            let all = pause.into_iter().chain(info).chain(settings);
            let last = ["TIME", "ROLE", "SHUTDOWN SAVE"];
            all.chain(last.map(str::to_owned)).collect()
        }
        ServerAction::AwaitLoaded { .. } => vec!["INFO persistence".to_owned()],
        ServerAction::CompareKeys => vec!["INFO".to_owned()],
        ServerAction::SeeSettings { settings } => {
            let names = settings.iter();
            names
                .map(|(name, _)| format!("CONFIG GET {name}"))
                .collect()
        }
    }
}

fn role(action: &RoleAction) -> Vec<String> {
    match action {
        RoleAction::CheckRoles { .. } => vec!["ROLE".to_owned()],
        RoleAction::CompareOffsets { .. } => {
            vec!["INFO replication".to_owned(), "ROLE".to_owned()]
        }
        RoleAction::Demote { address, .. }
        | RoleAction::Follow { address, .. }
        | RoleAction::FollowAddress { address } => looked_at(changed(None, replicaof(address))),
        RoleAction::TakeOver { hold_ms, .. } => changed(*hold_ms, NO_ONE.to_owned()),
        RoleAction::Promote => changed(None, NO_ONE.to_owned()),
        RoleAction::RestorePrimary { .. } => looked_at(changed(None, NO_ONE.to_owned())),
    }
}

fn rescue(action: &RescueAction) -> Vec<String> {
    let all: &[&str] = match action {
        RescueAction::BackUp { .. } => &[
            "INFO replication",
            "REPLCONF capa psync2",
            "PSYNC REPLID OFFSET (what only it has)",
            "REPLCONF capa eof capa psync2",
            "REPLCONF rdb-only 1",
            "PSYNC ? -1",
        ],
        RescueAction::Replay { .. } => &[
            "INFO replication",
            "REPLCONF capa psync2",
            "PSYNC REPLID OFFSET (what was written since)",
            "SELECT DATABASE",
            "WATCH KEY (each that it touches)",
            "MULTI",
            "PUBLISH replctl:replay HASHES (of what is replayed)",
            "(the commands of the old primary)",
            "EXEC",
        ],
        RescueAction::GiveUp { address, .. } => {
            let words = ["INFO", "MULTI", "ROLE"].map(str::to_owned);
            let end = [replicaof(address), "EXEC".to_owned()];
            return words.into_iter().chain(end).collect();
        }
        RescueAction::BackUpFiles { .. } => &[],
    };
    all.iter().map(|line| (*line).to_owned()).collect()
}

/// A role change in its transaction.
fn changed(hold_ms: Option<u64>, command: String) -> Vec<String> {
    let hold = hold_ms.map(|ms| format!("CLIENT PAUSE {ms} WRITE"));
    let release = hold_ms.map(|_| "CLIENT UNPAUSE".to_owned());
    let word = |text: &str| Some(text.to_owned());
    let all = [
        word("MULTI"),
        hold,
        word("ROLE"),
        Some(command),
        word("ROLE"),
        word("EXEC"),
        release,
    ];
    all.into_iter().flatten().collect()
}

/// A role change with the look before it.
fn looked_at(change: Vec<String>) -> Vec<String> {
    std::iter::once("ROLE".to_owned()).chain(change).collect()
}

fn replicaof(address: &Address) -> String {
    format!("REPLICAOF {} {}", address.host, address.port)
}

fn list_clients() -> Vec<String> {
    vec![
        "CLIENT LIST TYPE normal".to_owned(),
        "CLIENT LIST TYPE pubsub".to_owned(),
        "COMMAND INFO (of their last commands)".to_owned(),
    ]
}

fn prove(replicas: &[NodeName]) -> Vec<String> {
    vec![
        "SET".to_owned(),
        format!("GET and SET on {}", list(replicas)),
        "DEL".to_owned(),
    ]
}

fn sentinel(action: &SentinelAction) -> Vec<String> {
    let command = match action {
        SentinelAction::AwaitPriority { name, .. } => format!("SENTINEL REPLICAS {name}"),
        SentinelAction::SetInfoPeriod { ms, .. } => {
            format!("SENTINEL DEBUG INFO-PERIOD {ms} (to each)")
        }
        SentinelAction::RestoreInfoPeriod { sentinels, .. } => {
            let back =
                |s: &InfoPeriod| format!("SENTINEL DEBUG INFO-PERIOD {} (to {})", s.ms, s.at);
            sentinels.iter().map(back).collect::<Vec<_>>().join("; ")
        }
        SentinelAction::AwaitTurn { name, at, .. } => format!("SENTINEL REPLICAS {name} (to {at})"),
        SentinelAction::FailOver { name, at, .. } => {
            format!("SENTINEL FAILOVER {name} (to {at})")
        }
        SentinelAction::AwaitAgreed { name, .. }
        | SentinelAction::AwaitHears { name, .. }
        | SentinelAction::AwaitTogether { name, .. }
        | SentinelAction::AwaitRelearned { name, .. } => format!("SENTINEL MASTER {name}"),
        SentinelAction::Reset { name, at } => format!("SENTINEL RESET {name} (to {at})"),
        SentinelAction::AwaitUnwatched { .. } => "PUBSUB NUMSUB __sentinel__:hello".to_owned(),
        SentinelAction::Monitor {
            name, at, primary, ..
        } => format!("SENTINEL MONITOR {name} {primary}, and SENTINEL SET (to {at})"),
        SentinelAction::Unmonitor { name, at } => format!("SENTINEL REMOVE {name} (to {at})"),
        SentinelAction::Set {
            name,
            at,
            option,
            value,
        } => {
            let value = if is_secret(option) { "(secret)" } else { value };
            format!("SENTINEL SET {name} {option} {value} (to {at})")
        }
        SentinelAction::SetAuth { name, at } => {
            format!("SENTINEL SET {name} auth-pass (secret) (to {at})")
        }
    };
    vec![command]
}
