//! What `repair` answers for itself. Pure.

use crate::engine::operation::{Accept, Changes, Properties, Successor};
use crate::engine::{Ground, Refusal, Repair};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};

impl Properties for Repair {
    fn verb(&self) -> &'static str {
        "repair"
    }

    fn node(&self) -> Option<&NodeName> {
        Some(&self.keep)
    }

    /// Without the folder.
    fn line(&self) -> String {
        let mut line = format!("repair --keep {}", self.keep);
        for node in &self.discard_data {
            line = format!("{line} --discard-data {node}");
        }
        line
    }

    fn changes(&self) -> Changes {
        Changes::Primary
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        Vec::new()
    }

    fn successor(&self) -> Successor<'_> {
        Successor::Node(&self.keep)
    }

    fn accepted(&self) -> Option<&[Accept]> {
        None
    }

    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(Refusal::new(
            Ground::Undo,
            format!(
                "it made `{}` the only primary, and what the others had for themselves they gave up: that does not come back by undoing it",
                self.keep
            ),
            format!("their backups: {}-NODE", self.backup),
        ))
    }
}
