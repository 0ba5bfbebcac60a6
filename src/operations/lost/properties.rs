//! What `lost --replay` answers for itself. Pure.

use crate::actions::rescue::Source;
use crate::engine::operation::{Accept, Changes, Properties, Successor};
use crate::engine::{Ground, Refusal, Replay};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};

impl Properties for Replay {
    fn verb(&self) -> &'static str {
        "replay"
    }

    fn node(&self) -> Option<&NodeName> {
        Some(&self.node)
    }

    fn line(&self) -> String {
        let mut line = format!("lost {} --replay", self.node);
        if let Source::Backup { folder } = &self.source {
            let folder = shlex::try_quote(folder).unwrap_or_default();
            line = format!("{line} --backup {folder}");
        }
        if self.conflicts {
            line.push_str(" --with-conflicts");
        }
        line
    }

    fn changes(&self) -> Changes {
        Changes::Neither
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        Vec::new()
    }

    fn successor(&self) -> Successor<'_> {
        Successor::ThePrimary
    }

    fn accepted(&self) -> Option<&[Accept]> {
        None
    }

    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(Refusal::new(
            Ground::Undo,
            format!(
                "`{}` has taken the commands of `{}`, and clients may have gone on from there: they are not taken back",
                self.onto, self.node
            ),
            "see: replctl status",
        ))
    }
}
