//! `repair`: what is wrong with the primaries, what each choice would cost, and one plan that makes
//! it right.

use super::plan::compare::{Comparison, compare};
use super::plan::{self, Owns};
use crate::cli;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Done, Finished, RunOptions};
use crate::engine::permissions::permitted;
use crate::engine::{
    Accept, Operation, Plan, Promote, Properties, Repair, backup_folder, pending_demotions,
};
use crate::error::{Exit, Problem, Reason, Result};
use crate::findings::findings;
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::Perform;
use crate::operations::perform::{self, Request};
use crate::operations::working_inventory::{Disk, Written};
use crate::output::returned::returned;
use crate::output::table::Options;
use crate::output::{self, verdict};
use crate::plan::forecast::Unkept;
use crate::plan::hooks::Wanted;
use crate::topology::situation::{Situation, situation};
use crate::topology::{Node, NodeName, Topology};
use crate::world::World;
use crate::world::rejoin::own;
use futures::future::join_all;

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &super::args::Repair) -> Result<Exit> {
    let keep: Option<NodeName> = args.keep.as_deref().map(Into::into);
    let discard: Vec<NodeName> = args
        .discard_data
        .iter()
        .map(|n| n.as_str().into())
        .collect();
    crate::engine::known::known(world, keep.iter().chain(&discard))?;
    operate::nothing_comes_first(world)?;
    let seen = world.observe().await;
    pending_demotions::close(world, seen.all());
    let topology = seen.deployment();
    let found = situation(&topology);
    let sentence = verdict::verdict(
        &world.inventory.name,
        &topology,
        &findings(&topology, &crate::engine::context::context(world)),
    );
    against(&found, keep.as_ref())?;
    let owns = owns(world, &found, &topology).await;
    let noted = noted(world, &found);
    let told = compare(&found, keep.as_ref(), &owns, noted.as_ref(), &topology);
    if output::form::json() && args.dry_run {
        output::print(&told, String::new);
        return Ok(Exit::Done);
    }
    if !matches!(found, Situation::Sound(_)) {
        let text = super::report::text(&told, Options::of_stdout());
        let text = format!("{}\n\n{text}\n", output::escape(&sentence));
        if args.yes || args.dry_run {
            output::note(&text);
        } else {
            output::before_question(&text);
        }
    }
    let chosen = chosen(&told, keep, args.yes)?;
    let accepted: Vec<Unkept> = args.ignore.iter().copied().map(Unkept::from).collect();
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    match found {
        Situation::Several(_) | Situation::Emptied { .. } => {
            let operation = Repair {
                keep: chosen,
                backup: backup_folder::stamped(world, args.backup_dir.as_deref(), None)?,
                discard_data: discard,
            };
            perform(world, &operation, &asked, &accepted).await
        }
        Situation::Sound(_) | Situation::Headless | Situation::Circle(_) | Situation::Silent => {
            let operation = promotion(chosen, args);
            let request = Request {
                asked,
                hooks: Wanted::All,
                undoes: None,
                accepted: &accepted,
                edit: None,
            };
            perform::perform(world, &Operation::Promote(operation), &request).await
        }
    }
}

/// The error if there is nothing to repair.
fn against(found: &Situation<'_>, keep: Option<&NodeName>) -> Result<()> {
    if let Situation::Silent = found {
        return Err(
            Problem::new("no node answers, so there is nothing to compare")
                .hint("replctl status")
                .exit(Exit::Failed),
        );
    }
    if let (Situation::Sound(primary), Some(other)) = (found, keep)
        && primary.name != *other
    {
        return Err(Problem::new(format!(
            "`{}` is the only primary, and nothing stands against it; nothing was touched",
            primary.name
        ))
        .hint(format!("to change the primary: replctl promote {other}"))
        .because(Reason::Role)
        .exit(Exit::Refused));
    }
    Ok(())
}

fn promotion(node: NodeName, args: &super::args::Repair) -> Promote {
    let accept = [
        (args.allow_data_loss, Accept::DataLoss),
        (args.accept_split_brain, Accept::SplitBrain),
    ];
    let accept = accept.into_iter().filter(|(given, _)| *given);
    Promote {
        node,
        accept: accept.map(|(_, accepted)| accepted).collect(),
    }
}

