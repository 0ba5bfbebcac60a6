//! The changes of a run that were not put back, and the changes that it may have made.

use crate::actions::Action;
use crate::engine::journal::{At, INTERRUPTED, Outcome};
use crate::engine::operate::{Finished, Left};
use crate::engine::run_facts::Passed;
use crate::engine::{Plan, Step, Undo};
use crate::output::form::Changed;
use crate::topology::NodeName;

/// Whether a run has changed something, as far as that is known.
pub fn change(finished: &Finished) -> Changed {
    let in_doubt = !doubts(finished).is_empty() || not_put_back(finished);
    let found = |wanted: fn(&Left) -> bool| finished.left.values().any(wanted);
    if kept(finished).next().is_some()
        || stays_of_earlier(finished)
        || found(|left| matches!(left, Left::These(_)))
    {
        Changed::Yes
    } else if in_doubt || found(|left| matches!(left, Left::Unseen(_))) {
        Changed::Unknown
    } else {
        Changed::No
    }
}

/// Whether something differs from before, or may differ.
pub fn stays(finished: &Finished) -> bool {
    let failed = match &finished.outcome {
        Outcome::Halted { failed } => failed.as_slice(),
        Outcome::Completed
        | Outcome::Incomplete { .. }
        | Outcome::RolledBack { .. }
        | Outcome::Stopped { .. } => &[],
    };
    change(finished) != Changed::No || failed.iter().any(|f| f.put_back != Some(true))
}

/// Whether a step that changes something was begun in the stage that was put back. Each undo has
/// seen its effect.
pub fn began_to_change(finished: &Finished) -> bool {
    let Outcome::RolledBack { at, why } = &finished.outcome else {
        return true;
    };
    let stage = finished.plan.stages.get(at.stage);
    let steps = stage.map_or(&[][..], |s| &s.steps);
    let failed = if why == INTERRUPTED {
        at.step
    } else {
        at.step + 1
    };
    let begun = steps
        .iter()
        .take(failed)
        .any(|s| s.action.changes_something());
    // A run that resumes or rolls back also puts back the steps of the earlier run.
    let earlier = |at: &At| step_of(finished, *at).is_some_and(|s| s.action.changes_something());
    begun
        || finished.put_back_before
        || finished.before.iter().any(earlier)
        || finished
            .passed
            .iter()
            .any(|p| p.step.action.changes_something())
}

/// Whether something that an earlier run had done was not put back.
pub fn stays_of_earlier(finished: &Finished) -> bool {
    earlier(finished).next().is_some()
}

fn earlier(finished: &Finished) -> impl Iterator<Item = &Step> {
    let at = finished.before.iter();
    let steps = at.filter_map(|at| Some((at, step_of(finished, *at)?)));
    steps
        .filter(|(at, step)| {
            step.action.changes_something()
                && !is_back(finished, step, |stage| stage == at.stage)
                && !undone(finished, step)
        })
        .map(|(_, step)| step)
}

/// What this run changed and nothing has put back.
pub fn kept(finished: &Finished) -> impl Iterator<Item = &Passed> {
    let back = |passed: &Passed| {
        let stages = &finished.plan.stages;
        let within = |stage: usize| {
            stages
                .get(stage)
                .is_some_and(|s| s.steps.contains(&passed.step))
        };
        is_back(finished, &passed.step, within) || undone(finished, &passed.step)
    };
    let kept = move |p: &&Passed| p.step.action.changes_something() && !back(p);
    finished.passed.iter().filter(kept)
}

