//! What `adopt` answers for itself. Pure.

use crate::engine::operation::{Accept, Changes, Properties, Successor};
use crate::engine::{Adopt, Ground, Refusal};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Adopt {
    fn verb(&self) -> &'static str {
        "adopt"
    }

    fn node(&self) -> Option<&NodeName> {
        match &self.nodes[..] {
            [one] => Some(one),
            [] | [_, _, ..] => None,
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

    /// A hand-over is a part of it.
    fn changes(&self) -> Changes {
        Changes::Primary
    }

    fn hosts(&self, inventory: &Inventory) -> Vec<NodeName> {
        if self.nodes.is_empty() {
            inventory.nodes.iter().map(|n| n.name.clone()).collect()
        } else {
            self.nodes.clone()
        }
    }

    fn successor(&self) -> Successor<'_> {
        Successor::ThePrimary
    }

    fn accepted(&self) -> Option<&[Accept]> {
        None
    }

    /// What was made anew runs, and its data has gone on from there.
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
