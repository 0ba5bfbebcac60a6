//! `detach`: a replica that is to stand alone.

use super::report::detached;
use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::engine::journal::Outcome;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Done, RunOptions};
use crate::engine::permissions::permitted;
use crate::engine::{Detach, Operation, Properties};
use crate::error::{Exit, Result};
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request};
use crate::operations::working_inventory::{Disk, Written};
use crate::plan::detached::way_back;
use crate::plan::forecast::Unkept;
use crate::world::World;
use crate::{cli, output};

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &super::args::Detach) -> Result<Exit> {
    let operation = Detach {
        node: args.node.as_str().into(),
    };
    let node = &operation.node;
    crate::engine::known::known(world, std::iter::once(node))?;
    operate::nothing_comes_first(world)?;
    let accepted: Vec<Unkept> = args.ignore.iter().copied().map(Unkept::from).collect();
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let planner = async || {
        let seen = world.observe().await;
        one_address(world, seen.all())?;
        let plan = super::plan::plan(&operation, &seen);
        permitted(world, plan.map_err(output::plan::refused)?, &accepted).await
    };
    let finished = match operate::carry_out(
        world,
        &asked,
        &Operation::Detach(operation.clone()),
        planner,
    )
    .await?
    {
        Done::Nothing { .. } => {
            output::print(&detached(node, None), || {
                format!("Nothing to do: {node} stands alone.")
            });
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    let told = detached(node, Some(finished.facts()));
    let followed = finished.plan.steps().find_map(|step| {
        let Action::Local(LocalAction::NoteAlone { address }) = &step.action else {
            return None;
        };
        Some(address)
    });
    let above = followed.and_then(|at| world.inventory.nodes.iter().find(|n| n.address == *at));
    let back = way_back(node, above.map(|above| &above.name));
    let file = if told.persisted {
        "its file says so, "
    } else {
        ""
    };
    output::print_where(&told, || {
        let text = format!(
            "{node} stands alone: it is a primary of its own, {file}and promote and setup leave it as it is.\n\
             To bring it back with its keys replaced: {back}"
        );
        (finished.outcome == Outcome::Completed).then_some(text)
    });
    operate::verdict(&finished, &operation.again()).map_or(Ok(Exit::Done), Err)
}

impl Remote for super::args::Detach {
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

impl Perform for Detach {
    fn tell(&self, _world: &World, _finished: &operate::Finished) -> bool {
        false
    }

    fn perform<'a>(&'a self, _world: &'a World, _request: &'a Request<'a>) -> Option<Running<'a>> {
        None
    }
}
