//! `rejoin`: an old primary returns under the present one, after a backup of what only it has.

use crate::engine::backup_folder::stamped;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Done, Finished, RunOptions};
use crate::engine::permissions::permitted;
use crate::engine::{Operation, Plan, Properties, Rejoin};
use crate::error::{Exit, Problem, Result};
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request};
use crate::operations::working_inventory::{Disk, Written};
use crate::output::ended::nothing;
use crate::output::returned::returned;
use crate::plan::forecast::Unkept;
use crate::plan::returning::DemotionNote;
use crate::topology::NodeName;
use crate::world::World;
use crate::world::rejoin::own;
use crate::{cli, output};

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &super::args::Rejoin) -> Result<Exit> {
    if let Some(other) = args.discard_data.as_ref().filter(|d| **d != args.node) {
        return Err(Problem::new(format!(
            "--discard-data names `{other}`, and the node that returns is `{}`",
            args.node
        ))
        .hint(format!("--discard-data {}", args.node))
        .exit(Exit::Usage));
    }
    let node: NodeName = args.node.as_str().into();
    let under: Option<NodeName> = args.under.as_deref().map(Into::into);
    crate::engine::known::known(world, std::iter::once(&node).chain(&under))?;
    let backup = match args.discard_data {
        Some(_) => None,
        None => Some(stamped(world, args.backup_dir.as_deref(), Some(&node))?),
    };
    let operation = Rejoin {
        node,
        under,
        backup,
    };
    operate::nothing_comes_first(world)?;
    let accepted: Vec<Unkept> = args.ignore.iter().copied().map(Unkept::from).collect();
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let planner = async || make_plan(world, &operation, &accepted).await;
    let of = Operation::Rejoin(operation.clone());
    let finished = match operate::carry_out(world, &asked, &of, planner).await? {
        Done::Nothing { warnings } => {
            // This is only a note. If it cannot be removed here, `status` removes it.
            let _ = world.store.forget(std::slice::from_ref(&operation.node));
            let message = format!("Nothing to do: {} is a replica, in sync.", operation.node);
            nothing(Some(&of), &message, &warnings);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    report(&operation, &finished);
    operate::verdict(&finished, &operation.again()).map_or(Ok(Exit::Done), Err)
}

async fn make_plan(world: &World, operation: &Rejoin, accepted: &[Unkept]) -> Result<Plan> {
    let seen = world.observe().await;
    one_address(world, seen.all())?;
    let topology = seen.deployment_with(std::slice::from_ref(&operation.node));
    let noted_demotions: Vec<DemotionNote> = world
        .store
        .pending_demotions()
        .into_iter()
        .map(|d| (d.node, d.address))
        .collect();
    let detached = seen.is_detached(&operation.node);
    let pair = super::checks::pair(operation, &topology, &noted_demotions, detached)
        .map_err(output::plan::refused)?;
    let own = own(&world.streams, &world.hosts, pair.0, pair.1).await;
    let plan = super::plan::plan(operation, pair, &own, &topology);
    permitted(world, plan.map_err(output::plan::refused)?, accepted).await
}

/// Prints where the node is now, where its backup is, and how it got there, as its steps have seen
/// it.
pub fn report(operation: &Rejoin, finished: &Finished) {
    let text = format!(
        "{} is a replica again.{}",
        operation.node,
        returned(finished)
    );
    operate::print(finished, finished.reached().then_some(text.as_str()));
}

impl Remote for super::args::Rejoin {
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

impl Perform for Rejoin {
    fn tell(&self, _world: &World, finished: &Finished) -> bool {
        report(self, finished);
        true
    }

    fn perform<'a>(&'a self, _world: &'a World, _request: &'a Request<'a>) -> Option<Running<'a>> {
        None
    }
}
