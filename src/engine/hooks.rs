//! The operator's hooks outside the plan: the hook after a failed run, the warning about a hook
//! that failed, and the second run of such a hook.

use super::operate::{self, Finished, RunOptions};
use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::engine::execute::Watch as _;
use crate::engine::journal::store::Record;
use crate::engine::journal::{At, Entry, Journal as _, NodeFailure, Outcome};
use crate::engine::{Mode, Plan, Stage};
use crate::error::{Exit, Problem, Reason, Result};
use crate::inventory::edit::Kind;
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
    let Some(stage) = wanted(&finished.plan, &finished.outcome) else {
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

/// The stage of the hook, if the change of the primary itself has failed: in an adoption, other
/// stages come before it and after it.
fn wanted<'a>(plan: &'a Plan, outcome: &Outcome) -> Option<&'a Stage> {
    let failed = match outcome {
        Outcome::RolledBack { at, .. } | Outcome::Stopped { at, .. } => at.stage,
        Outcome::Halted { failed } => failed.first()?.at.stage,
        Outcome::Completed | Outcome::Incomplete { .. } => return None,
    };
    let adopts = plan.stages.get(failed)?.steps.iter().any(|s| {
        matches!(&s.action, Action::Local(LocalAction::EditInventory(edit)) if edit.kind == Kind::Adopt)
    });
    let stage = plan.stages.iter().find(|s| s.mode == Mode::OnFailure);
    stage.filter(|_| !adopts)
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
pub async fn tell_again(world: &World, asked: &RunOptions, mut record: Record) -> Result<Exit> {
    let promoted = record.plan.steps().find(|step| step.action.promotes());
    let Some(promoted) = promoted.map(|step| step.node.clone()) else {
        return Ok(Exit::Done);
    };
    let now = world.observe_servers().await;
    if !now.all().get(&promoted).is_some_and(Node::is_primary) {
        return Err(Problem::new(format!(
            "`{promoted}` is not the primary any more: its hook has nothing to report"
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
    let again = record.plan.operation.properties().again();
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::simulation::adopt::model::World;
    use crate::simulation::adopt::operation;

    #[test]
    fn a_node_that_cannot_be_adopted_is_no_failed_promotion() {
        let world = World::new(&[None, Some(0)], 0b11, true);
        let mut plan = world.lock().plan(&operation(&[], false)).unwrap();
        plan.stages
            .push(Stage::new("only if it fails", Mode::OnFailure, Vec::new()));
        let titles: Vec<&str> = plan.stages.iter().map(|s| s.title.as_str()).collect();
        let runs = |title: &str| {
            let stage = titles.iter().position(|t| *t == title).unwrap();
            let outcome = Outcome::RolledBack {
                at: At { stage, step: 0 },
                why: String::new(),
            };
            wanted(&plan, &outcome).is_some()
        };
        assert!(runs("hand over from n0 to n1"));
        assert!(!runs("adopt n1") && !runs("adopt n0"));
        assert!(wanted(&plan, &Outcome::Completed).is_none());
    }
}
