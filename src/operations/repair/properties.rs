//! What `repair` answers for itself. Pure.

use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{Ground, Refusal, Repair};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};

impl Properties for Repair {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: "repair",
            node: Some(&self.keep),
            changes: Changes::Primary,
            successor: Successor::Node(&self.keep),
            accepted: None,
            line_accepts_unkept: false,
            loss: Loss::Certain,
            writes_logins: false,
        }
    }

    /// Without the folder.
    fn line(&self) -> String {
        let mut line = format!("repair --keep {}", self.keep);
        for node in &self.discard_data {
            line = format!("{line} --discard-data {node}");
        }
        line
    }

    fn again(&self) -> String {
        format!("replctl {}", self.line())
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        Vec::new()
    }

    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(Refusal::new(
            Ground::Undo,
            format!(
                "it made `{}` the only primary, and the others' own writes were replaced: an undo does not bring them back",
                self.keep
            ),
            format!("their backups: {}-NODE", self.backup),
        ))
    }
}
