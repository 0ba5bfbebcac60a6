//! The actions of a plan on the operator's own machine: notes beside the journals, and the
//! inventory.

use super::replication::seen;
use super::{World, inventory};
use crate::actions::Action;
use crate::engine::execute::Failure;
use crate::engine::journal::Seen;
use crate::topology::NodeName;

impl World {
    /// Does one of them; any other comes to nothing.
    pub(super) fn act_here(&self, node: &NodeName, action: &Action) -> Result<Seen, Failure> {
        let (store, this) = (&self.store, std::slice::from_ref(node));
        let (done, what) = if let Action::EditInventory(edit) = action {
            return inventory::write(edit).map(seen);
        } else if let Action::RememberDebt { address } = action {
            (store.remember(node, address), "written down")
        } else if let Action::NoteAlone { address } = action {
            (store.note_alone(node, address), "noted")
        } else if *action == Action::ForgetDebt {
            (store.forget(this), "forgotten")
        } else if *action == Action::ForgetAlone {
            (store.forget_alone(this), "forgotten")
        } else {
            (Ok(()), "")
        };
        match done {
            Ok(()) => Ok(seen(what)),
            Err(error) => Err(Failure::none(format!(
                "the note on this machine cannot be written: {error}"
            ))),
        }
    }
}
