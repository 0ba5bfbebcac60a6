//! `endpoint`: where programs are to write now. It changes nothing.

use super::report;
use crate::engine::context::context;
use crate::error::{Error, Exit, Problem, Result};
use crate::findings::findings;
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::working_inventory::{Disk, Written};
use crate::output;
use crate::topology::endpoint::{Doubt, endpoint as find};
use crate::world::World;

/// Runs the command.
pub async fn run(world: &World, args: &super::args::Endpoint) -> Result<Exit> {
    let seen = world.observe_servers().await;
    let topology = seen.deployment();
    let found = findings(&topology, &context(world));
    let primary = find(&topology, &found).map_err(unknown)?;
    // The looks at the other nodes may have taken seconds. This look makes the answer true now.
    if let Err(seen) = world.servers.still_primary(&primary.name).await {
        let hint = "replctl status".to_owned();
        return Err(unknown(vec![Doubt { seen, hint }]));
    }
    let spec = world.inventory.get(&primary.name);
    let tls = spec.and_then(|spec| spec.tls.as_ref());
    let endpoint = report::Endpoint {
        deployment: &world.inventory.name,
        primary: &primary.name,
        address: &primary.announced,
        url: report::url(&primary.announced, tls.is_some()),
        tls: tls.is_some(),
        server_name: tls.and_then(|tls| tls.server_name.as_deref()),
    };
    output::print(&endpoint, || report::text(&endpoint, args.format));
    Ok(Exit::Done)
}

/// Standard output gets no address in this case: a script that ignores the exit code must not find
/// a primary there.
fn unknown(doubts: Vec<Doubt>) -> Error {
    let problems = doubts.into_iter().map(|doubt| {
        Problem::new(format!("the primary cannot be named: {}", doubt.seen)).hint(doubt.hint)
    });
    Error {
        problems: problems.collect(),
        exit: Exit::Problems,
    }
}

impl Remote for super::args::Endpoint {
    fn only_looks(&self) -> bool {
        true
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        Ok(disk.unedited())
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, self))
    }
}
