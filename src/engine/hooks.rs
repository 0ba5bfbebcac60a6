//! The operator's hooks outside the plan: the hook after a failed run, the warning about a hook
//! that failed, and the second run of such a hook.

use super::operate::{self, Asked, Finished};
use crate::actions::Action;
use crate::engine::execute::Watch as _;
use crate::engine::journal::store::Record;
use crate::engine::journal::{At, Entry, Journal as _, NodeFailure, Outcome};
use crate::engine::{Mode, Operation, Properties};
use crate::error::{Exit, Problem, Reason, Result};
use crate::inventory::hooks::HookPoint;
use crate::output;
use crate::output::screen::Screen;
use crate::plan::hooks;
use crate::topology::Node;
use crate::world::World;
use std::time::Instant;

/// Runs `on_failure` if the run ended without reaching its goal. The hook does not change the
/// outcome.
pub async fn on_failure(world: &World, finished: &Finished, verbose: bool) {
    let failed = match finished.outcome {
        Outcome::RolledBack { .. } | Outcome::Halted { .. } | Outcome::Stopped { .. } => true,
        Outcome::Completed | Outcome::Incomplete { .. } => false,
    };
    let stage = finished
        .plan
        .stages
        .iter()
        .find(|s| s.mode == Mode::OnFailure);
    let Some(stage) = stage.filter(|_| failed) else {
        return;
    };
    // Another holder of the lock began after this operation ended. So the hook runs with or without
    // the lock.
    let _lock = world.store.lock(&operate::who()).ok();
    let screen = Screen::new(
        verbose,
        stage
            .steps
            .iter()
            .map(|s| s.node.0.chars().count())
            .max()
            .unwrap_or(0),
    );
    screen.stage(stage);
    for step in &stage.steps {
        let Action::Hook(hook) = &step.action else {
            continue;
        };
        screen.begun(step);
        let begun = Instant::now();
        match world.hooks.run(hook, Some(&finished.outcome)).await {
            Ok(seen) => screen.done(step, &seen, begun.elapsed().as_secs_f64() * 1e3),
            Err(failure) => screen.failed(step, &failure.why),
        }
    }
    screen.finish();
}

/// Warns of a hook that failed after the promotion. The promotion stays. Returns the exit code for
/// "something is left to do".
pub fn warned(finished: &Finished) -> Exit {
    let Outcome::Incomplete { failed } = &finished.outcome else {
        return Exit::Done;
    };
    let mut exit = Exit::Done;
    for failure in failed {
        let hooks = hooks::of(&finished.plan);
        let at = (failure.at.stage, failure.at.step);
        let Some((_, hook)) = hooks.into_iter().find(|(place, _)| *place == at) else {
            continue;
        };
        exit = Exit::Stopped;
        output::form::left(
            &Problem::new(format!(
                "the hook {} failed; `{}` is the primary all the same, and nothing was undone",
                hook.point, failure.node
            ))
            .cause(&failure.why)
            .hint(format!(
                "repair what it needs, and let it run again: replctl resume {}",
                finished.id
            )),
            exit,
        );
    }
    exit
}

/// Leaves out the hooks of an operation: those that have not run yet count as done.
pub fn leave_out(record: &mut Record) {
    let mut names: Vec<&str> = Vec::new();
    for ((stage, step), hook) in hooks::of(&record.plan) {
        if record.progress.done.insert(At { stage, step }) {
            names.push(hook.point.key());
        }
    }
    if !names.is_empty() {
        let names = names.join(", ");
        output::warning(&Problem::new(format!("the hooks are left out: {names}")));
    }
    record.plan.stages.retain(|s| s.mode != Mode::OnFailure);
}

/// Runs the failed hook of a promotion again, if all other steps are done.
pub async fn tell_again(world: &World, asked: &Asked, mut record: Record) -> Result<Exit> {
    let Operation::Promote(promote) = record.plan.operation.clone() else {
        return Ok(Exit::Done);
    };
    let now = world.observe_servers().await;
    if !now.all().get(&promote.node).is_some_and(Node::is_primary) {
        return Err(Problem::new(format!(
            "`{}` is not the primary any more: its hook has nothing to report",
            promote.node
        ))
        .hint("replctl status")
        .because(Reason::Role)
        .exit(Exit::Refused));
    }
    let others = match record.outcome.take() {
        Some(Outcome::Incomplete { failed }) => failed,
        Some(_) | None => Vec::new(),
    };
    let told: Vec<At> = hooks::of(&record.plan)
        .filter(|(_, hook)| hook.point == HookPoint::AfterPromote)
        .map(|((stage, step), _)| At { stage, step })
        .collect();
    let others: Vec<NodeFailure> = others
        .into_iter()
        .filter(|f| !told.contains(&f.at))
        .collect();
    for (stage, s) in record.plan.stages.iter().enumerate() {
        let steps = (0..s.steps.len()).map(|step| At { stage, step });
        let done = steps.filter(|at| !told.contains(at));
        record.progress.done.extend(done);
    }
    let id = record.id.clone();
    let again = promote.again();
    let mut finished = operate::take_up(world, asked, record, false).await?;
    if finished.outcome == Outcome::Completed {
        let text = format!("The hook after_promote of {id} has run.");
        operate::print(&finished, Some(&text));
        if !others.is_empty() {
            // The second run repairs only the hook: the other failures stay.
            let outcome = Outcome::Incomplete { failed: others };
            let entry = Entry::Ended {
                outcome: outcome.clone(),
            };
            let _ = world.store.append(&id)?.record(&entry, true);
            finished.outcome = outcome;
        }
    }
    let exit = warned(&finished);
    operate::verdict(&finished, &again).map_or(Ok(exit), Err)
}
