//! What `setup` answers for itself. Pure.

use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{Refusal, Setup};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse, not_undoable};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Setup {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: "setup",
            node: None,
            changes: Changes::Nothing,
            successor: Successor::ThePrimary,
            accepted: None,
            line_accepts_unkept: false,
            loss: Loss::Possible,
            writes_logins: true,
        }
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

    fn hosts(&self, inventory: &Inventory) -> Vec<NodeName> {
        if self.nodes.is_empty() {
            inventory.nodes.iter().map(|n| n.name.clone()).collect()
        } else {
            self.nodes.clone()
        }
    }

    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(not_undoable(&self.line()))
    }
}