/// The failed steps that may have had their effect and were not put back.
pub fn doubts(finished: &Finished) -> Vec<&Step> {
    let failed: Vec<(At, &str)> = match &finished.outcome {
        Outcome::Completed => Vec::new(),
        // The step was sent, or may have been, and its result is not known.
        Outcome::RolledBack { at, why } | Outcome::Stopped { at, why } => vec![(*at, why)],
        Outcome::Incomplete { failed } | Outcome::Halted { failed } => {
            failed.iter().map(|f| (f.at, f.why.as_str())).collect()
        }
    };
    let doubtful = failed.into_iter().filter_map(|(at, why)| {
        let step = step_of(finished, at)?;
        let back = is_back(finished, step, |stage| stage == at.stage);
        (step.action.changes_something() && !back && !surely_nothing(finished, at, why))
            .then_some(step)
    });
    doubtful.collect()
}

/// Whether a step that failed was not sent, or surely did nothing.
fn surely_nothing(finished: &Finished, at: At, why: &str) -> bool {
    match &finished.outcome {
        Outcome::Stopped { .. } => return false,
        // Had its effect been in doubt, nothing would have been put back.
        Outcome::RolledBack { .. }
            if step_of(finished, at).is_some_and(|s| s.undo == Undo::Impossible) =>
        {
            return true;
        }
        Outcome::Completed
        | Outcome::Incomplete { .. }
        | Outcome::Halted { .. }
        | Outcome::RolledBack { .. } => {}
    }
    match &finished.progress {
        Some(progress) => !progress.started.contains(&at),
        None => why == INTERRUPTED,
    }
}

/// Whether a node could not be put back wholly.
fn not_put_back(finished: &Finished) -> bool {
    let Outcome::Halted { failed } = &finished.outcome else {
        return false;
    };
    failed.iter().any(|f| f.put_back == Some(false))
}

/// Whether something differs from before, or may differ, on a node other than this one.
pub fn elsewhere(finished: &Finished, node: &NodeName) -> bool {
    let Outcome::Halted { failed } = &finished.outcome else {
        return true;
    };
    kept(finished).any(|p| p.step.node != *node)
        || earlier(finished).any(|s| s.node != *node)
        || doubts(finished).iter().any(|s| s.node != *node)
        || failed
            .iter()
            .any(|f| f.node != *node && f.put_back != Some(true))
}

/// The step of the plan that stands there.
fn step_of(finished: &Finished, at: At) -> Option<&Step> {
    finished.plan.stages.get(at.stage)?.steps.get(at.step)
}

/// Whether a step was put back. `within`: it is one of that stage.
fn is_back(finished: &Finished, step: &Step, within: impl Fn(usize) -> bool) -> bool {
    let undone = match &finished.outcome {
        Outcome::RolledBack { at, .. } => within(at.stage),
        Outcome::Halted { failed } => failed
            .iter()
            .any(|f| f.put_back == Some(true) && f.node == step.node && within(f.at.stage)),
        Outcome::Completed | Outcome::Incomplete { .. } | Outcome::Stopped { .. } => false,
    };
    undone && goes_back(finished, step)
}

/// Whether putting a stage back puts this step back: it has an undo, it is the undo of another
/// step, or its host was looked at again.
fn goes_back(finished: &Finished, step: &Step) -> bool {
    let undoes = |other: &Step| {
        other.node == step.node && matches!(&other.undo, Undo::By(undo) if *undo == step.action)
    };
    matches!(step.undo, Undo::By(_))
        || finished.plan.steps().any(undoes)
        || matches!(step.action, Action::Host(_)) && finished.left.contains_key(&step.node)
}

/// Whether a step was put back, as the journal tells.
fn undone(finished: &Finished, step: &Step) -> bool {
    let Some(progress) = &finished.progress else {
        return false;
    };
    let places = places(&finished.plan).filter(|(_, other)| *other == step);
    let mut places = places.map(|(at, _)| at).peekable();
    places.peek().is_some()
        && places.all(|at| !progress.started.contains(&at) && !progress.done.contains(&at))
}

/// The steps of a plan with their places in its journal.
pub fn places(plan: &Plan) -> impl Iterator<Item = (At, &Step)> {
    plan.numbered()
        .map(|((stage, step), it)| (At { stage, step }, it))
}
