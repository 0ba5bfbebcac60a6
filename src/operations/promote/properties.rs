//! What `promote` answers for itself. Pure.

use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{Promote, Refusal};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Promote {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: "promote",
            node: Some(&self.node),
            changes: Changes::Primary,
            successor: Successor::Node(&self.node),
            accepted: Some(&self.accept),
            line_accepts_unkept: true,
            loss: Loss::Possible,
            writes_logins: false,
        }
    }

    fn line(&self) -> String {
        let mut line = format!("promote {}", self.node);
        for accepted in &self.accept {
            let _ = write!(line, " {}", accepted.option());
        }
        line
    }

    /// What was accepted is asked anew.
    fn again(&self) -> String {
        format!("replctl promote {}", self.node)
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        Vec::new()
    }

    fn reverse(&self, past: &Past, now: &Topology) -> Result<Reverse, Refusal> {
        past.promotion(self, now)
    }
}
