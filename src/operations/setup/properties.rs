//! What `setup` answers for itself. Pure.

use crate::engine::operation::{Accept, Changes, Properties, Successor};
use crate::engine::{Refusal, Setup};
use crate::inventory::Inventory;
use crate::plan::reverse::wishes;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Setup {
    fn verb(&self) -> &'static str {
        "setup"
    }

    fn node(&self) -> Option<&NodeName> {
        None
    }

    fn line(&self) -> String {
        let mut line = "setup".to_owned();
        for node in &self.nodes {
            let _ = write!(line, " {node}");
        }
        for node in &self.discard_data {
            let _ = write!(line, " --discard-data {node}");
        }
        line
    }

    /// It goes on with all nodes, and asks about keys anew.
    fn again(&self) -> String {
        "replctl setup".to_owned()
    }

    fn changes(&self) -> Changes {
        Changes::Neither
    }

    fn hosts(&self, inventory: &Inventory) -> Vec<NodeName> {
        if self.nodes.is_empty() {
            inventory.nodes.iter().map(|n| n.name.clone()).collect()
        } else {
            self.nodes.clone()
        }
    }

    fn successor(&self) -> Successor<'_> {
        Successor::ThePrimary
    }

    fn accepted(&self) -> Option<&[Accept]> {
        None
    }

    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(wishes(&self.line()))
    }
}
