//! What `remove` answers for itself. Pure.

use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{Refusal, Remove};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};

impl Properties for Remove {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: "remove",
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
        let mut line = format!("remove {}", self.node);
        if self.purge {
            line.push_str(" --purge");
        }
        if self.leave_running {
            line.push_str(" --leave-running");
        }
        line
    }

    fn again(&self) -> String {
        format!("replctl {}", self.line())
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        if self.leave_running {
            Vec::new()
        } else {
            vec![self.node.clone()]
        }
    }

    fn reverse(&self, past: &Past, now: &Topology) -> Result<Reverse, Refusal> {
        past.removed(self, now)
    }
}