/// The future primary. If nothing sets one node apart, the operator must name one.
fn chosen(told: &Comparison, keep: Option<NodeName>, yes: bool) -> Result<NodeName> {
    if let Some(keep) = keep {
        return Ok(keep);
    }
    let first = told
        .nodes
        .iter()
        .find(|n| n.costs.is_some())
        .map(|n| n.node.to_string());
    let say = |what: &str| {
        Problem::new(format!("{what}; nothing was touched"))
            .hint(format!(
                "replctl repair --keep {}",
                first.unwrap_or_default()
            ))
            .because(Reason::Role)
            .exit(Exit::Refused)
    };
    match &told.proposed {
        None => Err(say("none of the nodes can be proposed as the primary")),
        Some(_) if yes && told.is_a_guess() => Err(say(
            "nothing sets one of the primaries apart, and --keep does not name the one to keep",
        )),
        Some(proposed) => Ok(proposed.clone()),
    }
}

/// The node that became the primary last, according to the notes. Of several primaries, it is the
/// one that replaced another. In a circle, the journals name it.
fn noted(world: &World, found: &Situation<'_>) -> Option<NodeName> {
    match found {
        Situation::Several(primaries) => {
            let pending_demotions = world.store.pending_demotions();
            let is_noted = |node: &&&Node| {
                let of = pending_demotions.iter().filter(|d| d.node != node.name);
                of.clone().any(|d| {
                    node.answers_to(&d.address) && primaries.iter().any(|p| p.name == d.node)
                })
            };
            primaries.iter().find(is_noted).map(|n| n.name.clone())
        }
        Situation::Circle(_) => world.store.last_promoted(),
        Situation::Sound(_)
        | Situation::Emptied { .. }
        | Situation::Headless
        | Situation::Silent => None,
    }
}

/// What each node has that another one does not have, for every possible choice.
async fn owns(world: &World, found: &Situation<'_>, topology: &Topology) -> Owns {
    let choice = found.choice(topology);
    let pairs: Vec<(&Node, &Node)> = match found {
        Situation::Several(_) => choice
            .iter()
            .flat_map(|a| choice.iter().map(move |b| (*a, *b)))
            .filter(|(a, b)| a.name != b.name)
            .collect(),
        Situation::Emptied { primary, full } => full.iter().map(|n| (*primary, *n)).collect(),
        Situation::Sound(_) | Situation::Headless | Situation::Circle(_) | Situation::Silent => {
            Vec::new()
        }
    };
    let looks = pairs.into_iter().map(|(node, successor)| async move {
        let pair = (node.name.clone(), successor.name.clone());
        (
            pair,
            own(&world.streams, &world.hosts, node, successor).await,
        )
    });
    join_all(looks).await.into_iter().collect()
}

async fn perform(
    world: &World,
    operation: &Repair,
    asked: &RunOptions,
    accepted: &[Unkept],
) -> Result<Exit> {
    let planner = async || make_plan(world, operation, accepted).await;
    let of = Operation::Repair(operation.clone());
    let finished = match operate::carry_out(world, asked, &of, planner).await? {
        Done::Nothing { warnings } => {
            let message = format!("Nothing to do: {} is the only primary.", operation.keep);
            output::ended::nothing(Some(&of), &message, &warnings);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    report(world, operation, &finished);
    operate::verdict(&finished, &operation.again()).map_or(Ok(Exit::Done), Err)
}

async fn make_plan(world: &World, operation: &Repair, accepted: &[Unkept]) -> Result<Plan> {
    let seen = world.observe().await;
    one_address(world, seen.all())?;
    let topology = seen.deployment();
    let found = situation(&topology);
    let owns = owns(world, &found, &topology).await;
    let plan = plan::plan(operation, &owns, &topology);
    permitted(world, plan.map_err(output::plan::refused)?, accepted).await
}

/// Prints which is the primary now, and what became of the others, as the steps have seen it.
pub fn report(world: &World, operation: &Repair, finished: &Finished) {
    let steps = returned(finished);
    let at = world.inventory.get(&operation.keep);
    let at = at.map_or_else(String::new, |n| format!(" ({})", n.announced()));
    let text = format!("{}{at} is the primary.{steps}", operation.keep);
    let say = finished.reached() || !steps.is_empty();
    operate::print(finished, say.then_some(text.as_str()));
}

impl Remote for super::args::Repair {
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

impl Perform for Repair {
    fn tell(&self, world: &World, finished: &Finished) -> bool {
        report(world, self, finished);
        true
    }

    fn perform<'a>(&'a self, _world: &'a World, _request: &'a Request<'a>) -> Option<Running<'a>> {
        None
    }
}
