//! Nodes that were detached on purpose. They are in the inventory, and no part of the deployment
//! until they follow one of its nodes. Pure.

use super::{NodeName, Topology};
use std::borrow::Cow;
use std::collections::HashSet;

/// All nodes of the inventory as observed, and which of them are detached. This is no [`Topology`]:
/// a caller that wants one must say whether it includes the detached nodes, so it cannot forget
/// them.
#[derive(Debug, Clone)]
pub struct Observed {
    all: Topology,
    detached: Vec<NodeName>,
}

impl Observed {
    /// `noted`: the nodes that have a note about their detachment.
    pub fn new(all: Topology, noted: &[NodeName]) -> Self {
        let detached = all.still_alone(noted);
        Self { all, detached }
    }

    /// Every node, the detached ones too: to show them, and to find one by its name or address.
    pub fn all(&self) -> &Topology {
        &self.all
    }

    /// The same, for adding what other sources say about the nodes.
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

    /// The deployment with these nodes, even if they are detached: they are to come back.
    pub fn deployment_with(&self, back: &[NodeName]) -> Cow<'_, Topology> {
        self.all.without(&self.detached_but(back))
    }

    /// The detached nodes that still follow no node, except these.
    pub fn detached_but(&self, back: &[NodeName]) -> Vec<NodeName> {
        let left = self.detached.iter().filter(|n| !back.contains(n));
        left.cloned().collect()
    }
}

impl Topology {
    /// Among the nodes noted as detached, those that still follow no node. One that follows a node
    /// has been brought back.
    pub fn still_alone(&self, noted: &[NodeName]) -> Vec<NodeName> {
        let noted: HashSet<&NodeName> = noted.iter().collect();
        let alone = self
            .nodes
            .iter()
            .filter(|n| n.upstream().is_none() && noted.contains(&n.name));
        alone.map(|n| n.name.clone()).collect()
    }

    /// The deployment without these nodes. Operations do not call this; an [`Observed`] does.
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
