//! The document of a command that has none of its own: an ended run, a command with nothing to do,
//! or a plan that was only to be shown.

use super::{escape, plan as plan_text};
use crate::engine::journal::{Outcome, Resync};
use crate::engine::run_facts::Passed;
use crate::engine::{Operation, Plan};
use crate::topology::NodeName;
use serde::Serialize;

/// There was nothing to do.
#[derive(Debug, Serialize)]
pub struct Idle<'a> {
    /// The words after `replctl`.
    operation: Option<String>,
    nothing_to_do: bool,
    /// The reason, as text for people.
    message: &'a str,
    warnings: &'a [String],
}

impl<'a> Idle<'a> {
    /// `operation`: none if the meant operation is unknown.
    pub fn of(operation: Option<&Operation>, message: &'a str, warnings: &'a [String]) -> Self {
        Self {
            operation: operation.map(Operation::line),
            nothing_to_do: true,
            message,
            warnings,
        }
    }
}

/// A plan that was only to be shown.
#[derive(Debug, Serialize)]
pub struct Shown<'a> {
    operation: String,
    dry_run: bool,
    plan: Planned<'a>,
}

#[derive(Debug, Serialize)]
struct Planned<'a> {
    stages: Vec<Titled<'a>>,
    warnings: Vec<String>,
    may_lose: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Titled<'a> {
    title: &'a str,
    steps: Vec<Step<'a>>,
}

#[derive(Debug, Serialize)]
struct Step<'a> {
    node: &'a NodeName,
    /// What is done, in words.
    action: String,
}

impl<'a> Shown<'a> {
    /// Of a plan.
    pub fn of(plan: &'a Plan) -> Self {
        let stages = plan.stages.iter().map(|stage| Titled {
            title: &stage.title,
            steps: stage
                .steps
                .iter()
                .map(|step| Step {
                    node: &step.node,
                    action: step.action.to_string(),
                })
                .collect(),
        });
        Self {
            operation: plan.operation.line(),
            dry_run: true,
            plan: Planned {
                stages: stages.collect(),
                warnings: plan_text::warnings(plan),
                may_lose: plan.may_lose.as_deref(),
            },
        }
    }
}

/// A run that has ended.
#[derive(Debug, Serialize)]
pub struct Ended<'a> {
    /// Its id in the journal.
    pub id: &'a str,
    /// The words after `replctl`.
    pub operation: String,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// The text for people; null if its goal was not reached.
    pub message: Option<&'a str>,
    /// The warnings before it began.
    pub warnings: Vec<String>,
    /// What may have been lost.
    pub may_lose: Option<&'a str>,
    /// The steps that this run saw done.
    pub steps: Vec<Did<'a>>,
}

/// A step, and what it observed.
#[derive(Debug, Serialize)]
pub struct Did<'a> {
    node: &'a NodeName,
    action: String,
    /// What it observed, in words; may be empty.
    seen: &'a str,
    offset: Option<u64>,
    resync: Option<Resync>,
}

impl<'a> Ended<'a> {
    /// Of a run.
    pub fn of(
        (id, plan): (&'a str, &'a Plan),
        outcome: &'a Outcome,
        passed: &'a [Passed],
        message: Option<&'a str>,
    ) -> Self {
        let did = passed.iter().map(|passed| Did {
            node: &passed.step.node,
            action: passed.step.action.to_string(),
            seen: &passed.seen.text,
            offset: passed.seen.offset,
            resync: passed.seen.resync,
        });
        Self {
            id,
            operation: plan.operation.line(),
            outcome,
            message,
            warnings: plan_text::warnings(plan),
            may_lose: plan.may_lose.as_deref(),
            steps: did.collect(),
        }
    }
}

/// Prints that there was nothing to do.
pub fn nothing(operation: Option<&Operation>, message: &str, warnings: &[String]) {
    super::print(&Idle::of(operation, message, warnings), || escape(message));
}
