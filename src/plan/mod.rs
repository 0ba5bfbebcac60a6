//! Operations become plans here: data that is shown, journalled, executed, undone, resumed and simulated, one value for all.
//!
//! Pure: the same inventory and topology give the same plan. One planner per file; this file holds the words they share.

pub mod action;
pub mod add;
mod asked;
pub mod candidates;
pub mod clients;
pub mod debts;
pub mod detach;
pub mod difference;
pub mod facts;
pub mod failover;
pub mod forecast;
mod gather;
pub mod hand_over;
pub mod hooks;
pub mod host;
pub mod moves;
pub mod named;
pub mod names;
pub mod needs;
pub mod password;
pub mod preflight;
pub mod promote;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod promote_tests;
pub mod rejoin;
pub mod remove;
pub mod repair;
pub mod replay;
pub mod reverse;
pub mod roles;
pub mod sentinel;
pub mod setup;
pub mod strangers;
mod versions;
pub mod wire;

pub use action::Action;
pub use hand_over::FENCE_MS;
pub use repair::Repair;
pub use replay::Replay;
pub use roles::{NodeRole, Was};

use crate::error::Reason;
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
    /// The folder on the operator's machine that its data are backed up into; `None`: they are discarded.
    pub backup: Option<String>,
}

/// The narrow overrides of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accept {
    /// `--allow-data-loss`: a candidate that has less than another replica, or less than can be known.
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
    /// `--without-sentinel`: Sentinels that are still counted, and are gone for good.
    WithoutSentinel,
}

/// The answer to an operation: what will be done, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub operation: Operation,
    /// In order. Empty: nothing to do.
    pub stages: Vec<Stage>,
    /// What the operator should know before saying yes.
    pub warnings: Vec<String>,
    /// What may be lost, in one sentence; named by the confirmation. `None`: nothing is lost.
    pub may_lose: Option<String>,
}

/// Steps that belong together: the unit of rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// A lower-case phrase.
    pub title: String,
    /// How its steps run and what a failure does.
    pub mode: Mode,
    /// In order.
    pub steps: Vec<Step>,
}

/// How the steps of a stage run, and what a failure does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One after another over all nodes; a failure undoes the whole stage, unless an irreversible step was passed.
    Atomic,
    /// Nodes side by side, order inside a node kept. A failing node is put back; the others finish; then the run stops.
    PerNode,
    /// Waits and checks on nodes side by side; a failure of any ends the run, and there is nothing to put back.
    Gate,
    /// Nodes side by side. A failure is told and nothing is undone; the other nodes and the later stages go on.
    KeepGoing,
    /// Not a part of the way to the goal: done only when the run has ended without reaching it.
    OnFailure,
}

/// One change to one node, or one wait, with what puts it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The node it is done on.
    pub node: NodeName,
    /// What is done.
    pub action: Action,
    /// What puts it back.
    pub undo: Undo,
}

/// What puts a step back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// Another action.
    By(Action),
    /// Nothing needs to be put back.
    Nothing,
    /// It cannot be: past this step there is only forward.
    Impossible,
}

/// Why an operation is not planned, with the way on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// One lower-case sentence that names the node.
    pub why: String,
    /// A command to paste, or what to change.
    pub hint: String,
    /// In one word, for programs.
    #[serde(default)]
    pub reason: Reason,
}

impl Step {
    /// A step.
    pub fn new(node: &NodeName, action: Action, undo: Undo) -> Self {
        Self {
            node: node.clone(),
            action,
            undo,
        }
    }
}

impl Refusal {
    /// A refusal with its hint.
    pub fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            hint: hint.into(),
            reason: Reason::Refused,
        }
    }

    /// Names the reason for programs.
    #[must_use]
    pub fn because(self, reason: Reason) -> Self {
        Self { reason, ..self }
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.stages.iter().all(|s| s.steps.is_empty())
    }

    /// Whether it makes another node primary.
    pub fn changes_roles(&self) -> bool {
        self.steps().any(|s| s.action.promotes())
    }

    /// All steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.stages.iter().flat_map(|s| &s.steps)
    }

    /// The same, each with its place: stage, step.
    pub fn numbered(&self) -> impl DoubleEndedIterator<Item = ((usize, usize), &Step)> {
        self.stages.iter().enumerate().flat_map(|(stage, s)| {
            let steps = s.steps.iter().enumerate();
            steps.map(move |(step, it)| ((stage, step), it))
        })
    }

    /// Whether a rollback brings all of it back, from wherever it was: it holds together, and nothing in it is past return.
    pub fn goes_back_whole(&self) -> bool {
        let together = self.stages.iter().any(|s| s.mode == Mode::Atomic);
        // What a change of passwords does past its return is only begun when all that can be put back is done.
        let passwords = self.changes_passwords();
        together && (passwords || self.steps().all(|s| s.undo != Undo::Impossible))
    }
}
