//! What `sentinel` answers for itself. Pure.

use crate::engine::operation::{Accept, Changes, Loss, Properties, Successor};
use crate::engine::{Refusal, Sentinels};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse, not_undoable};
use crate::topology::{NodeName, Topology};

impl Properties for Sentinels {
    fn verb(&self) -> &'static str {
        match self {
            Self::Setup => "sentinel-setup",
            Self::Remove { .. } => "sentinel-remove",
            Self::Forget { .. } => "sentinel-forget",
        }
    }

    fn node(&self) -> Option<&NodeName> {
        None
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

    fn changes(&self) -> Changes {
        Changes::Nothing
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

    fn successor(&self) -> Successor<'_> {
        Successor::Unsaid
    }

    fn accepted(&self) -> Option<&[Accept]> {
        None
    }

    fn line_accepts_unkept(&self) -> bool {
        false
    }

    fn loss(&self) -> Loss {
        Loss::Possible
    }

    fn writes_logins(&self) -> bool {
        false
    }

    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(not_undoable(&self.line()))
    }
}
