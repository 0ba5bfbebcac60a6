//! `sentinel remove`: removes the Sentinels that the inventory names.

use super::setup::{Observation, named};
use crate::engine::journal::Outcome;
use crate::engine::operate::{self, Done, RunOptions};
use crate::engine::{Operation, Plan, Sentinels};
use crate::error::{Exit, Result};
use crate::inventory::SentinelSettings;
use crate::operations::sentinel::plan::remove;
use crate::output::ended::nothing;
use crate::topology::sentinel::watched;
use crate::world::World;
use crate::{cli, output};

/// Runs the command.
pub async fn run(
    world: &World,
    global: &cli::Global,
    args: &crate::operations::sentinel::args::SentinelRemove,
) -> Result<Exit> {
    let settings = named(world)?;
    operate::nothing_comes_first(world)?;
    let operation = Sentinels::Remove { purge: args.purge };
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let planner = async || make_plan(world, settings, args.purge).await;
    let name = &world.inventory.name;
    let of = Operation::Sentinels(operation);
    let finished = match operate::carry_out(world, &asked, &of, planner).await? {
        Done::Nothing { warnings } => {
            let but = if warnings.is_empty() {
                ""
            } else {
                " but what the warnings say"
            };
            let message = format!(
                "Nothing to do{but}: no Sentinel that the inventory names runs for `{name}`."
            );
            nothing(Some(&of), &message, &warnings);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    let mut text = None;
    if finished.outcome == Outcome::Completed {
        let left = watched(world.observe_servers().await.all());
        text = Some(match left {
            None => format!(
                "No Sentinel watches `{name}` any more: nothing changes its primary but `replctl promote`."
            ),
            Some(1) => {
                format!("1 other Sentinel still watches `{name}`. See: replctl sentinel status")
            }
            Some(count) => format!(
                "{count} other Sentinels still watch `{name}`. See: replctl sentinel status"
            ),
        });
    }
    operate::print(&finished, text.as_deref());
    operate::verdict(&finished, &of.properties().again()).map_or(Ok(Exit::Done), Err)
}

async fn make_plan(world: &World, settings: &SentinelSettings, purge: bool) -> Result<Plan> {
    let seen = Observation::look(world, settings).await;
    seen.one_address(world)?;
    remove::plan(&world.inventory, settings, &seen.around(), purge).map_err(output::plan::refused)
}
