//! Nodes that were detached on purpose: they stand in the inventory, and are no part of the deployment until they follow one of its nodes. Pure.

use super::{NodeName, Topology};

impl Topology {
    /// Of the nodes that were noted as detached, those that follow nobody still: one that does has been brought back.
    pub fn still_alone(&self, noted: &[NodeName]) -> Vec<NodeName> {
        let alone = self
            .nodes
            .iter()
            .filter(|n| noted.contains(&n.name) && n.upstream().is_none());
        alone.map(|n| n.name.clone()).collect()
    }

    /// The deployment without these nodes.
    #[must_use]
    pub fn without(&self, names: &[NodeName]) -> Self {
        let nodes = self.nodes.iter().filter(|n| !names.contains(&n.name));
        Self {
            nodes: nodes.cloned().collect(),
        }
    }
}
