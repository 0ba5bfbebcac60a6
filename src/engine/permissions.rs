//! The last look at a plan before it is shown: whether the servers allow everything that it needs,
//! their hosts know its names, and the roles that it writes outlive a restart.

use crate::engine::Plan;
use crate::error::Result;
use crate::output;
use crate::plan::forecast::{self, Unkept};
use crate::plan::names;
use crate::world::names::ask_hosts;
use crate::world::persisted::warn_of_files;
use crate::world::{World, permissions};

/// Returns the plan, with a warning for each missing right. `accepted`: the accepted reasons why a
/// restart may lose roles.
///
/// # Errors
/// Refused, with everything that is missing.
pub async fn permitted(world: &World, mut plan: Plan, accepted: &[Unkept]) -> Result<Plan> {
    let checked = permissions::permitted(&world.servers, &mut plan).await;
    checked.map_err(output::plan::refused)?;
    let there = ask_hosts(&world.hosts, names::needed(&plan)).await;
    names::check(&mut plan, &there).map_err(output::plan::refused)?;
    if let Some(seen) = world.last_seen.get() {
        forecast::check(&mut plan, seen.all(), accepted).map_err(output::plan::refused)?;
        warn_of_files(&world.hosts, seen.all(), &mut plan).await;
    }
    Ok(plan)
}
