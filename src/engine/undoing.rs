//! Checks after another look whether a plan still undoes its operation.

use crate::engine::{Operation, Plan};
use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::output;
use crate::plan::reverse::{Past, Reverse, complete, reverse};
use crate::topology::Topology;

/// Checks after another look that a plan still undoes its operation, and completes the plan for
/// that.
///
/// # Errors
/// The plan no longer undoes it.
pub fn still(undoes: Option<&Past>, plan: &mut Plan, now: &Topology) -> Result<()> {
    let Some(past) = undoes else {
        return Ok(());
    };
    match reverse(past, now).map_err(output::plan::refused)? {
        Reverse::Do(operation) if same(&operation, &plan.operation) => {}
        Reverse::Do(_) | Reverse::Nothing(_) => return Err(moved_on()),
    }
    complete(past, plan, now);
    Ok(())
}

fn same(a: &Operation, b: &Operation) -> bool {
    a.verb() == b.verb() && a.node() == b.node()
}

fn moved_on() -> Error {
    Problem::new("the deployment has changed while the plan was made; nothing was touched")
        .hint("replctl status")
        .because(Reason::Undo)
        .exit(Exit::Refused)
}
