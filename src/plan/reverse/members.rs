//! The undo of `add` and of `remove`. Pure.

use super::{Past, Reverse};
use crate::actions::Action;
use crate::actions::host::HostAction as Do;
use crate::actions::local::LocalAction;
use crate::engine::{Add, Ground, Operation, Refusal, Remove, Undo};
use crate::inventory::edit::Kind;
use crate::topology::Topology;

impl Past {
    /// The former line of the inventory, if nothing else was changed.
    pub(super) fn wished(&self) -> String {
        let edit = self.plan.steps().find_map(|step| {
            let Action::Local(LocalAction::EditInventory(edit)) = &step.action else {
                return None;
            };
            let Kind::Repoint { was, .. } = &edit.kind else {
                return None;
            };
            Some(format!("; `replicaof` in {} was `{was}` before", edit.file))
        });
        edit.unwrap_or_default()
    }

    fn did(&self, wanted: impl Fn(&Do) -> bool) -> bool {
        let mut steps = self.plan.steps();
        steps.any(|s| matches!(&s.action, Action::Host(action) if wanted(action)))
    }

    /// The undo of `add`: removes the node, with its files if there were none before.
    pub fn added(&self, add: &Add, now: &Topology) -> Reverse {
        let node = &add.node;
        if now.get(node).is_none() {
            let why = format!("`{node}` is no node of the inventory any more");
            return Reverse::Nothing(why);
        }
        let started = self.did(|a| matches!(a, Do::StartServer(_)));
        let made = self.plan.steps().any(|s| {
            let Undo::By(Action::Host(back)) = &s.undo else {
                return false;
            };
            matches!(back, Do::RemoveTree { .. })
        });
        Reverse::Do(Operation::Remove(Remove {
            node: node.clone(),
            purge: started && made,
            leave_running: !started,
        }))
    }

    /// The undo of `remove`: adds the node again, as far as it still exists.
    pub fn removed(&self, remove: &Remove, now: &Topology) -> Result<Reverse, Refusal> {
        let node = &remove.node;
        let Some(spec) = now.get(node) else {
            return Err(Refusal::new(
                Ground::Inventory,
                format!(
                    "`{node}` cannot be put into the inventory as it was: that was changed since"
                ),
                format!("write it there by hand, and run: replctl setup {node}"),
            ));
        };
        if self.did(|a| matches!(a, Do::RemoveTree { .. })) {
            return Err(Refusal::new(
                Ground::Undo,
                format!("`{node}` was removed with its files: they do not come back"),
                format!(
                    "as a new node with the data of the primary: replctl add {node} --address {}",
                    spec.address
                ),
            ));
        }
        Ok(Reverse::Do(Operation::Add(Add {
            node: node.clone(),
            address: spec.address.clone(),
            replicaof: None,
            announce: None,
            priority: None,
            ssh: None,
            discard_data: false,
        })))
    }
}
