//! Whether a plan that undoes an operation still does, after another look.

use crate::engine::{Operation, Plan};
use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::output;
use crate::plan::reverse::{Past, Reverse, complete, reverse};
use crate::topology::Topology;

/// Whether a plan that was made to undo an operation still does, now that was looked again; with
/// what is to be said of that.
///
/// # Errors
/// It does not any more.
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
