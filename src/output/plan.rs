//! A plan as people read it, and as `--json` prints it.

use super::escape;
use crate::engine::warning::sentences;
use crate::engine::{Loss, Plan, Refusal};
use std::fmt::Write as _;

/// The plan: stages, and under each its steps.
pub fn text(plan: &Plan) -> String {
    let mut out = String::new();
    let width = plan
        .steps()
        .map(|s| s.node.0.chars().count())
        .max()
        .unwrap_or(0);
    for (n, stage) in plan.stages.iter().enumerate() {
        let _ = writeln!(out, "{}. {}", n + 1, stage.title);
        for step in &stage.steps {
            let _ = writeln!(
                out,
                "     {:width$}  {}",
                escape(&step.node.0),
                escape(&step.action.to_string())
            );
        }
    }
    for warning in warnings(plan) {
        let _ = writeln!(out, "warning: {}", escape(&warning));
    }
    if let Some(loss) = &plan.may_lose {
        let verb = match plan.operation.answers().loss {
            Loss::Certain => "discarded",
            Loss::Possible => "may be lost",
        };
        let _ = writeln!(out, "{verb}: {}", escape(loss));
    }
    out.truncate(out.trim_end().len());
    out
}

/// The warnings of a plan; one for several nodes appears once.
pub fn warnings(plan: &Plan) -> Vec<String> {
    sentences(&plan.warnings)
}

/// The refusals as one error.
pub fn refused(refusals: Vec<Refusal>) -> crate::error::Error {
    let problems = refusals
        .into_iter()
        .map(|r| {
            crate::error::Problem::new(r.why)
                .hint(r.hint)
                .because(r.ground.reason())
        })
        .collect();
    crate::error::Error {
        problems,
        exit: crate::error::Exit::Refused,
    }
}
