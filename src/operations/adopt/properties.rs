//! The properties of `adopt`. Pure.

use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{Accept, Adopt, Ground, Refusal};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Adopt {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: "adopt",
            node: match &self.nodes[..] {
                [one] => Some(one),
                [] | [_, _, ..] => None,
            },
            // It may include a hand-over.
            changes: Changes::Primary,
            successor: Successor::ThePrimary,
            accepted: None,
            line_accepts_unkept: false,
            loss: Loss::Possible,
            writes_logins: false,
        }
    }

    fn line(&self) -> String {
        let mut line = "adopt".to_owned();
        for node in &self.nodes {
            let _ = write!(line, " {node}");
        }
        if self.nodes.is_empty() {
            line.push_str(" --all");
        }
        if self.hand_back {
            line.push_str(" --hand-back");
        }
        if self.pause {
            let _ = write!(line, " {}", Accept::Pause.option());
        }
        line
    }

    fn again(&self) -> String {
        format!("replctl {}", self.line())
    }

    fn hosts(&self, inventory: &Inventory) -> Vec<NodeName> {
        if self.nodes.is_empty() {
            inventory.nodes.iter().map(|n| n.name.clone()).collect()
        } else {
            self.nodes.clone()
        }
    }

    /// The new server runs, and its data has changed since.
    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(Refusal::new(
            Ground::Undo,
            format!(
                "`{}` cannot be undone: what was written since is only in the new directories",
                self.line()
            ),
            "the former files and units are still on the hosts; see docs/adopt.md",
        ))
    }
}
