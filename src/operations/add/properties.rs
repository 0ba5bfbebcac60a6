//! What `add` answers for itself. Pure.

use crate::engine::operation::{Accept, Changes, Properties, Successor};
use crate::engine::{Add, Refusal};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Add {
    fn verb(&self) -> &'static str {
        "add"
    }

    fn node(&self) -> Option<&NodeName> {
        Some(&self.node)
    }

    fn line(&self) -> String {
        let node = &self.node;
        let mut line = format!("add {node} --address {}", self.address);
        if let Some(upstream) = &self.replicaof {
            let _ = write!(line, " --replicaof {upstream}");
        }
        if let Some(announce) = &self.announce {
            let _ = write!(line, " --announce {announce}");
        }
        if let Some(priority) = self.priority {
            let _ = write!(line, " --priority {priority}");
        }
        if let Some(ssh) = &self.ssh {
            let _ = write!(line, " --ssh {ssh}");
        }
        if self.discard_data {
            let _ = write!(line, " --discard-data {node}");
        }
        line
    }

    fn changes(&self) -> Changes {
        Changes::Members
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        vec![self.node.clone()]
    }

    fn successor(&self) -> Successor<'_> {
        Successor::ThePrimary
    }

    fn accepted(&self) -> Option<&[Accept]> {
        None
    }

    fn reverse(&self, past: &Past, now: &Topology) -> Result<Reverse, Refusal> {
        Ok(past.added(self, now))
    }
}
