//! What an outcome means for the operator: the error, if there is one, and what stays changed.

mod change;

pub use change::change;

use super::{Finished, Left};
use crate::actions::Action;
use crate::actions::hook::Hook;
use crate::actions::sentinel::SentinelAction;
use crate::actions::server::ServerAction;
use crate::engine::journal::snapshot::NodeThen;
use crate::engine::journal::store::FileJournal;
use crate::engine::journal::{At, NodeFailure, Outcome, Progress, unnamed};
use crate::engine::{Operation, Plan, Step};
use crate::error::{Error, Exit, Problem, Reason};
use crate::inventory::hooks::HookPoint;
use crate::output;
use crate::plan::{hooks, roles};
use crate::topology::NodeName;
use change::{began_to_change, doubts, elsewhere, kept, places, stays, stays_of_earlier};
use std::fmt::Write as _;

/// Reports that the end of a run could not be written into its journal. The journal then tells
/// another end than the real one.
pub fn unprinted(journal: &FileJournal, id: &str, outcome: Result<&Outcome, &String>) {
    let Some(why) = journal.no_end() else {
        return;
    };
    let next = match outcome {
        Ok(Outcome::Stopped { .. } | Outcome::Halted { .. }) => "replctl resume",
        Ok(Outcome::Completed | Outcome::Incomplete { .. } | Outcome::RolledBack { .. })
        | Err(_) => "replctl abandon",
    };
    output::not_to_be_missed(
        &Problem::new(format!(
            "the end of `{id}` could not be written into its journal: for status and resume, it is unfinished"
        ))
        .cause(why)
        .hint(format!("make the journal writable again, and: {next} {id}")),
    );
}

