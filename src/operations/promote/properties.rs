//! What `promote` answers for itself. Pure.

use crate::engine::operation::{Accept, Changes, Properties, Successor};
use crate::engine::{Promote, Refusal};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Promote {
    fn verb(&self) -> &'static str {
        "promote"
    }

    fn node(&self) -> Option<&NodeName> {
        Some(&self.node)
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

    fn changes(&self) -> Changes {
        Changes::Primary
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        Vec::new()
    }

    fn successor(&self) -> Successor<'_> {
        Successor::Node(&self.node)
    }

    fn accepted(&self) -> Option<&[Accept]> {
        Some(&self.accept)
    }

    fn reverse(&self, past: &Past, now: &Topology) -> Result<Reverse, Refusal> {
        past.promotion(self, now)
    }
}
