//! What the rest of replctl asks an operation. Each answers in its own folder, so a new one is
//! added there, and no other place has to know them all. What a new one could forget has no
//! default. Pure.

use super::{Accept, Operation};
use crate::engine::Refusal;
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};

/// What an operation changes for others, apart from the state of its own nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// Which node is the primary. That concerns every node.
    Primary,
    /// The roles of servers that have data.
    Roles,
    /// Which nodes there are.
    Members,
    /// No role and no member. Half of it is simply done again, or is never done twice.
    Nothing,
}

impl Changes {
    /// Whether half of it looks like a legitimate topology and may not be one. Then it comes before
    /// every other change.
    pub fn comes_first(self) -> bool {
        match self {
            Self::Primary | Self::Roles => true,
            Self::Members | Self::Nothing => false,
        }
    }

    /// Whether an operation before it cannot be undone any more without a look at this one.
    pub fn is_in_the_way(self) -> bool {
        match self {
            Self::Primary | Self::Roles | Self::Members => true,
            Self::Nothing => false,
        }
    }
}

/// The node that all others follow after an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Successor<'a> {
    /// This node.
    Node(&'a NodeName),
    /// The primary there is, if it is the only one.
    ThePrimary,
    /// The operation does not decide that.
    Unsaid,
}

/// What becomes of the data that a plan names as going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The operation discards them.
    Certain,
    /// They are lost in some cases only.
    Possible,
}

/// What an operation answers as data. No field has a default, so a new operation gives all of them.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// The command: a part of the operation's id.
    pub verb: &'static str,
    /// The one node it is about, where it is about one.
    pub node: Option<&'a NodeName>,
    /// What it changes for others.
    pub changes: Changes,
    /// The node that all others follow afterwards: old primaries that are down become its replicas.
    pub successor: Successor<'a>,
    /// What the operator accepts by narrow overrides; nothing where its command has none for rights
    /// that are missing.
    pub accepted: Option<&'a [Accept]>,
    /// Whether its line has the options that accept a role which does not outlive a restart.
    pub line_accepts_unkept: bool,
    /// What becomes of the data that its plan names as going.
    pub loss: Loss,
    /// Whether it works with servers that may not exist yet, and writes their logins itself. Then
    /// no server is asked for rights before it.
    pub writes_logins: bool,
}

/// What is asked of an operation.
pub trait Properties {
    /// What it answers as data.
    fn answers(&self) -> Answers<'_>;

    /// What was typed behind `replctl`, without the options that only say how to ask.
    fn line(&self) -> String;

    /// The command that does it anew.
    fn again(&self) -> String;

    /// The nodes whose hosts it works on beside their servers: these are claimed, too.
    fn hosts(&self, inventory: &Inventory) -> Vec<NodeName>;

    /// What undoes it, now that it is done.
    ///
    /// # Errors
    /// What stands against that.
    fn reverse(&self, past: &Past, now: &Topology) -> Result<Reverse, Refusal>;
}

impl Operation {
    /// What it answers as data.
    pub fn answers(&self) -> Answers<'_> {
        self.properties().answers()
    }

    /// The command: a part of the operation's id.
    pub fn verb(&self) -> &'static str {
        self.answers().verb
    }

    /// The one node it is about, where it is about one.
    pub fn node(&self) -> Option<&NodeName> {
        self.answers().node
    }

    /// What was typed behind `replctl`, without the options that only say how to ask.
    pub fn line(&self) -> String {
        self.properties().line()
    }
}
