//! The last look at a plan before it is shown: whether everything it needs is allowed on the
//! servers, their hosts know the names in it, and the
//! roles it writes outlive a restart.

use crate::engine::Plan;
use crate::error::Result;
use crate::output;
use crate::plan::forecast::{self, Unkept};
use crate::plan::names;
use crate::world::World;

/// The plan, with the warnings of what it has to do without. `accepted`: why roles may be lost at a
/// restart.
///
/// # Errors
/// Refused, with everything that is missing.
pub async fn permitted(world: &World, mut plan: Plan, accepted: &[Unkept]) -> Result<Plan> {
    world
        .permitted(&mut plan)
        .await
        .map_err(output::plan::refused)?;
    let there = world.ask_hosts(names::needed(&plan)).await;
    names::check(&mut plan, &there).map_err(output::plan::refused)?;
    if let Some(seen) = world.seen_last() {
        forecast::check(&mut plan, seen.all(), accepted).map_err(output::plan::refused)?;
    }
    world.warn_of_files(&mut plan).await;
    Ok(plan)
}
