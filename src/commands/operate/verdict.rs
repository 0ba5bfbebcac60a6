//! What an outcome means for whoever ran the command: the error it is, if it is one, and what stays changed.

use super::Finished;
use crate::error::{Error, Exit, Problem};
use crate::journal::{NodeFailure, Outcome};
use crate::output;
use std::fmt::Write as _;

/// The error that an outcome is, if it is one. `again`: the command that goes on from an incomplete run.
pub fn verdict(finished: &Finished, again: &str) -> Option<Error> {
    let hint_resume = format!("replctl resume {}", finished.id);
    let changed = changed(finished);
    let error = match &finished.outcome {
        Outcome::Completed => return None,
        Outcome::RolledBack { why, .. } if finished.interrupted => {
            Problem::new(format!("{why}; {changed}")).exit(Exit::Interrupted)
        }
        Outcome::RolledBack { why, .. } => Problem::new(format!("it failed; {changed}"))
            .cause(output::escape(why))
            .hint("replctl status")
            .exit(Exit::Failed),
        Outcome::Incomplete { failed } => Error {
            problems: failed.iter().map(|f| incomplete(f, again)).collect(),
            exit: Exit::Stopped,
        },
        Outcome::Halted { failed } => Error {
            problems: failed.iter().map(|f| halted(f, again)).collect(),
            exit: Exit::Stopped,
        },
        Outcome::Stopped { why, .. } => Problem::new(format!("it stopped half-way; {changed}"))
            .cause(output::escape(why))
            .hint(hint_resume)
            .exit(Exit::Stopped),
    };
    Some(error)
}

fn incomplete(failure: &NodeFailure, again: &str) -> Problem {
    Problem::new(format!(
        "`{}` needs more work; the other nodes are done",
        failure.node
    ))
    .cause(output::escape(&failure.why))
    .hint(again)
}

fn halted(failure: &NodeFailure, again: &str) -> Problem {
    let state = match failure.put_back {
        Some(true) => "was put back as it was",
        Some(false) => "could NOT be put back wholly",
        None => "stays as it is",
    };
    Problem::new(format!(
        "`{}` failed and {state}; the other nodes stay as they are now",
        failure.node
    ))
    .cause(output::escape(&failure.why))
    .hint(again)
}

/// What was changed and stays changed, in one phrase.
fn changed(finished: &Finished) -> String {
    let mut text = String::new();
    let undone = match &finished.outcome {
        Outcome::RolledBack { at, .. } => Some(at.stage),
        Outcome::Completed
        | Outcome::Incomplete { .. }
        | Outcome::Halted { .. }
        | Outcome::Stopped { .. } => None,
    };
    let kept = finished.passed.iter().filter(|p| {
        let put_back = undone
            .and_then(|s| finished.plan.stages.get(s))
            .is_some_and(|s| s.steps.contains(&p.step));
        p.step.action.changes_something() && !put_back
    });
    for passed in kept {
        let _ = write!(
            text,
            "{}`{}`: {}",
            if text.is_empty() { "" } else { "; " },
            passed.step.node,
            passed.step.action
        );
    }
    if text.is_empty() {
        "nothing was changed, or all was put back".to_owned()
    } else {
        format!("what stays changed: {text}")
    }
}
