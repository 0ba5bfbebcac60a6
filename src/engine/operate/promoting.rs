//! The nodes whose connections an operation makes and notes before it begins. Pure.

use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::rescue::RescueAction;
use crate::actions::service::ServiceAction;
use crate::engine::{Plan, Undo};
use crate::topology::NodeName;

/// The nodes whose role a plan or its undo changes: their connections are made before, and noted.
pub(super) fn promoting(plan: &Plan) -> Vec<NodeName> {
    let mut nodes: Vec<NodeName> = Vec::new();
    for step in plan.steps() {
        let server = !matches!(
            step.action,
            Action::Host(_)
                | Action::Service(ServiceAction::StopServer | ServiceAction::FenceFile { .. })
                | Action::Local(
                    LocalAction::RememberDemotion { .. }
                        | LocalAction::NoteAlone { .. }
                        | LocalAction::EditInventory(_)
                )
        );
        let changes = step.action.restores_primary()
            || matches!(step.action, Action::Rescue(RescueAction::GiveUp { .. }))
            || matches!(&step.undo, Undo::By(undo) if undo.restores_primary())
            || plan.changes_roles();
        if server && changes && !nodes.contains(&step.node) {
            nodes.push(step.node.clone());
        }
    }
    nodes
}
