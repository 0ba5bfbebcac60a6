//! What `remove` answers for itself. Pure.

use crate::engine::operation::{Accept, Changes, Properties, Successor};
use crate::engine::{Refusal, Remove};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};

impl Properties for Remove {
    fn verb(&self) -> &'static str {
        "remove"
    }

    fn node(&self) -> Option<&NodeName> {
        Some(&self.node)
    }

    fn line(&self) -> String {
        let mut line = format!("remove {}", self.node);
        if self.purge {
            line.push_str(" --purge");
        }
        if self.leave_running {
            line.push_str(" --leave-running");
        }
        line
    }

    fn changes(&self) -> Changes {
        Changes::Members
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        if self.leave_running {
            Vec::new()
        } else {
            vec![self.node.clone()]
        }
    }

    fn successor(&self) -> Successor<'_> {
        Successor::ThePrimary
    }

    fn accepted(&self) -> Option<&[Accept]> {
        None
    }

    fn reverse(&self, past: &Past, now: &Topology) -> Result<Reverse, Refusal> {
        past.removed(self, now)
    }
}
