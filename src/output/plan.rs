//! A plan as people read it, and as `--json` prints it.

use super::escape;
use crate::actions::named::texts;
use crate::engine::{Operation, Plan, Refusal};
use std::collections::HashMap;
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
        let verb = if matches!(plan.operation, Operation::Rejoin(_) | Operation::Repair(_)) {
            "discarded"
        } else {
            "may be lost"
        };
        let _ = writeln!(out, "{verb}: {}", escape(loss));
    }
    out.truncate(out.trim_end().len());
    out
}

/// The warnings of a plan, those that differ in the name they are about only as one.
pub fn warnings(plan: &Plan) -> Vec<String> {
    let mut said: Vec<(String, Vec<String>)> = Vec::new();
    let mut forms: HashMap<String, usize> = HashMap::new();
    for warning in &plan.warnings {
        let about = warning.split('`').nth(1).map(|name| format!("`{name}`"));
        let form = about.as_ref().map(|quoted| warning.replace(quoted, "\0"));
        if let Some(known) = form.as_ref().and_then(|form| forms.get(form)) {
            said[*known].1.extend(about);
        } else {
            forms.extend(form.map(|form| (form, said.len())));
            said.push((warning.clone(), Vec::new()));
        }
    }
    said.into_iter()
        .map(|(first, others)| {
            if others.is_empty() {
                first
            } else {
                let others = texts(others.iter().map(String::as_str));
                format!("{first}; the same holds for {others}")
            }
        })
        .collect()
}

/// The refusals as one error.
pub fn refused(refusals: Vec<Refusal>) -> crate::error::Error {
    let problems = refusals
        .into_iter()
        .map(|r| crate::error::Problem::new(r.why).hint(r.hint))
        .collect();
    crate::error::Error {
        problems,
        exit: crate::error::Exit::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::warnings;
    use crate::engine::{Operation, Plan, Setup};

    #[test]
    fn what_holds_for_many_nodes_is_said_once() {
        let plan = Plan {
            operation: Operation::Setup(Setup {
                nodes: Vec::new(),
                discard_data: Vec::new(),
            }),
            stages: Vec::new(),
            warnings: [
                "`a` is slow",
                "`b` is slow",
                "`b` is old",
                "beware",
                "`c` is slow",
                "beware",
            ]
            .map(str::to_owned)
            .to_vec(),
            may_lose: None,
        };
        assert_eq!(
            warnings(&plan),
            [
                "`a` is slow; the same holds for `b`, `c`",
                "`b` is old",
                "beware",
                "beware"
            ]
        );
    }
}
