//! `add`: a new node, written into the inventory and set up; all of it, or nothing.

use super::plan::{AddInput, SetUpOne};
use super::report::{self, added};
use crate::engine::journal::Outcome;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Finished, RunOptions};
use crate::engine::run_through::run_through;
use crate::engine::{Add, Operation, Plan, inventory_edit};
use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::inventory::edit::Edit;
use crate::inventory::place::without_place;
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request, SET_UP_ONE};
use crate::operations::working_inventory::{Disk, Written};
use crate::topology::NodeName;
use crate::world::trial::try_directives;
use crate::world::{World, inventory, server_source};
use crate::{cli, output};

/// Runs the command. The world's inventory has the node already; `edit` brings it into the file,
/// and `set_up` plans the work on its host.
pub async fn run(
    world: &World,
    global: &cli::Global,
    args: &super::args::Add,
    edit: Option<Edit>,
    set_up: SetUpOne,
) -> Result<Exit> {
    if let Some(other) = args.discard_data.as_ref().filter(|d| **d != args.name) {
        let what = format!(
            "--discard-data names `{}`, and the node that is added is `{}`",
            output::escape(other),
            args.name
        );
        let hint = format!("--discard-data {}", args.name);
        return Err(Problem::new(what).hint(hint).exit(Exit::Usage));
    }
    let Some(edit) = edit else {
        return Ok(Exit::Done);
    };
    let node = NodeName(args.name.clone());
    resolves(world, &node).await?;
    operate::nothing_comes_first(world)?;
    let address = world.inventory.get(&node).map(|spec| spec.address.clone());
    let operation = Add {
        address: address.unwrap_or_else(|| crate::topology::Address::new("", 0)),
        replicaof: args.replicaof.as_ref().map(|n| NodeName(n.clone())),
        announce: args.announce.clone(),
        priority: args.priority,
        ssh: args.ssh.clone(),
        discard_data: args.discard_data.is_some(),
        node,
    };
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let with = (&edit, set_up);
    perform(world, &operation, with, asked).await
}

/// Checks that its host name, if it has one, resolves here.
async fn resolves(world: &World, node: &NodeName) -> Result<()> {
    let mut only = (*world.inventory).clone();
    only.nodes.retain(|n| n.name == *node);
    let problems = inventory::check_names(&only).await;
    if problems.is_empty() {
        return Ok(());
    }
    let problems = problems.into_iter().map(|problem| Problem {
        what: format!(
            "cannot add `{node}`: {}",
            without_place(&only.path, &problem.what)
        ),
        ..problem
    });
    Err(Error {
        problems: problems.collect(),
        exit: Exit::Usage,
    })
}

/// Plans, shows, asks, and does it.
pub async fn perform(
    world: &World,
    operation: &Add,
    (edit, set_up): (&Edit, SetUpOne),
    asked: RunOptions,
) -> Result<Exit> {
    let planner = async || make_plan(world, operation, edit, set_up).await;
    let idle = format!("Nothing to do: {} is there.", operation.node);
    let told = |finished: &Finished| report(world, operation, finished);
    let of = Operation::Add(operation.clone());
    run_through(world, asked, &of, planner, (&idle, told)).await
}

async fn make_plan(world: &World, operation: &Add, edit: &Edit, set_up: SetUpOne) -> Result<Plan> {
    inventory_edit::unchanged(&world.inventory, &edit.before)?;
    inventory_edit::writable(&world.inventory.path)?;
    let payload = server_source::available(&world.inventory)
        .await
        .map_err(server_source::refused)?;
    let node = [operation.node.clone()];
    let (seen, mut hosts) = futures::future::join(world.observe(), world.hosts.facts(&node)).await;
    try_directives(&world.hosts, &mut hosts, &payload).await;
    let around = AddInput {
        inventory: &world.inventory,
        // A note with this name is about a former node.
        topology: &seen.deployment_with(&node),
        hosts: &hosts,
        payload: &payload,
        set_up,
    };
    // Refusals about the new node itself come first.
    let plan = super::plan::plan(operation, edit, &around).map_err(output::plan::refused)?;
    one_address(world, seen.all())?;
    Ok(plan)
}

/// Prints the new node, and how it was proved.
pub fn report(world: &World, operation: &Add, finished: &Finished) {
    let reached = matches!(
        finished.outcome,
        Outcome::Completed | Outcome::Incomplete { .. }
    );
    let added = added(&world.inventory, operation, finished.facts());
    output::print_where(&added, || reached.then(|| report::text_of_added(&added)));
}

impl Remote for super::args::Add {
    fn only_looks(&self) -> bool {
        false
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        disk.with_new(self)
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(
            around.world,
            around.global,
            self,
            around.edit,
            SET_UP_ONE,
        ))
    }
}

impl Perform for Add {
    fn tell(&self, world: &World, finished: &Finished) -> bool {
        report(world, self, finished);
        true
    }

    fn perform<'a>(&'a self, world: &'a World, request: &'a Request<'a>) -> Option<Running<'a>> {
        match request.edit {
            Some(edit) => {
                let with = (edit, SET_UP_ONE);
                Some(Box::pin(perform(world, self, with, request.asked)))
            }
            None => Some(Box::pin(std::future::ready(Err(in_it_again(&self.node))))),
        }
    }
}

/// A node that was removed, and came back by other means.
fn in_it_again(node: &NodeName) -> Error {
    Problem::new(format!(
        "the inventory has a node `{node}` again; nothing was touched"
    ))
    .hint(format!("if it is not set up: replctl setup {node}"))
    .because(Reason::Inventory)
    .exit(Exit::Refused)
}
