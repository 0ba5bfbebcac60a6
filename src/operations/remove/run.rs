//! `remove`: takes a node out of the deployment.

use super::plan::{Notes, RemoveInput};
use super::report::removed;
use crate::engine::journal::PendingDemotion;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Finished, RunOptions};
use crate::engine::run_through::run_through;
use crate::engine::{Operation, Plan, Remove, inventory_edit};
use crate::error::{Exit, Result};
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request};
use crate::operations::working_inventory::{Disk, Written};
use crate::topology::NodeName;
use crate::world::World;
use crate::{cli, output};

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &super::args::Remove) -> Result<Exit> {
    let operation = Remove {
        node: args.node.as_str().into(),
        purge: args.purge,
        leave_running: args.leave_running,
    };
    crate::engine::known::known(world, std::iter::once(&operation.node))?;
    operate::nothing_comes_first(world)?;
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    perform(world, &operation, asked).await
}

/// Plans, shows, asks, and does it.
pub async fn perform(world: &World, operation: &Remove, asked: RunOptions) -> Result<Exit> {
    let planner = async || make_plan(world, operation).await;
    let idle = format!("Nothing to do: {} is removed already.", operation.node);
    let told = |finished: &Finished| report(world, operation, finished);
    let of = Operation::Remove(operation.clone());
    run_through(world, asked, &of, planner, (&idle, told)).await
}

async fn make_plan(world: &World, operation: &Remove) -> Result<Plan> {
    let inventory = &world.inventory;
    let text = inventory_edit::unchanged(inventory, &inventory.digest)?;
    inventory_edit::writable(&inventory.path)?;
    let node = &operation.node;
    let hosts: &[NodeName] = if operation.leave_running {
        &[]
    } else {
        std::slice::from_ref(node)
    };
    let (mut seen, hosts) = futures::future::join(world.observe(), world.hosts.facts(hosts)).await;
    one_address(world, seen.all())?;
    let mut deployment = seen.deployment().into_owned();
    let watch = world.sentinels.look(&mut deployment).await;
    // With the names by which the Sentinels know them.
    for known in deployment.nodes {
        if let Some(node) = seen
            .all_mut()
            .nodes
            .iter_mut()
            .find(|n| n.name == known.name)
        {
            *node = known;
        }
    }
    let of_node = |all: Vec<PendingDemotion>| all.into_iter().find(|d| d.node == *node);
    let notes = Notes {
        pending: of_node(world.store.pending_demotions()).map(|d| d.address),
        alone: of_node(world.store.alone()).map(|d| d.address),
    };
    let around = RemoveInput {
        inventory,
        text: &text,
        seen: &seen,
        notes,
        host: hosts.get(node),
        watch: watch.as_ref(),
    };
    super::plan::plan(operation, &around).map_err(output::plan::refused)
}

/// Prints what was done, and what was not.
pub fn report(world: &World, operation: &Remove, finished: &Finished) {
    let removed = removed(&world.inventory, operation, finished.facts());
    let reached = finished.reached();
    output::print_where(&removed, || {
        reached.then(|| super::report::text_of_removed(&removed))
    });
}

impl Remote for super::args::Remove {
    fn only_looks(&self) -> bool {
        false
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        Ok(disk.unedited())
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, around.global, self))
    }
}

impl Perform for Remove {
    fn tell(&self, world: &World, finished: &Finished) -> bool {
        report(world, self, finished);
        true
    }

    fn perform<'a>(&'a self, world: &'a World, request: &'a Request<'a>) -> Option<Running<'a>> {
        Some(Box::pin(perform(world, self, request.asked)))
    }
}
