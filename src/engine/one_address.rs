//! No change is planned while two nodes have one address: what is meant for one could be done to
//! the other.

use crate::engine::context::context;
use crate::engine::{Ground, Refusal};
use crate::error::Result;
use crate::findings::address_clashes;
use crate::output;
use crate::topology::Topology;
use crate::world::World;

/// Each node has an address of its own.
///
/// # Errors
/// Refused, with every clash and both ways out of it.
pub fn one_address(world: &World, topology: &Topology) -> Result<()> {
    let found = address_clashes(topology, &context(world));
    if found.is_empty() {
        return Ok(());
    }
    let refusals = found.into_iter().map(|finding| {
        let hint = finding.hint.unwrap_or_else(|| "replctl status".to_owned());
        Refusal::new(Ground::Inventory, finding.message, hint)
    });
    Err(output::plan::refused(refusals.collect()))
}
