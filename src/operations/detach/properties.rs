//! What `detach` answers for itself. Pure.

use crate::engine::operation::{Accept, Changes, Properties, Successor};
use crate::engine::{Detach, Refusal};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};

impl Properties for Detach {
    fn verb(&self) -> &'static str {
        "detach"
    }

    fn node(&self) -> Option<&NodeName> {
        Some(&self.node)
    }

    fn line(&self) -> String {
        format!("detach {}", self.node)
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
        past.detached(self, now)
    }
}
