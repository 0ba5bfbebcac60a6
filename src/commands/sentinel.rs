//! `sentinel`: the Sentinels that watch, looked at, set up, ended.

mod forget;
mod remove;
mod setup;

use crate::cli;
use crate::error::{Exit, Result};
use crate::findings::healthy;
use crate::findings::sentinels::of_sentinels;
use crate::output;
use crate::output::sentinel::{Seen, render};
use crate::output::table::Options;
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &cli::Sentinel) -> Result<Exit> {
    match &args.command {
        cli::SentinelCommand::Status(_) => status(world).await,
        cli::SentinelCommand::Setup(args) => setup::run(world, global, args).await,
        cli::SentinelCommand::Remove(args) => remove::run(world, global, args).await,
        cli::SentinelCommand::Forget(args) => forget::run(world, global, args).await,
    }
}

/// What they say, against what is.
async fn status(world: &World) -> Result<Exit> {
    let mut topology = world.observe_servers().await;
    let mut watch = world.sentinels(&mut topology).await;
    if let Some(watch) = &mut watch {
        crate::engine::info_period::note(world, watch);
    }
    let found = watch
        .as_ref()
        .map(|watch| of_sentinels(&topology, watch))
        .unwrap_or_default();
    let seen = Seen::new(&world.inventory.name, &topology, watch.as_ref(), &found);
    output::told(&seen, || render(&seen, Options::of_stdout()));
    Ok(if healthy(&found) {
        Exit::Done
    } else {
        Exit::Problems
    })
}
