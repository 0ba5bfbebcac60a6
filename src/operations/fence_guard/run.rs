//! `fence-guard`: the second process that replctl starts where a fence does not end by itself. Not
//! for people.

use crate::error::{Exit, Problem, Result};
use crate::operations::command::{Remote, Running, Surroundings};
use crate::output;
use crate::world::World;
use crate::world::guard::{CONNECTED, ReplicasRequired, stand_guard};

/// Runs the command.
pub async fn run(world: &World, args: &super::args::FenceGuard) -> Result<Exit> {
    let node = args.node.as_str().into();
    let failed = |why: String| Problem::new(why).exit(Exit::Failed);
    let connected = world.connections.get(&node).await;
    connected.map_err(|f| failed(f.why))?;
    output::result(CONNECTED);
    let before = ReplicasRequired {
        to_write: args.to_write,
        max_lag: args.max_lag,
    };
    let guarded = stand_guard(&world.connections, &node, before).await;
    guarded.map_err(|f| failed(f.why))?;
    Ok(Exit::Done)
}

impl Remote for super::args::FenceGuard {
    fn only_looks(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, self))
    }
}
