//! The properties of `check --fix`. Pure.

use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{FixHosts, Ground, Refusal};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};

impl Properties for FixHosts {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: "check-fix",
            node: None,
            changes: Changes::Nothing,
            successor: Successor::Unsaid,
            accepted: None,
            line_accepts_unkept: false,
            loss: Loss::Possible,
            writes_logins: false,
        }
    }

    fn line(&self) -> String {
        "check --fix".to_owned()
    }

    fn again(&self) -> String {
        format!("replctl {}", self.line())
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        self.nodes.clone()
    }

    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(Refusal::new(
            Ground::Undo,
            "`check --fix` cannot be undone: it sets on hosts what the servers need",
            "its journal has what stood there before: replctl report last",
        ))
    }
}
