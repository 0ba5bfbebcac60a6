//! What an operator asked for, as data: it stands in the plan and in the journal. Pure.

mod properties;

pub use properties::{Answers, Changes, Loss, Properties, Successor};

use crate::actions::rescue::Source;
use crate::plan::{difference, forecast};
use crate::topology::{Address, NodeName};
use serde::{Deserialize, Serialize};

/// What an operator asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Make bare hosts a running, verified deployment.
    Setup(Setup),
    /// Make another node the primary.
    Promote(Promote),
    /// Give a replica another upstream.
    Move(Move),
    /// Detach a replica.
    Detach(Detach),
    /// Change the Sentinels themselves.
    Sentinels(Sentinels),
    /// Make an old primary a replica of the present primary.
    Rejoin(Rejoin),
    /// Make one node the only primary, where there are several or an emptied one.
    Repair(Repair),
    /// Replay on the present primary what only an old primary has.
    Replay(Replay),
    /// Add a new node.
    Add(Add),
    /// Remove a node.
    Remove(Remove),
    /// Nodes that replctl did not make, and makes its own.
    Adopt(Adopt),
    /// Set on hosts what the servers need.
    FixHosts(FixHosts),
}

impl Operation {
    /// What answers for it.
    pub fn properties(&self) -> &dyn Properties {
        match self {
            Self::Setup(setup) => setup,
            Self::Promote(promote) => promote,
            Self::Move(moved) => moved,
            Self::Detach(detach) => detach,
            Self::Sentinels(sentinels) => sentinels,
            Self::Rejoin(rejoin) => rejoin,
            Self::Repair(repair) => repair,
            Self::Replay(replay) => replay,
            Self::Add(add) => add,
            Self::Remove(remove) => remove,
            Self::Adopt(adopt) => adopt,
            Self::FixHosts(fix) => fix,
        }
    }
}

/// `replctl sentinel`, where it changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sentinels {
    /// Make the Sentinels of the inventory run and watch.
    Setup,
    /// Remove the Sentinels of the inventory.
    Remove {
        /// Their files too.
        purge: bool,
    },
    /// Make the watching Sentinels forget what is permanently gone.
    Forget {
        /// Names and addresses, as they were typed.
        what: Vec<String>,
    },
}

/// `replctl setup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The nodes to work on; empty is all.
    pub nodes: Vec<NodeName>,
    /// Nodes whose keys may be replaced by the primary's.
    pub discard_data: Vec<NodeName>,
}

/// `replctl promote`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promote {
    /// The node to make primary.
    pub node: NodeName,
    /// What the operator accepts, each a narrow override of one kind of refusal.
    pub accept: Vec<Accept>,
}

/// `replctl move`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The node to move.
    pub node: NodeName,
    /// The node it is to replicate from.
    pub under: NodeName,
    /// Its keys may be replaced by those of the other.
    pub discard_data: bool,
    /// The inventory is to say so, too.
    #[serde(default)]
    pub update_inventory: bool,
}

/// `replctl add`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Add {
    /// The new node.
    pub node: NodeName,
    /// Where it listens.
    pub address: Address,
    /// The node that it will follow; `None`: the present primary.
    pub replicaof: Option<NodeName>,
    /// Where the others and the clients reach it, where that differs.
    pub announce: Option<String>,
    /// Its `replica-priority`.
    pub priority: Option<u32>,
    /// How its host is reached, as it was typed.
    pub ssh: Option<String>,
    /// Its keys may be replaced by those of the primary.
    pub discard_data: bool,
}

/// `replctl remove`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remove {
    /// The node.
    pub node: NodeName,
    /// Its files too.
    pub purge: bool,
    /// Its server goes on; only the inventory entry is removed.
    pub leave_running: bool,
}

/// `replctl adopt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopt {
    /// The nodes; empty is all that replctl did not make.
    pub nodes: Vec<NodeName>,
    /// Whoever was the primary is the primary again afterwards.
    pub hand_back: bool,
    /// A primary without a replica may be away for as long as its restart takes.
    pub pause: bool,
}

/// `replctl detach`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detach {
    /// The node.
    pub node: NodeName,
}

/// `replctl check --fix`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixHosts {
    /// The nodes whose hosts need something.
    pub nodes: Vec<NodeName>,
}

/// `replctl rejoin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejoin {
    /// The old primary.
    pub node: NodeName,
    /// The primary it returns under; `None`: the present one.
    pub under: Option<NodeName>,
    /// The folder on the operator's machine that its data are backed up into; `None`: they are
    /// discarded.
    pub backup: Option<String>,
}

/// The narrow overrides of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accept {
    /// `--allow-data-loss`: a candidate that has less than another replica, or less than can be
    /// known.
    DataLoss,
    /// `--accept-split-brain`: an old primary that could not be stopped and may come back writable.
    SplitBrain,
    /// `--ignore drift`: whatever differs between the target and the primary.
    Drift,
    /// `--ignore NAME`: one such difference.
    Difference(difference::Difference),
    /// `--ignore NAME`: one reason for which a role does not outlive a restart.
    Unkept(forecast::Unkept),
    /// `--ignore permissions`: commands that the user may not run and that the operation does not
    /// need.
    Permissions,
    /// `--without-sentinel`: Sentinels that are still counted, and never come back.
    WithoutSentinel,
    /// `--ignore pause`: a primary that is away while it is restarted, or refuses writes meanwhile.
    Pause,
}

impl Accept {
    /// The option that says so.
    pub fn option(self) -> &'static str {
        match self {
            Self::DataLoss => "--allow-data-loss",
            Self::SplitBrain => "--accept-split-brain",
            Self::Drift => "--ignore drift",
            Self::Difference(difference) => difference.option(),
            Self::Unkept(unkept) => unkept.option(),
            Self::Permissions => "--ignore permissions",
            Self::WithoutSentinel => "--without-sentinel",
            Self::Pause => "--ignore pause",
        }
    }
}

/// `replctl repair`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// The node that is to be the primary.
    pub keep: NodeName,
    /// The folder on the operator's machine that each of the others is backed up into, under its
    /// name.
    pub backup: String,
    /// Those whose data are discarded without a backup.
    pub discard_data: Vec<NodeName>,
}

/// `replctl lost NODE --replay`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The old primary.
    pub node: NodeName,
    /// The primary that gets it.
    pub onto: NodeName,
    /// Where it is read from.
    pub source: Source,
    /// What is in conflict, too.
    pub conflicts: bool,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
