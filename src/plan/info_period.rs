//! The `INFO` period that a plan may have left at Sentinels. Pure.

use crate::actions::Action;
use crate::actions::sentinel::SentinelAction;
use crate::engine::{Plan, Undo};
use crate::topology::NodeName;

/// The actions that restore the period at Sentinels where a run may have left another one. `began`
/// tells for a stage and a step whether it was begun and not undone. Each action looks first,
/// because most runs have restored it themselves.
pub fn left<'a>(
    plan: &'a Plan,
    began: &dyn Fn(usize, usize) -> bool,
) -> Option<(&'a NodeName, &'a SentinelAction)> {
    plan.numbered()
        .find_map(|((stage, index), step)| match (&step.action, &step.undo) {
            (
                Action::Sentinel(SentinelAction::SetInfoPeriod { .. }),
                Undo::By(Action::Sentinel(back)),
            ) if began(stage, index) => Some((&step.node, back)),
            (_, Undo::By(_) | Undo::Nothing | Undo::Impossible) => None,
        })
}
