//! What `rejoin` answers for itself. Pure.

use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{Ground, Refusal, Rejoin};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Rejoin {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: "rejoin",
            node: Some(&self.node),
            changes: Changes::Roles,
            successor: Successor::ThePrimary,
            accepted: None,
            line_accepts_unkept: false,
            loss: Loss::Certain,
            writes_logins: false,
        }
    }

    /// Without the folder.
    fn line(&self) -> String {
        let mut line = format!("rejoin {}", self.node);
        if let Some(under) = &self.under {
            let _ = write!(line, " --under {under}");
        }
        if self.backup.is_none() {
            let _ = write!(line, " --discard-data {}", self.node);
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
        Err(given_up(self))
    }
}

fn given_up(rejoin: &Rejoin) -> Refusal {
    let node = &rejoin.node;
    let hint = rejoin.backup.as_ref().map_or_else(
        || "they were discarded without a backup".to_owned(),
        |folder| format!("what it had is backed up in {folder}"),
    );
    Refusal::new(
        Ground::Undo,
        format!("the own keys of `{node}` were replaced: an undo does not bring them back"),
        hint,
    )
}
