//! `promote`: another primary, with its proof.

use super::operate::{self, Asked, Done};
use crate::cli;
use crate::error::{Exit, Result};
use crate::journal::Outcome;
use crate::output::{self, proof};
use crate::plan::{self, Accept, Plan, Promote};
use crate::topology::sentinel;
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &cli::Promote) -> Result<Exit> {
    let mut accept = Vec::new();
    for (given, what) in [
        (args.allow_data_loss, Accept::DataLoss),
        (args.accept_split_brain, Accept::SplitBrain),
        (args.ignore.contains(&cli::Ignore::Drift), Accept::Drift),
        (args.without_sentinel, Accept::WithoutSentinel),
    ] {
        if given {
            accept.push(what);
        }
    }
    let operation = Promote {
        node: args.node.as_str().into(),
        accept,
    };
    super::setup::known(world, std::iter::once(&operation.node))?;
    if !args.abandon_unfinished {
        operate::no_unfinished_promotion(world)?;
    }
    let asked = Asked::new(global, args.yes, args.dry_run);
    let planner = async || make_plan(world, &operation).await;
    let finished = match operate::carry_out(world, &asked, planner).await? {
        Done::Nothing { .. } => {
            output::result(&format!(
                "Nothing to do: {} is the primary, and everything that answers follows it.",
                output::escape(&args.node)
            ));
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    report(world, &operation, &finished, args.json);
    let again = format!("replctl promote {}", operation.node);
    match operate::verdict(&finished, &again) {
        Some(error) => Err(error),
        None => Ok(Exit::Done),
    }
}

/// Prints the proof, where there is a new primary to speak of. The steps have seen all that is said: no second look at a node that may be
/// dead keeps the operator waiting.
pub fn report(world: &World, operation: &Promote, finished: &operate::Finished, json: bool) {
    let run = proof::Run {
        id: &finished.id,
        plan: &finished.plan,
        passed: &finished.passed,
        before: &finished.before,
        outcome: &finished.outcome,
    };
    let proof = proof::proof(&world.inventory, operation, run);
    let promoted = finished
        .passed
        .iter()
        .any(|p| p.step.node == operation.node && p.step.action.promotes());
    let reached = matches!(
        finished.outcome,
        Outcome::Completed | Outcome::Incomplete { .. }
    );
    if json {
        output::result(&output::json::document(&proof));
    } else if promoted || reached {
        output::result(&proof::text(&proof));
    }
}

async fn make_plan(world: &World, operation: &Promote) -> Result<Plan> {
    let topology = world.observe().await;
    let beside = operation.accept.contains(&Accept::WithoutSentinel);
    let plan = if !beside && sentinel::watched(&topology).is_some() {
        let watch = world.sentinels(&topology).await;
        plan::sentinel::plan(operation, &topology, watch.as_ref())
    } else {
        let access = world.access(&topology).await;
        plan::promote::plan(operation, &topology, &access)
    };
    plan.map_err(output::plan::refused)
}
