//! `sentinel forget`: makes the Sentinels forget nodes or Sentinels that left.

use crate::engine::journal::Outcome;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Done, RunOptions};
use crate::engine::{Operation, Plan, Sentinels};
use crate::error::{Exit, Result};
use crate::output::ended::nothing;
use crate::plan::forget;
use crate::world::World;
use crate::{cli, output};

/// Runs the command.
pub async fn run(
    world: &World,
    global: &cli::Global,
    args: &crate::operations::sentinel::args::SentinelForget,
) -> Result<Exit> {
    operate::nothing_comes_first(world)?;
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let planner = async || make_plan(world, &args.what).await;
    let what = args.what.join(", ");
    let operation = Operation::Sentinels(Sentinels::Forget {
        what: args.what.clone(),
    });
    let finished = match operate::carry_out(world, &asked, &operation, planner).await? {
        Done::Nothing { warnings } => {
            let message = format!("Nothing to do: no Sentinel that answers knows {what}.");
            nothing(Some(&operation), &message, &warnings);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    let seen = finished.passed.last().map(|p| p.seen.text.as_str());
    let text = format!(
        "The Sentinels have forgotten {what}; each hears from the primary, and {}.",
        seen.unwrap_or("knows all others")
    );
    let done = finished.outcome == Outcome::Completed;
    operate::print(&finished, done.then_some(text.as_str()));
    operate::verdict(&finished, &operation.properties().again()).map_or(Ok(Exit::Done), Err)
}

async fn make_plan(world: &World, what: &[String]) -> Result<Plan> {
    let mut topology = world.observe_servers().await.into_all();
    one_address(world, &topology)?;
    let watch = world.sentinels.look(&mut topology).await;
    forget::plan(what, &world.inventory, &topology, watch.as_ref()).map_err(output::plan::refused)
}
