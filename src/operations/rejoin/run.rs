//! `rejoin`: an old primary returns under the present one, with what only it has backed up.

use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::server::ServerAction;
use crate::engine::journal::Resync;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Asked, Done, Finished};
use crate::engine::permissions::permitted;
use crate::engine::{Operation, Plan, Rejoin};
use crate::error::{Exit, Problem, Result};
use crate::output::ended::nothing;
use crate::plan::forecast::Unkept;
use crate::plan::returning::Owed;
use crate::topology::NodeName;
use crate::world::World;
use crate::{cli, output};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

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
    let asked = Asked::new(global, args.yes, args.dry_run).with(args.others);
    let planner = async || make_plan(world, &operation, &accepted).await;
    let of = Operation::Rejoin(operation.clone());
    let finished = match operate::carry_out(world, &asked, &of, planner).await? {
        Done::Nothing { warnings } => {
            // It is only a note: where it cannot be written, `status` removes it.
            let _ = world.store.forget(std::slice::from_ref(&operation.node));
            let message = format!("Nothing to do: {} is a replica, in sync.", operation.node);
            nothing(Some(&of), &message, &warnings);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    report(&operation, &finished);
    operate::verdict(&finished, &format!("replctl {}", operation.line()))
        .map_or(Ok(Exit::Done), Err)
}

/// The dated folder of the backup of a node; without a node, what its name begins with.
pub fn stamped(world: &World, given: Option<&Path>, node: Option<&NodeName>) -> Result<String> {
    let base = match given {
        Some(given) => std::path::absolute(given).map_err(|e| {
            Problem::new(format!("{} is no folder", given.display()))
                .cause(e)
                .exit(Exit::Usage)
        })?,
        None => world.store.backups(),
    };
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name = node.map_or_else(String::new, |node| format!("-{node}"));
    let path: PathBuf = base.join(format!("{stamp}{name}"));
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Problem::new(format!("{} is no text", path.display()))
            .hint("name a folder by --backup-dir")
            .exit(Exit::Usage)
    })
}

async fn make_plan(world: &World, operation: &Rejoin, accepted: &[Unkept]) -> Result<Plan> {
    let topology = world.observe().await;
    one_address(world, &topology)?;
    let mut alone = world.alone(&topology);
    alone.retain(|n| *n != operation.node);
    let topology = topology.without(&alone);
    let owed: Vec<Owed> = world
        .store
        .debts()
        .into_iter()
        .map(|d| (d.node, d.address))
        .collect();
    let pair = super::checks::pair(operation, &topology, &owed).map_err(output::plan::refused)?;
    let own = world.own(pair.0, pair.1).await;
    let plan = super::plan::plan(operation, pair, &own, &topology);
    permitted(world, plan.map_err(output::plan::refused)?, accepted).await
}

/// Prints where the node is now, where its backup is, and how it got there, as its steps have seen
/// it.
pub fn report(operation: &Rejoin, finished: &Finished) {
    let text = format!("{} is a replica again.{}", operation.node, told(finished));
    operate::told(finished, finished.reached().then_some(text.as_str()));
}

/// Where nodes are now, where their backups are, and how they got there: a line for each.
pub fn told(finished: &Finished) -> String {
    let mut text = String::new();
    for passed in &finished.passed {
        let node = &passed.step.node;
        let seen = &passed.seen;
        let action = &passed.step.action;
        if let Action::Rescue(RescueAction::BackUp { .. } | RescueAction::BackUpFiles { .. }) =
            action
        {
            let _ = write!(text, "\n  backup  {}", seen.text);
        } else if let Action::Server(ServerAction::AwaitInSync { with, .. }) = action {
            let how = match seen.resync {
                Some(Resync::Partial) => " by a partial resync",
                Some(Resync::Full) => " by a full resync",
                None => "",
            };
            let offset = seen.offset.unwrap_or(0);
            let _ = write!(
                text,
                "\n  {node}  in sync with {with}{how}, at offset {offset}"
            );
        } else if *action == Action::Server(ServerAction::PersistRole) {
            let _ = write!(text, "\n  {node}  role {}", seen.text);
        }
    }
    text
}
