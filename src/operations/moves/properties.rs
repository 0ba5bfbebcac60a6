//! What `move` answers for itself. Pure.

use crate::engine::operation::{Accept, Changes, Properties, Successor};
use crate::engine::{Move, Refusal};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Move {
    fn verb(&self) -> &'static str {
        "move"
    }

    fn node(&self) -> Option<&NodeName> {
        Some(&self.node)
    }

    fn line(&self) -> String {
        let Self {
            node,
            under,
            discard_data,
            update_inventory,
        } = self;
        let mut line = format!("move {node} --under {under}");
        if *discard_data {
            let _ = write!(line, " --discard-data {node}");
        }
        if *update_inventory {
            line.push_str(" --update-inventory");
        }
        line
    }

    fn changes(&self) -> Changes {
        Changes::Roles
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        Vec::new()
    }

    fn successor(&self) -> Successor<'_> {
        Successor::ThePrimary
    }

    fn accepted(&self) -> Option<&[Accept]> {
        None
    }

    fn reverse(&self, past: &Past, now: &Topology) -> Result<Reverse, Refusal> {
        past.moved(self, now)
    }
}
