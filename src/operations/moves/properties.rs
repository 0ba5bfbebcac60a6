//! What `move` answers for itself. Pure.

use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{Move, Refusal};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Move {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: "move",
            node: Some(&self.node),
            changes: Changes::Roles,
            successor: Successor::ThePrimary,
            accepted: None,
            line_accepts_unkept: false,
            loss: Loss::Possible,
            writes_logins: false,
        }
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

    fn again(&self) -> String {
        format!("replctl {}", self.line())
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        Vec::new()
    }

    fn reverse(&self, past: &Past, now: &Topology) -> Result<Reverse, Refusal> {
        past.moved(self, now)
    }
}
