//! The clients of the old primary, before and after the change. The steps stand around a hand-over,
//! never inside its fence. Pure.

use super::case::{Case, find_case};
use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::warning::change::Change;
use crate::engine::{Mode, Plan, Promote, Stage, Step, Undo, Warning};
use crate::topology::Topology;

/// Adds the steps to a plan that changes the primary. `kick`: the remaining clients are
/// disconnected.
pub fn add(plan: &mut Plan, operation: &Promote, topology: &Topology, kick: bool) {
    let target = topology.get(&operation.node);
    let Some(target) = target.filter(|_| plan.changes_roles()) else {
        return;
    };
    let case = find_case(target, topology);
    let Ok(Case::HandOver { old }) = &case else {
        if let (true, Ok(Case::FailOver { lost })) = (kick, &case) {
            plan.warnings.push(Warning {
                node: lost.node().map(|old| old.name.clone()),
                matter: Change::ClientsUnseen.into(),
            });
        }
        return;
    };
    let stage = |title: String, actions: Vec<Action>| Stage {
        title,
        mode: Mode::KeepGoing,
        steps: actions
            .into_iter()
            .map(|action| Step::new(&old.name, action, Undo::Nothing))
            .collect(),
    };
    let before = stage(
        format!("see who uses {}", old.name),
        vec![Action::Server(ServerAction::CountClients)],
    );
    plan.stages.insert(0, before);
    let mut after = vec![Action::Server(ServerAction::CountClients)];
    if kick {
        after.insert(0, Action::Server(ServerAction::KickClients));
    }
    let title = format!("see who is left on {}", old.name);
    plan.stages.push(stage(title, after));
}
