//! What an outcome means for whoever ran the command: the error it is, if it is one, and what stays changed.

use super::{Finished, Left};
use crate::error::{Error, Exit, Problem};
use crate::inventory::hooks::HookPoint;
use crate::journal::snapshot::NodeThen;
use crate::journal::store::FileJournal;
use crate::journal::{At, INTERRUPTED, NodeFailure, Outcome, Progress};
use crate::output;
use crate::output::form::Changed;
use crate::output::screen::Passed;
use crate::plan::hooks::{self, Hook};
use crate::plan::sentinel::SentinelAction;
use crate::plan::{Action, Plan, Step, roles};
use crate::topology::NodeName;
use std::fmt::Write as _;

/// Says so where how a run ended could not be written into its journal: what that tells is then not what was.
pub fn told_nowhere(journal: &FileJournal, id: &str, outcome: Result<&Outcome, &String>) {
    let Some(why) = journal.no_end() else {
        return;
    };
    let next = match outcome {
        Ok(Outcome::Stopped { .. } | Outcome::Halted { .. }) => "replctl resume",
        Ok(Outcome::Completed | Outcome::Incomplete { .. } | Outcome::RolledBack { .. })
        | Err(_) => "replctl abandon",
    };
    output::warning(
        &Problem::new(format!(
            "how `{id}` ended could not be written into its journal: for status and resume it is unfinished"
        ))
        .cause(why)
        .hint(format!("make the journal writable again, and: {next} {id}")),
    );
}

/// The error that an outcome is, if it is one. `again`: the command that goes on from an incomplete run.
pub fn verdict(finished: &Finished, again: &str) -> Option<Error> {
    let hint_resume = format!("replctl resume {}", finished.id);
    let changed = changed(finished);
    let error = match &finished.outcome {
        Outcome::Completed => return None,
        Outcome::RolledBack { why, .. } if finished.interrupted => {
            let why = why.lines().next().unwrap_or_default();
            Problem::new(format!("{why}; {changed}")).exit(Exit::Interrupted)
        }
        Outcome::RolledBack { at, why } if hook(finished, *at).is_some() => {
            forbidden(finished, why, again)
        }
        Outcome::RolledBack { why, .. } => Problem::new(format!("it failed; {changed}"))
            .cause(output::escape(why))
            .hint("replctl status")
            .exit(if stays(finished) {
                Exit::Stopped
            } else {
                Exit::Failed
            }),
        Outcome::Incomplete { failed } => {
            // A hook that failed is warned of.
            let failed = failed.iter().filter(|f| hook(finished, f.at).is_none());
            let problems: Vec<Problem> = failed.map(|f| incomplete(finished, f, again)).collect();
            if problems.is_empty() {
                return None;
            }
            let exit = Exit::Stopped;
            Error { problems, exit }
        }
        Outcome::Halted { failed } => Error {
            problems: failed.iter().map(|f| halted(finished, f, again)).collect(),
            exit: match (stays(finished), finished.interrupted) {
                (true, _) => Exit::Stopped,
                (false, true) => Exit::Interrupted,
                (false, false) => Exit::Failed,
            },
        },
        Outcome::Stopped { why, .. } => {
            let problem = Problem::new(format!("it stopped half-way; {changed}"));
            let problem = problem.cause(output::escape(why));
            match made_by_another(finished) {
                None if at_sentinels(finished) => problem
                    .hint(format!(
                        "{hint_resume}; or, where that Sentinel is gone for good: replctl abandon {}",
                        finished.id
                    ))
                    .exit(Exit::Stopped),
                None => problem.hint(hint_resume).exit(Exit::Stopped),
                Some((other, who)) => by_another(problem, other, who, &finished.id),
            }
        }
    };
    Some(error)
}

/// A node that the plan took for a replica, and that is a primary now. With what is known of who made it one.
fn made_by_another(finished: &Finished) -> Option<(&NodeName, &'static str)> {
    let replicas = roles::replicas(&finished.plan);
    let unsent = finished
        .progress
        .as_ref()
        .map(|p| unsent(&finished.plan, p));
    let unsent = unsent.unwrap_or_default();
    let nodes = &finished.after.as_ref()?.nodes;
    nodes.iter().find_map(|node: &NodeThen| {
        let who = if replicas.contains(&node.name) {
            ": somebody else has made it one"
        } else if unsent.contains(&&node.name) {
            // A machine that lost its power may have lost the line, too.
            ", and the journal of this operation does not say that it made it one"
        } else {
            return None;
        };
        let server = node.server.as_ref();
        server
            .is_some_and(|s| s.upstream.is_none())
            .then_some((&node.name, who))
    })
}

