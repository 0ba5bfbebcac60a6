//! What `sentinel` answers for itself. Pure.

use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{Refusal, Sentinels};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse, not_undoable};
use crate::topology::{NodeName, Topology};

impl Properties for Sentinels {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: match self {
                Self::Setup => "sentinel-setup",
                Self::Remove { .. } => "sentinel-remove",
                Self::Forget { .. } => "sentinel-forget",
            },
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
        match self {
            Self::Setup => "sentinel setup".to_owned(),
            Self::Remove { purge: false } => "sentinel remove".to_owned(),
            Self::Remove { purge: true } => "sentinel remove --purge".to_owned(),
            Self::Forget { what } => format!("sentinel forget {}", what.join(" ")),
        }
    }

    fn again(&self) -> String {
        format!("replctl {}", self.line())
    }

    fn hosts(&self, inventory: &Inventory) -> Vec<NodeName> {
        match self {
            Self::Setup | Self::Remove { .. } => {
                let settings = inventory.sentinel.iter();
                let nodes = settings.flat_map(|s| s.nodes.iter());
                nodes.map(|n| n.name.clone()).collect()
            }
            Self::Forget { .. } => Vec::new(),
        }
    }

    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(not_undoable(&self.line()))
    }
}
