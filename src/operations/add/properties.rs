//! What `add` answers for itself. Pure.

use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{Add, Refusal};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};
use std::fmt::Write as _;

impl Properties for Add {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: "add",
            node: Some(&self.node),
            changes: Changes::Members,
            successor: Successor::ThePrimary,
            accepted: None,
            line_accepts_unkept: false,
            loss: Loss::Possible,
            writes_logins: false,
        }
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

    fn again(&self) -> String {
        format!("replctl {}", self.line())
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        vec![self.node.clone()]
    }

    fn reverse(&self, past: &Past, now: &Topology) -> Result<Reverse, Refusal> {
        Ok(past.added(self, now))
    }
}
