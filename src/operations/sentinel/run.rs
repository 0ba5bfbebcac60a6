//! `sentinel`: the Sentinels that watch, looked at, set up, ended.

mod forget;
mod remove;
mod setup;

use super::report::{Seen, render};
use crate::error::{Exit, Result};
use crate::findings::healthy;
use crate::findings::sentinels::of_sentinels;
use crate::output::table::Options;
use crate::world::World;
use crate::{cli, output};

/// Runs the command.
pub async fn run(
    world: &World,
    global: &cli::Global,
    args: &super::args::Sentinel,
) -> Result<Exit> {
    match &args.command {
        super::args::SentinelCommand::Status(_) => status(world).await,
        super::args::SentinelCommand::Setup(args) => setup::run(world, global, args).await,
        super::args::SentinelCommand::Remove(args) => remove::run(world, global, args).await,
        super::args::SentinelCommand::Forget(args) => forget::run(world, global, args).await,
    }
}

/// What they say, against what is.
async fn status(world: &World) -> Result<Exit> {
    let mut topology = world.observe_servers().await.into_all();
    let mut watch = world.sentinels.look(&mut topology).await;
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
