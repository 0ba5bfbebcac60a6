//! The actions of a plan on the operator's own machine: notes beside the journals, and the
//! inventory.

use super::inventory;
use super::replication::seen;
use crate::actions::local::LocalAction;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::engine::journal::store::Store;
use crate::topology::NodeName;

/// Does one step.
pub(super) fn act_here(
    store: &Store,
    node: &NodeName,
    action: &LocalAction,
) -> Result<Evidence, Failure> {
    let this = std::slice::from_ref(node);
    let (done, what) = match action {
        LocalAction::EditInventory(edit) => return inventory::write(edit).map(seen),
        LocalAction::SeeInventory { file, digest } => {
            return inventory::see(file, digest).map(seen);
        }
        LocalAction::RememberDemotion { address } => {
            (store.remember(node, address), "written down")
        }
        LocalAction::NoteAlone { address } => (store.note_alone(node, address), "noted"),
        LocalAction::ForgetDemotion => (store.forget(this), "forgotten"),
        LocalAction::ForgetAlone => (store.forget_alone(this), "forgotten"),
    };
    match done {
        Ok(()) => Ok(seen(what)),
        Err(error) => Err(Failure::none(format!(
            "the note on this machine cannot be written: {error}"
        ))),
    }
}
