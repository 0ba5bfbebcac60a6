//! `move`: another upstream for a replica, seen to be in sync.

use super::report::{self, Moved, Wished};
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Done, Finished, RunOptions};
use crate::engine::permissions::permitted;
use crate::engine::{Move, Operation, Plan, Properties, inventory_edit};
use crate::error::{Exit, Problem, Result};
use crate::inventory::edit::{self, Edit};
use crate::inventory::place::without_place;
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request};
use crate::operations::working_inventory::{Disk, Written};
use crate::plan::detached;
use crate::plan::forecast::Unkept;
use crate::plan::reverse::Past;
use crate::world::{World, inventory};
use crate::{cli, output};

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &super::args::Move) -> Result<Exit> {
    if let Some(other) = args.discard_data.as_ref().filter(|d| **d != args.node) {
        return Err(Problem::new(format!(
            "--discard-data names `{other}`, and the node that is moved is `{}`",
            args.node
        ))
        .hint(format!("--discard-data {}", args.node))
        .exit(Exit::Usage));
    }
    let operation = Move {
        node: args.node.as_str().into(),
        under: args.under.as_str().into(),
        discard_data: args.discard_data.is_some(),
        update_inventory: args.update_inventory,
    };
    crate::engine::known::known(world, [&operation.node, &operation.under].into_iter())?;
    operate::nothing_comes_first(world)?;
    let accepted: Vec<Unkept> = args.ignore.iter().copied().map(Unkept::from).collect();
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let options = Options {
        asked,
        undoes: None,
        accepted: &accepted,
    };
    perform(world, &operation, options).await
}

/// How it is done.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How the operator asked for it.
    pub asked: RunOptions,
    /// The operation that this move undoes.
    pub undoes: Option<&'a Past>,
    /// The accepted reasons why roles may be lost at a restart.
    pub accepted: &'a [Unkept],
}

/// Plans, shows, asks, and does it.
pub async fn perform(world: &World, operation: &Move, options: Options<'_>) -> Result<Exit> {
    let planner = async || make_plan(world, operation, options).await;
    let finished = match operate::carry_out(
        world,
        &options.asked,
        &Operation::Move(operation.clone()),
        planner,
    )
    .await?
    {
        Done::Nothing { .. } => {
            let wished = wished(world, operation);
            show(
                &report::moved(&world.inventory, operation, None, wished),
                true,
            );
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    report(world, operation, &finished);
    operate::verdict(&finished, &operation.again()).map_or(Ok(Exit::Done), Err)
}

async fn make_plan(world: &World, operation: &Move, options: Options<'_>) -> Result<Plan> {
    let seen = world.observe().await;
    let topology = seen.all();
    one_address(world, topology)?;
    if seen.is_detached(&operation.under) {
        let refusal = detached::refusal(&operation.under, detached::primary(&seen).as_ref());
        return Err(output::plan::refused(vec![refusal]));
    }
    let mut plan = super::plan::plan(operation, topology).map_err(output::plan::refused)?;
    crate::engine::undoing::still(options.undoes, &mut plan, topology)?;
    if operation.update_inventory {
        let edit = repointed(world, operation)?;
        if let Some(edit) = edit {
            super::plan::written_down(&mut plan, &edit);
        }
    }
    permitted(world, plan, options.accepted).await
}

/// The edit that writes the move into the inventory; `None` if the inventory has it already.
fn repointed(world: &World, operation: &Move) -> Result<Option<Edit>> {
    let inventory = &world.inventory;
    let Move { node, under, .. } = operation;
    let text = inventory_edit::unchanged(inventory, &inventory.digest)?;
    if edit::wish(&text, node).is_some_and(|(_, says)| says == *under) {
        return Ok(None);
    }
    inventory_edit::writable(&inventory.path)?;
    let file = inventory.path.display().to_string();
    let refused = |why: String| {
        let what = format!("{file} cannot be made to say that `{node}` follows `{under}`: {why}");
        let hint =
            format!("leave out --update-inventory: nothing depends on it while `{node}` runs");
        output::plan::refused(vec![crate::engine::Refusal::new(
            crate::engine::Ground::Inventory,
            what,
            hint,
        )])
    };
    let edit = edit::repoint(&file, &text, node, under).map_err(refused)?;
    let changed = edit.apply(&text).unwrap_or_default();
    match inventory::of_text(&inventory.path, &changed) {
        Ok(_) => Ok(Some(edit)),
        Err(error) => {
            let first = error.problems.first().map_or("", |p| p.what.as_str());
            Err(refused(without_place(&inventory.path, first).to_owned()))
        }
    }
}

/// What the inventory says of it now.
fn wished(world: &World, operation: &Move) -> Option<Wished> {
    let path = &world.inventory.path;
    let text = inventory::text(path).ok()?;
    let (line, replicaof) = edit::wish(&text, &operation.node)?;
    Some(Wished {
        file: path.display().to_string(),
        line,
        replicaof,
    })
}

/// Prints where the node is now and how it got there, as its steps have seen it.
pub fn report(world: &World, operation: &Move, finished: &Finished) {
    let run = finished.facts();
    let wished = wished(world, operation);
    show(
        &report::moved(&world.inventory, operation, Some(run), wished),
        finished.reached(),
    );
}

/// `reached`: there is something to say to people.
fn show(moved: &Moved<'_>, reached: bool) {
    output::print_where(moved, || reached.then(|| report::text(moved)));
}

impl Remote for super::args::Move {
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

impl Perform for Move {
    fn tell(&self, world: &World, finished: &Finished) -> bool {
        report(world, self, finished);
        true
    }

    fn perform<'a>(&'a self, world: &'a World, request: &'a Request<'a>) -> Option<Running<'a>> {
        let options = Options {
            asked: request.asked,
            undoes: request.undoes,
            accepted: request.accepted,
        };
        Some(Box::pin(perform(world, self, options)))
    }
}
