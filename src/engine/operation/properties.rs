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
    Neither,
}

impl Changes {
    /// Whether half of it looks like a legitimate topology and may not be one. Then it comes before
    /// every other change.
    pub fn comes_first(self) -> bool {
        match self {
            Self::Primary | Self::Roles => true,
            Self::Members | Self::Neither => false,
        }
    }

    /// Whether an operation before it cannot be undone any more without a look at this one.
    pub fn is_in_the_way(self) -> bool {
        match self {
            Self::Primary | Self::Roles | Self::Members => true,
            Self::Neither => false,
        }
    }
}

/// Whom everybody follows after an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Successor<'a> {
    /// This node.
    Node(&'a NodeName),
    /// The primary there is, if it is the only one.
    ThePrimary,
    /// That is not for this operation to say.
    Unsaid,
}

/// What is asked of an operation.
pub trait Properties {
    /// The command: a part of the operation's id.
    fn verb(&self) -> &'static str;

    /// The one node it is about, where it is about one.
    fn node(&self) -> Option<&NodeName>;

    /// What was typed behind `replctl`, without the options that only say how to ask.
    fn line(&self) -> String;

    /// The command that does it anew.
    fn again(&self) -> String {
        format!("replctl {}", self.line())
    }

    /// What it changes for others.
    fn changes(&self) -> Changes;

    /// The nodes whose hosts it works on beside their servers: these are claimed, too.
    fn hosts(&self, inventory: &Inventory) -> Vec<NodeName>;

    /// Whom everybody follows afterwards: old primaries that are down are made its replicas.
    fn successor(&self) -> Successor<'_>;

    /// What the operator accepts by narrow overrides; nothing where its command has none for rights
    /// that are missing.
    fn accepted(&self) -> Option<&[Accept]>;

    /// What undoes it, now that it is done.
    ///
    /// # Errors
    /// What stands against that.
    fn reverse(&self, past: &Past, now: &Topology) -> Result<Reverse, Refusal>;
}

impl Operation {
    /// The command: a part of the operation's id.
    pub fn verb(&self) -> &'static str {
        self.properties().verb()
    }

    /// The one node it is about, where it is about one.
    pub fn node(&self) -> Option<&NodeName> {
        self.properties().node()
    }

    /// What was typed behind `replctl`, without the options that only say how to ask.
    pub fn line(&self) -> String {
        self.properties().line()
    }
}