/// Whether what may stay is how often Sentinels look.
fn at_sentinels(finished: &Finished) -> bool {
    let Some(progress) = &finished.progress else {
        return false;
    };
    places(&finished.plan).any(|(at, step)| {
        let sets = matches!(
            step.action,
            Action::Sentinel(SentinelAction::SetInfoPeriod { .. })
        );
        sets && progress.started.contains(&at)
    })
}

/// The nodes that the plan makes primaries and has not, because their step was not sent, or surely did nothing.
fn unsent<'a>(plan: &'a Plan, progress: &Progress) -> Vec<&'a NodeName> {
    places(plan)
        .filter(|(_, step)| step.action.promotes())
        .filter(|(at, _)| !progress.started.contains(at) && !progress.done.contains(at))
        .map(|(_, step)| &step.node)
        .collect()
}

/// Neither going on nor putting back can end it: a person decides whose data are kept.
fn by_another(problem: Problem, other: &NodeName, who: &str, id: &str) -> Error {
    let other = output::escape(&other.0);
    problem
        .cause(format!(
            "`{other}` is a primary now{who}"
        ))
        .hint(format!(
            "leave it as it is, compare the nodes and choose: replctl abandon {id} --yes && replctl repair --dry-run"
        ))
        .exit(Exit::Stopped)
}

/// The hook that is that step.
fn hook(finished: &Finished, at: At) -> Option<&Hook> {
    let place = (at.stage, at.step);
    hooks::of(&finished.plan).find_map(|(p, hook)| (p == place).then_some(hook))
}

/// `before_promote` did not agree.
fn forbidden(finished: &Finished, why: &str, again: &str) -> Error {
    // The stage has put the node before it.
    let why = why.split_once("`: ").map_or(why, |(_, why)| why);
    let hint = format!(
        "what it said is in the journal of {}; without the hooks: {again} --no-hooks",
        finished.id
    );
    let (changed, exit) = if finished.put_back_before {
        (
            "what an earlier attempt had changed was put back",
            Exit::Failed,
        )
    } else {
        ("nothing was changed", Exit::Refused)
    };
    Problem::new(format!("the hook before_promote forbids it; {changed}"))
        .cause(why)
        .hint(hint)
        .exit(exit)
}

fn incomplete(finished: &Finished, failure: &NodeFailure, again: &str) -> Problem {
    let stage = finished.plan.stages.get(failure.at.stage);
    let step = stage.and_then(|s| s.steps.get(failure.at.step));
    if step.is_some_and(|s| s.action == Action::KickClients) {
        return Problem::new(format!(
            "the clients of `{}` could not be disconnected; all else is done",
            failure.node
        ))
        .cause(output::escape(&failure.why))
        .hint("on that server: CLIENT KILL TYPE normal, then CLIENT KILL TYPE pubsub");
    }
    Problem::new(format!(
        "`{}` needs more work; the other nodes are done",
        failure.node
    ))
    .cause(output::escape(&failure.why))
    .hint(again)
}

fn halted(finished: &Finished, failure: &NodeFailure, again: &str) -> Problem {
    let left = finished.left.get(&failure.node);
    let state = match (failure.put_back, left) {
        (Some(true), Some(Left::Nothing)) => "was put back as it was".to_owned(),
        (Some(true), Some(Left::These(what))) => {
            format!("was put back, but for {}", output::escape(&what.join(", ")))
        }
        (Some(true), Some(Left::Unseen(why))) => format!(
            "was put back, which could not be looked at again ({})",
            output::escape(why.as_str())
        ),
        (Some(true), None) => "was put back".to_owned(),
        (Some(false), _) => "could NOT be put back wholly".to_owned(),
        (None, _) => "stays as it is".to_owned(),
    };
    let others = if kept(finished).next().is_some() {
        "the other nodes stay as they are now"
    } else {
        "nothing was changed on the other nodes"
    };
    Problem::new(format!("`{}` failed and {state}; {others}", failure.node))
        .cause(output::escape(&failure.why))
        .hint(again)
}

/// Whether a step that changes something was begun in the stage that was put back. Each undoing has seen its effect.
fn began_to_change(finished: &Finished) -> bool {
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
    // What an earlier run had done is put back by the one that takes it up.
    let earlier = |at: &At| step_of(finished, *at).is_some_and(|s| s.action.changes_something());
    begun
        || finished.put_back_before
        || finished.before.iter().any(earlier)
        || finished
            .passed
            .iter()
            .any(|p| p.step.action.changes_something())
}

