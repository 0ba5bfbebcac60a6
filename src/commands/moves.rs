//! `move`: another upstream for a replica, seen to be in sync.

use super::operate::{self, Asked, Done, Finished};
use super::permitted::permitted;
use crate::cli;
use crate::error::{Exit, Problem, Result};
use crate::output;
use crate::output::moved::{self, Moved};
use crate::plan::reverse::Past;
use crate::plan::{self, Move, Plan};
use crate::world::World;

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
    let way = Way {
        asked,
        undoes: None,
        json: args.json,
    };
    perform(world, &operation, way).await
}

/// How it is done.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// How the operator asked for it.
    pub asked: Asked,
    /// The operation that is undone by it.
    pub undoes: Option<&'a Past>,
    /// Print JSON.
    pub json: bool,
}

/// Plans, shows, asks, and does it.
pub async fn perform(world: &World, operation: &Move, way: Way<'_>) -> Result<Exit> {
    let planner = async || make_plan(world, operation, way.undoes).await;
    let finished = match operate::carry_out(world, &way.asked, planner).await? {
        Done::Nothing { .. } => {
            show(&moved::moved(&world.inventory, operation, None), way.json);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    report(world, operation, &finished, way.json);
    operate::verdict(&finished, &format!("replctl {}", operation.line()))
        .map_or(Ok(Exit::Done), Err)
}

async fn make_plan(world: &World, operation: &Move, undoes: Option<&Past>) -> Result<Plan> {
    let topology = world.observe().await;
    if world.alone(&topology).contains(&operation.under) {
        let refusal = plan::detach::stands_alone(&operation.under);
        return Err(output::plan::refused(vec![refusal]));
    }
    let mut plan = plan::moves::plan(operation, &topology).map_err(output::plan::refused)?;
    super::undo::still(undoes, &mut plan, &topology)?;
    permitted(world, plan).await
}

/// Prints where the node is now and how it got there, as its steps have seen it.
pub fn report(world: &World, operation: &Move, finished: &Finished, json: bool) {
    if json || finished.reached() {
        let run = finished.moved();
        show(&moved::moved(&world.inventory, operation, Some(run)), json);
    }
}

fn show(moved: &Moved<'_>, json: bool) {
    output::result(&if json {
        output::json::document(moved)
    } else {
        moved::text(moved)
    });
}
