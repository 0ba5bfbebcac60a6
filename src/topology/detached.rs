//! Nodes that were detached on purpose: they stand in the inventory, and are no part of the
//! deployment until they follow one of its nodes. Pure.

use super::{NodeName, Topology};
use std::borrow::Cow;
use std::collections::HashSet;

/// All nodes of the inventory as they were seen, and which of them are detached. It is no
/// [`Topology`]: whoever wants one says whether the detached nodes are to be in it, and cannot
/// forget them.
#[derive(Debug, Clone)]
pub struct Observed {
    all: Topology,
    detached: Vec<NodeName>,
}

impl Observed {
    /// `noted`: the nodes that were detached once, by the notes.
    pub fn new(all: Topology, noted: &[NodeName]) -> Self {
        let detached = all.still_alone(noted);
        Self { all, detached }
    }

    /// Every node, the detached ones too: to show them, and to find one by its name or address.
    pub fn all(&self) -> &Topology {
        &self.all
    }

    /// The same, to take in what others tell of the nodes.
    pub fn all_mut(&mut self) -> &mut Topology {
        &mut self.all
    }

    /// The same.
    pub fn into_all(self) -> Topology {
        self.all
    }

    /// Whether this node is one of them.
    pub fn is_detached(&self, name: &NodeName) -> bool {
        self.detached.contains(name)
    }

    /// The deployment: every node that is not detached.
    pub fn deployment(&self) -> Cow<'_, Topology> {
        self.all.without(&self.detached)
    }

    /// The deployment with these nodes in it, though they may be detached: they are to come back.
    pub fn deployment_with(&self, back: &[NodeName]) -> Cow<'_, Topology> {
        self.all.without(&self.detached_but(back))
    }

    /// The nodes that were detached and follow nobody still, but these.
    pub fn detached_but(&self, back: &[NodeName]) -> Vec<NodeName> {
        let left = self.detached.iter().filter(|n| !back.contains(n));
        left.cloned().collect()
    }
}

impl Topology {
    /// Of the nodes that were noted as detached, those that follow nobody still: one that does has
    /// been brought back.
    pub fn still_alone(&self, noted: &[NodeName]) -> Vec<NodeName> {
        let noted: HashSet<&NodeName> = noted.iter().collect();
        let alone = self
            .nodes
            .iter()
            .filter(|n| n.upstream().is_none() && noted.contains(&n.name));
        alone.map(|n| n.name.clone()).collect()
    }

    /// The deployment without these nodes. An operation does not call it: an [`Observed`] does.
    pub fn without(&self, names: &[NodeName]) -> Cow<'_, Self> {
        let names: HashSet<&NodeName> = names.iter().collect();
        if names.is_empty() {
            return Cow::Borrowed(self);
        }
        let nodes = self.nodes.iter().filter(|n| !names.contains(&n.name));
        Cow::Owned(Self {
            nodes: nodes.cloned().collect(),
        })
    }
}
