//! The whole run of an operation that reports nothing between its plan and its end: plan, show,
//! ask, do, report, and the exit code.

use super::Operation;
use super::Plan;
use super::operate::{self, Done, Finished, RunOptions};
use crate::error::{Exit, Result};
use crate::output::ended::nothing;
use crate::world::World;

/// Carries out `operation` as `planner` plans it. `idle`: the message if there is nothing to do;
/// `report` prints what was done.
///
/// # Errors
/// It is refused, or does not reach its goal.
pub async fn run_through(
    world: &World,
    asked: RunOptions,
    operation: &Operation,
    planner: impl AsyncFn() -> Result<Plan>,
    (idle, report): (&str, impl FnOnce(&Finished)),
) -> Result<Exit> {
    let finished = match operate::carry_out(world, &asked, operation, planner).await? {
        Done::Nothing { warnings } => {
            nothing(Some(operation), idle, &warnings);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    report(&finished);
    operate::verdict(&finished, &operation.properties().again()).map_or(Ok(Exit::Done), Err)
}
