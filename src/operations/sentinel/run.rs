//! `sentinel`: the Sentinels that watch, looked at, set up, ended.

mod forget;
mod remove;
mod setup;

use super::report::{Shown, render};
use crate::engine::Sentinels;
use crate::engine::operate::Finished;
use crate::error::{Exit, Result};
use crate::findings::healthy;
use crate::findings::sentinels::of_sentinels;
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request};
use crate::operations::working_inventory::{Disk, Written};
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

/// Compares what they say with what is seen.
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
    let seen = Shown::new(&world.inventory.name, &topology, watch.as_ref(), &found);
    output::print(&seen, || render(&seen, Options::of_stdout()));
    Ok(if healthy(&found) {
        Exit::Done
    } else {
        Exit::Problems
    })
}

impl Remote for super::args::Sentinel {
    fn only_looks(&self) -> bool {
        matches!(self.command, super::args::SentinelCommand::Status(_))
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        Ok(disk.unedited())
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, around.global, self))
    }
}

impl Perform for Sentinels {
    fn tell(&self, _world: &World, _finished: &Finished) -> bool {
        false
    }

    fn perform<'a>(&'a self, _world: &'a World, _request: &'a Request<'a>) -> Option<Running<'a>> {
        None
    }
}
