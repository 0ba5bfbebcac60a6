//! What an operator asked for, as data: it stands in the plan and in the journal. Pure.

use crate::actions::rescue::Source;
use crate::plan::{difference, forecast};
use crate::topology::{Address, NodeName};
use serde::{Deserialize, Serialize};

/// What an operator asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Bare hosts to a running, verified deployment.
    Setup(Setup),
    /// Another primary.
    Promote(Promote),
    /// Another upstream for a replica.
    Move(Move),
    /// A replica that is to stand alone.
    Detach(Detach),
    /// The Sentinels themselves.
    Sentinels(Sentinels),
    /// An old primary that returns under the present one.
    Rejoin(Rejoin),
    /// One primary again, where there are several or an emptied one.
    Repair(Repair),
    /// What only an old primary has, done again on the present one.
    Replay(Replay),
    /// A new node.
    Add(Add),
    /// A node that leaves for good.
    Remove(Remove),
    /// Nodes that replctl did not make, and makes its own.
    Adopt(Adopt),
}

/// `replctl sentinel`, where it changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sentinels {
    /// Those the inventory names, running and watching.
    Setup,
    /// Those the inventory names, gone.
    Remove {
        /// Their files too.
        purge: bool,
    },
    /// What left for good, forgotten by those that watch.
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
    /// Whom it is to follow; `None`: the primary there is.
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
    /// Its server goes on; only the inventory has it no more.
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
    /// `--ignore permissions`: commands that the user may not run and that can be done without.
    Permissions,
    /// `--without-sentinel`: Sentinels that are still counted, and never come back.
    WithoutSentinel,
    /// `--ignore pause`: a primary that is away while it is restarted.
    Pause,
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

impl Repair {
    /// What was typed behind `replctl`, without the folder.
    pub fn line(&self) -> String {
        let mut line = format!("repair --keep {}", self.keep);
        for node in &self.discard_data {
            line = format!("{line} --discard-data {node}");
        }
        line
    }
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

impl Replay {
    /// What was typed behind `replctl`.
    pub fn line(&self) -> String {
        let mut line = format!("lost {} --replay", self.node);
        if let Source::Backup { folder } = &self.source {
            let folder = shlex::try_quote(folder).unwrap_or_default();
            line = format!("{line} --backup {folder}");
        }
        if self.conflicts {
            line.push_str(" --with-conflicts");
        }
        line
    }
}
