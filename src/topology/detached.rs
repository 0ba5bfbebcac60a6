//! Nodes that were detached on purpose: they stand in the inventory, and are no part of the
//! deployment until they follow one of its nodes. Pure.

use super::{NodeName, Topology};
use std::borrow::Cow;
use std::collections::HashSet;

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

    /// The deployment without these nodes.
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
