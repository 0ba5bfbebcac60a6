//! The last look at a plan before it is shown: whether everything it needs is allowed on the servers, and their hosts know the names in it.

use crate::error::Result;
use crate::output;
use crate::plan::{Plan, names};
use crate::world::World;

/// The plan, with the warnings of what it has to do without.
///
/// # Errors
/// Refused, with everything that is missing.
pub async fn permitted(world: &World, mut plan: Plan) -> Result<Plan> {
    world
        .permitted(&mut plan)
        .await
        .map_err(output::plan::refused)?;
    let there = world.ask_hosts(names::needed(&plan)).await;
    names::check(&mut plan, &there).map_err(output::plan::refused)?;
    world.warn_of_files(&mut plan).await;
    Ok(plan)
}
