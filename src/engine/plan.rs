//! The answer to an operation: stages of steps, each with what undoes it. Pure.

use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::{Operation, Warning};
use crate::topology::NodeName;
use serde::{Deserialize, Serialize};

/// The answer to an operation: what will be done, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What was asked for.
    pub operation: Operation,
    /// In order. Empty: nothing to do.
    pub stages: Vec<Stage>,
    /// What the operator should know before saying yes.
    #[serde(with = "crate::engine::warning::in_journal")]
    pub warnings: Vec<Warning>,
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
    /// One after another over all nodes; a failure undoes the whole stage, unless an irreversible
    /// step was passed.
    Atomic,
    /// Nodes side by side, order inside a node kept. A failing node is put back; the others finish;
    /// then the run stops.
    PerNode,
    /// Waits and checks on nodes side by side; a failure of any ends the run, and there is nothing
    /// to put back.
    Gate,
    /// Nodes side by side. A failure is reported and nothing is undone; the other nodes and the
    /// later stages go on.
    KeepGoing,
    /// Done only after a run that ended without reaching its goal.
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
    /// It cannot be put back: past this step, the run only goes forward.
    Impossible,
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

    /// Whether the journal must have it on disk before it is sent. The roles of servers do not show
    /// that it was begun, so a run that lost the line could not put it back.
    pub fn is_noted_first(&self) -> bool {
        match &self.action {
            Action::Host(_) | Action::Local(_) => self.undo != Undo::Nothing,
            Action::Server(ServerAction::ShutDown { .. }) => true,
            Action::Server(ServerAction::RequireReplicas { .. }) => self.undo == Undo::Impossible,
            Action::Server(_)
            | Action::Role(_)
            | Action::Rescue(_)
            | Action::Service(_)
            | Action::Password(_)
            | Action::Sentinel(_)
            | Action::Hook(_) => false,
        }
    }
}

impl Stage {
    /// A stage.
    pub fn new(title: &str, mode: Mode, steps: Vec<Step>) -> Self {
        Self {
            title: title.to_owned(),
            mode,
            steps,
        }
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

    /// Whether a rollback from any point puts back the whole plan: it holds together, and none of
    /// its steps is irreversible.
    pub fn goes_back_whole(&self) -> bool {
        let together = self.stages.iter().any(|s| s.mode == Mode::Atomic);
        // A change of passwords begins its irreversible steps only after all its reversible steps
        // are done.
        let passwords = self.changes_passwords();
        // Nodes that were adopted stay: each is a stage of its own, and has run with its own data
        // since.
        let adopts = matches!(self.operation, Operation::Adopt(_));
        together && !adopts && (passwords || self.steps().all(|s| s.undo != Undo::Impossible))
    }
}
