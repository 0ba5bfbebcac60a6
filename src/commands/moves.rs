//! `move`: another upstream for a replica, seen to be in sync.

use super::operate::{self, Asked, Done, Finished};
use super::permitted::permitted;
use crate::cli;
use crate::error::{Exit, Problem, Result};
use crate::journal::{Outcome, Resync};
use crate::output;
use crate::plan::{self, Action, Move, Plan};
use crate::world::World;
use std::fmt::Write as _;

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &cli::Move) -> Result<Exit> {
    if let Some(other) = args.discard_data.as_ref().filter(|d| **d != args.node) {
        return Err(Problem::new(format!(
            "--discard-data names `{other}`, and the node that is moved is `{}`",
            args.node
        ))
        .hint(format!("--discard-data {}", args.node))
        .exit(Exit::Usage));
    }
    let operation = Move {
        node: args.node.as_str().into(),
        under: args.under.as_str().into(),
        discard_data: args.discard_data.is_some(),
    };
    super::setup::known(world, [&operation.node, &operation.under].into_iter())?;
    operate::no_unfinished_promotion(world)?;
    let asked = Asked::new(global, args.yes, args.dry_run);
    let planner = async || make_plan(world, &operation).await;
    let finished = match operate::carry_out(world, &asked, planner).await? {
        Done::Nothing { .. } => {
            output::result(&format!(
                "Nothing to do: {} replicates from {}.",
                operation.node, operation.under
            ));
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    report(world, &operation, &finished);
    operate::verdict(&finished, &format!("replctl {}", operation.line()))
        .map_or(Ok(Exit::Done), Err)
}

async fn make_plan(world: &World, operation: &Move) -> Result<Plan> {
    let topology = world.observe().await;
    if world.alone(&topology).contains(&operation.under) {
        let refusal = plan::detach::stands_alone(&operation.under);
        return Err(output::plan::refused(vec![refusal]));
    }
    let plan = plan::moves::plan(operation, &topology).map_err(output::plan::refused)?;
    permitted(world, plan).await
}

/// Prints where the node is now and how it got there, as its steps have seen it.
pub fn report(world: &World, operation: &Move, finished: &Finished) {
    if !matches!(
        finished.outcome,
        Outcome::Completed | Outcome::Incomplete { .. }
    ) {
        return;
    }
    let address = world.inventory.get(&operation.under);
    let address = address.map_or_else(String::new, |a| format!(" ({})", a.announced()));
    let mut text = format!(
        "{} replicates from {}{address}.",
        operation.node, operation.under
    );
    let arrived = finished
        .passed
        .iter()
        .filter(|p| matches!(p.step.action, Action::AwaitInSync { .. }));
    for passed in arrived {
        let how = match passed.seen.resync {
            Some(Resync::Partial) => " by a partial resync",
            Some(Resync::Full) => " by a full resync",
            None => "",
        };
        let offset = passed.seen.offset.unwrap_or(0);
        let _ = write!(
            text,
            "\n  {}  in sync{how}, at offset {offset}",
            passed.step.node
        );
    }
    output::result(&output::lines(&text));
}
