//! What a plan may have left at Sentinels: how often they read `INFO`. Pure.

use crate::actions::Action;
use crate::actions::sentinel::SentinelAction;
use crate::engine::{Plan, Undo};
use crate::topology::NodeName;

/// What puts back at Sentinels what a run may have left there. `began` tells of a stage and a step
/// whether it was begun and not put back. Whoever does it looks first: most runs have put it back
/// themselves.
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
