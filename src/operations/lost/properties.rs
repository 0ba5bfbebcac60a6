//! What `lost --replay` answers for itself. Pure.

use crate::actions::rescue::Source;
use crate::engine::operation::{Answers, Changes, Loss, Properties, Successor};
use crate::engine::{Ground, Refusal, Replay};
use crate::inventory::Inventory;
use crate::plan::reverse::{Past, Reverse};
use crate::topology::{NodeName, Topology};

impl Properties for Replay {
    fn answers(&self) -> Answers<'_> {
        Answers {
            verb: "replay",
            node: Some(&self.node),
            changes: Changes::Nothing,
            successor: Successor::ThePrimary,
            accepted: None,
            line_accepts_unkept: false,
            loss: Loss::Possible,
            writes_logins: false,
        }
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

    fn again(&self) -> String {
        format!("replctl {}", self.line())
    }

    fn hosts(&self, _inventory: &Inventory) -> Vec<NodeName> {
        Vec::new()
    }

    fn reverse(&self, _past: &Past, _now: &Topology) -> Result<Reverse, Refusal> {
        Err(Refusal::new(
            Ground::Undo,
            format!(
                "`{}` has run the commands of `{}`, and clients may have used the result since: an undo does not remove them",
                self.onto, self.node
            ),
            "see: replctl status",
        ))
    }
}