/// The error for an outcome, if it is one. `again`: the command that continues an incomplete run.
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
            forbidden(finished, (*at, why), again)
        }
        Outcome::RolledBack { why, .. } => Problem::new(format!("it failed; {changed}"))
            .cause(output::escape(why))
            .hint("replctl status")
            .because(put_back(finished))
            .exit(if stays(finished) {
                Exit::Stopped
            } else {
                Exit::Failed
            }),
        Outcome::Incomplete { failed } => {
            // For a hook that failed, there is a warning.
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
        }
        .because(put_back(finished)),
        Outcome::Stopped { why, .. } => {
            let problem = Problem::new(format!("it stopped half-way; {changed}"));
            let problem = problem.cause(output::escape(why));
            match made_by_another(finished) {
                None if at_sentinels(finished) => problem
                    .hint(format!(
                        "{hint_resume}; or, where that Sentinel never comes back: replctl abandon {}",
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

/// The word for programs for a failure that leaves no change.
fn put_back(finished: &Finished) -> Reason {
    if stays(finished) {
        Reason::FailedHalfWay
    } else if finished.interrupted {
        Reason::Interrupted
    } else if began_to_change(finished) || finished.put_back_before {
        Reason::FailedPutBack
    } else {
        Reason::Failed
    }
}

/// A node that is a replica in the plan, and a primary now. With what is known of who promoted it.
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
            // A power failure of the machine may have lost the line, too.
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

/// Whether the Sentinels' period may stay changed.
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

/// The nodes that the plan promotes and this run did not promote: their step was not sent, or
/// surely did nothing.
fn unsent<'a>(plan: &'a Plan, progress: &Progress) -> Vec<&'a NodeName> {
    places(plan)
        .filter(|(_, step)| step.action.promotes())
        .filter(|(at, _)| !progress.started.contains(at) && !progress.done.contains(at))
        .map(|(_, step)| &step.node)
        .collect()
}

/// Neither resume nor rollback can end it: a person decides whose data are kept.
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
fn forbidden(finished: &Finished, (at, why): (At, &str), again: &str) -> Error {
    // The stage has put the node's name before the reason.
    let stage = finished.plan.stages.get(at.stage);
    let step = stage.and_then(|s| s.steps.get(at.step));
    let why = step.map_or(why, |step| unnamed(&step.node, why));
    let output = format!("its output is in the journal of {}", finished.id);
    let hint = if matches!(finished.plan.operation, Operation::Promote(_)) {
        format!("{output}; without the hooks: {again} --no-hooks")
    } else {
        format!("{output}; when it agrees: {again}")
    };
    let (changed, exit) = if finished.put_back_before {
        (
            "what an earlier attempt had changed was put back",
            Exit::Failed,
        )
    } else if at.stage > 0 {
        ("the stages before it are done and stay", Exit::Stopped)
    } else {
        ("nothing was changed", Exit::Refused)
    };
    Problem::new(format!("the hook before_promote forbids it; {changed}"))
        .because(Reason::Hook)
        .cause(why)
        .hint(hint)
        .exit(exit)
}

fn incomplete(finished: &Finished, failure: &NodeFailure, again: &str) -> Problem {
    let stage = finished.plan.stages.get(failure.at.stage);
    let step = stage.and_then(|s| s.steps.get(failure.at.step));
    if step.is_some_and(|s| s.action == Action::Server(ServerAction::KickClients)) {
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
    let state = match failure.put_back {
        Some(true) => back(finished, &failure.node),
        Some(false) => "could NOT be put back wholly".to_owned(),
        None => "stays as it is".to_owned(),
    };
    let others = if elsewhere(finished, &failure.node) {
        "the other nodes stay as they are now"
    } else {
        "nothing was changed on the other nodes"
    };
    Problem::new(format!("`{}` failed and {state}; {others}", failure.node))
        .cause(output::escape(&failure.why))
        .hint(again)
}

/// The state of a node that was put back: a step without an undo stays, and a host may not be as it
/// was.
fn back(finished: &Finished, node: &NodeName) -> String {
    let mine = kept(finished).filter(|p| p.step.node == *node);
    let mut but: Vec<String> = mine.map(|p| p.step.action.to_string()).collect();
    let doubts = doubts(finished).into_iter().filter(|s| s.node == *node);
    but.extend(doubts.map(|s| format!("{} (not known whether it was done)", s.action)));
    let left = finished.left.get(node);
    if let Some(Left::These(what)) = left {
        but.extend(what.iter().map(|what| output::escape(what)));
    }
    let mut state = match (but.is_empty(), left) {
        (true, Some(Left::Nothing)) => "was put back as it was".to_owned(),
        (true, _) => "was put back".to_owned(),
        (false, _) => format!("was put back, but for {}", but.join(", ")),
    };
    if let Some(Left::Unseen(why)) = left {
        let why = output::escape(why.as_str());
        let _ = write!(state, ", which could not be looked at again ({why})");
    }
    state
}

/// What was changed and stays changed, in one phrase.
fn changed(finished: &Finished) -> String {
    let told = |step: &Step| format!("`{}`: {}", step.node, step.action);
    let stay: Vec<String> = kept(finished).map(|p| told(&p.step)).collect();
    let stopped = matches!(finished.outcome, Outcome::Stopped { .. });
    let doubts = if stopped {
        Vec::new()
    } else {
        doubts(finished)
    };
    let mut text = Vec::new();
    if !stay.is_empty() {
        text.push(format!("what stays changed: {}", stay.join("; ")));
    }
    if !doubts.is_empty() {
        let doubts: Vec<String> = doubts.into_iter().map(told).collect();
        text.push(format!(
            "not known whether it was done: {}",
            doubts.join("; ")
        ));
    }
    let text = if !text.is_empty() {
        text.join("; ")
    } else if stopped {
        "what was done before, and was not put back, stays".to_owned()
    } else if stays_of_earlier(finished) {
        "what an earlier run had done stays".to_owned()
    } else if began_to_change(finished) {
        "all was put back".to_owned()
    } else {
        "nothing was changed".to_owned()
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
