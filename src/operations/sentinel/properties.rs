//! What `sentinel` answers for itself. Pure.

use crate::engine::operation::{Accept, Changes, Properties, Successor};
use crate::engine::{Refusal, Sentinels};
use crate::inventory::Inventory;
use crate::plan::reverse::wishes;
use crate::plan::reverse::{Past, Reverse};
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

    fn changes(&self) -> Changes {
        Changes::Neither
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

    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(wishes(&self.line()))
    }
}
