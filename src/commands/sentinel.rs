//! `sentinel`: what the Sentinels that watch say, against what is.

use crate::cli;
use crate::error::{Exit, Result};
use crate::output::sentinel::{Seen, render};
use crate::output::table::Options;
use crate::output::{self, json};
use crate::topology::findings::healthy;
use crate::topology::findings::sentinels::of_sentinels;
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, args: &cli::Sentinel) -> Result<Exit> {
    let cli::SentinelCommand::Status(args) = &args.command;
    let topology = world.observe_servers().await;
    let watch = world.sentinels(&topology).await;
    let found = watch
        .as_ref()
        .map(|watch| of_sentinels(&topology, watch))
        .unwrap_or_default();
    let seen = Seen::new(&world.inventory.name, &topology, watch.as_ref(), &found);
    if args.json {
        output::result(&json::document(&seen));
    } else {
        output::result(&render(&seen, Options::of_stdout()));
    }
    Ok(if healthy(&found) {
        Exit::Done
    } else {
        Exit::Problems
    })
}