/// Whether something is otherwise than before, or may be.
fn stays(finished: &Finished) -> bool {
    let failed = match &finished.outcome {
        Outcome::Halted { failed } => failed.as_slice(),
        Outcome::Completed
        | Outcome::Incomplete { .. }
        | Outcome::RolledBack { .. }
        | Outcome::Stopped { .. } => &[],
    };
    let left = |of: &Left| !matches!(of, Left::Nothing);
    let earlier = |at: &At| {
        step_of(finished, *at).is_some_and(|step| {
            step.action.changes_something() && !is_back(finished, step, |stage| stage == at.stage)
        })
    };
    kept(finished).next().is_some()
        || failed.iter().any(|f| f.put_back != Some(true))
        || finished.left.values().any(left)
        || finished.before.iter().any(earlier)
}

/// Whether a run has changed something, as far as that is known.
pub fn change(finished: &Finished) -> Changed {
    let in_doubt = match &finished.outcome {
        // Its step was sent, or may have been, and what became of it was not heard.
        Outcome::Stopped { at, .. } => {
            step_of(finished, *at).is_some_and(|step| step.action.changes_something())
        }
        Outcome::Halted { failed } => failed.iter().any(|f| f.put_back == Some(false)),
        Outcome::Completed | Outcome::Incomplete { .. } | Outcome::RolledBack { .. } => false,
    };
    let earlier = |at: &At| {
        step_of(finished, *at).is_some_and(|step| {
            step.action.changes_something() && !is_back(finished, step, |stage| stage == at.stage)
        })
    };
    let found = |wanted: fn(&Left) -> bool| finished.left.values().any(wanted);
    if kept(finished).next().is_some()
        || finished.before.iter().any(earlier)
        || found(|left| matches!(left, Left::These(_)))
    {
        Changed::Yes
    } else if in_doubt || found(|left| matches!(left, Left::Unseen(_))) {
        Changed::Unknown
    } else {
        Changed::No
    }
}

/// The step of the plan that stands there.
fn step_of(finished: &Finished, at: At) -> Option<&Step> {
    finished.plan.stages.get(at.stage)?.steps.get(at.step)
}

/// Whether a step was put back. `within`: it is one of that stage.
fn is_back(finished: &Finished, step: &Step, within: impl Fn(usize) -> bool) -> bool {
    match &finished.outcome {
        Outcome::RolledBack { at, .. } => within(at.stage),
        Outcome::Halted { failed } => failed
            .iter()
            .any(|f| f.put_back == Some(true) && f.node == step.node && within(f.at.stage)),
        Outcome::Completed | Outcome::Incomplete { .. } | Outcome::Stopped { .. } => false,
    }
}

/// Whether a step was put back in a run that stopped nevertheless, as its journal tells.
fn undone(finished: &Finished, step: &Step) -> bool {
    let (Outcome::Stopped { .. }, Some(progress)) = (&finished.outcome, &finished.progress) else {
        return false;
    };
    let mut places = places(&finished.plan).filter(|(_, other)| *other == step);
    places.all(|(at, _)| !progress.started.contains(&at) && !progress.done.contains(&at))
}

/// The steps of a plan with their places in its journal.
fn places(plan: &Plan) -> impl Iterator<Item = (At, &Step)> {
    plan.numbered()
        .map(|((stage, step), it)| (At { stage, step }, it))
}

/// What this run changed and nothing has put back.
fn kept(finished: &Finished) -> impl Iterator<Item = &Passed> {
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

/// What was changed and stays changed, in one phrase.
fn changed(finished: &Finished) -> String {
    let mut text = String::new();
    for passed in kept(finished) {
        let _ = write!(
            text,
            "{}`{}`: {}",
            if text.is_empty() { "" } else { "; " },
            passed.step.node,
            passed.step.action
        );
    }
    let text = if text.is_empty() && matches!(finished.outcome, Outcome::Stopped { .. }) {
        "what was done before, and was not put back, stays".to_owned()
    } else if text.is_empty() {
        if began_to_change(finished) {
            "all was put back".to_owned()
        } else {
            "nothing was changed".to_owned()
        }
    } else {
        format!("what stays changed: {text}")
    };
    let agreed = |a: &Action| matches!(a, Action::Hook(h) if h.point == HookPoint::BeforePromote);
    if finished.passed.iter().any(|p| agreed(&p.step.action)) {
        text + "; the hook before_promote had run"
    } else {
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
