//! `lost`: the commands that only an old primary has. Without `--replay` it changes nothing.

use super::report;
use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::rescue::Source;
use crate::actions::server::ServerAction;
use crate::engine::one_address::one_address;
use crate::engine::operate::{self, Done, Finished, RunOptions};
use crate::engine::permissions::permitted;
use crate::engine::{Operation, Plan, Properties, Replay, new_file};
use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Perform, Request};
use crate::operations::working_inventory::{Disk, Written};
use crate::rescue::lost_writes::LostWrites;
use crate::rescue::replay::replayable;
use crate::rescue::split::{Counts, Judged, Wanted};
use crate::topology::candidate::primaries;
use crate::topology::{Node, NodeName, State, Topology};
use crate::world::World;
use crate::world::backup::lost_in_backup;
use crate::world::lost::{again, judged};
use crate::{cli, output};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Runs the command.
pub async fn run(world: &World, global: &cli::Global, args: &super::args::Lost) -> Result<Exit> {
    let name: NodeName = args.node.as_str().into();
    let than: Option<NodeName> = args.than.as_deref().map(Into::into);
    crate::engine::known::known(world, std::iter::once(&name).chain(&than))?;
    let (new, found) = find(world, args, &name, than.as_ref()).await?;
    let Some(found) = found else {
        let none = serde_json::json!({
            "node": name, "than": new, "commands": 0, "safe": 0, "keys": 0, "pings": 0, "list": [],
        });
        output::print(&none, || {
            format!("Nothing is lost: `{new}` has all that `{name}` has.")
        });
        return Ok(Exit::Done);
    };
    let judged = judged(&found).await?;
    if let Some(file) = &args.output {
        write(file, &found, &judged)?;
    }
    let report = report::report(&name, &new, &found, &judged);
    if output::form::json() && !args.replay {
        output::json::print(&report).map_err(|why| again(&why))?;
        return Ok(Exit::Done);
    }
    let text = report::text(&report).map_err(|why| again(&why))?;
    if args.replay {
        if args.yes || args.dry_run {
            output::note(&text);
        } else {
            output::before_question(&text);
        }
        return replay(world, global, args, (name, new, &found, judged.counts)).await;
    }
    output::result(&text);
    Ok(Exit::Done)
}

/// The node that lacks the commands, and what it lacks.
async fn find(
    world: &World,
    args: &super::args::Lost,
    name: &NodeName,
    than: Option<&NodeName>,
) -> Result<(NodeName, Option<LostWrites>)> {
    let topology = world.observe_servers().await.into_all();
    if let Some(folder) = &args.backup {
        let new = successor(&topology, name, than)?;
        let found = lost_in_backup(&world.streams, folder, name, new).await?;
        return Ok((new.name.clone(), found));
    }
    let old = answering(&topology, name)?;
    let new = other(&topology, old, than)?;
    Ok((new.name.clone(), world.streams.lost(old, new).await?))
}

/// The node that a backup is compared with: the one named, or the primary.
fn successor<'a>(
    topology: &'a Topology,
    old: &NodeName,
    than: Option<&NodeName>,
) -> Result<&'a Node> {
    if let Some(than) = than {
        return answering(topology, than);
    }
    match primaries(topology)[..] {
        [one] => Ok(one),
        [] => Err(nobody()),
        ref several => match several.iter().find(|n| n.name != *old) {
            Some(other) if several.len() == 2 => Ok(other),
            Some(_) | None => Err(which(old, several.len(), &several[0].name)),
        },
    }
}

/// Plans it, shows it, asks, and does it.
async fn replay(
    world: &World,
    global: &cli::Global,
    args: &super::args::Lost,
    (node, onto, found, counts): (NodeName, NodeName, &LostWrites, Counts),
) -> Result<Exit> {
    if let Err(why) = &found.since {
        return Err(Problem::new(format!(
            "what can be replayed on `{onto}` without harm cannot be known; nothing was touched"
        ))
        .cause(output::escape(why))
        .hint("look at the commands, and replay what is right: --output FILE, then: redis-cli --pipe < FILE.conflicts")
        .because(Reason::Unknown)
        .exit(Exit::Refused));
    }
    operate::nothing_comes_first(world)?;
    let source = match &args.backup {
        Some(folder) => Source::Backup {
            folder: std::path::absolute(folder)
                .unwrap_or_else(|_| folder.clone())
                .display()
                .to_string(),
        },
        None => Source::Stream { up_to: found.to },
    };
    let operation = Replay {
        node,
        onto,
        source,
        conflicts: args.with_conflicts,
    };
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let planner = async || make_plan(world, &operation, counts).await;
    let of = Operation::Replay(operation.clone());
    let finished = match operate::carry_out(world, &asked, &of, planner).await? {
        Done::Nothing { warnings } => {
            output::ended::nothing(Some(&of), &nothing(&operation, counts), &warnings);
            return Ok(Exit::Done);
        }
        Done::Shown => return Ok(Exit::Done),
        Done::Ran(finished) => finished,
    };
    report(&operation, &finished);
    operate::verdict(&finished, &operation.again()).map_or(Ok(Exit::Done), Err)
}

async fn make_plan(world: &World, operation: &Replay, counts: Counts) -> Result<Plan> {
    let topology = world.observe_servers().await.into_all();
    one_address(world, &topology)?;
    let plan = super::plan::plan(operation, counts, &topology);
    permitted(world, plan.map_err(output::plan::refused)?, &[]).await
}

fn nothing(operation: &Replay, counts: Counts) -> String {
    let Replay { node, onto, .. } = operation;
    let conflicts = match counts.conflicts() {
        0 => String::new(),
        n => format!(
            " {n} in conflict are left out; to replay them all the same: replctl {} --with-conflicts",
            operation.line()
        ),
    };
    format!(
        "Nothing to do: nothing of `{node}` that is safe is still to be replayed on `{onto}`.{conflicts}"
    )
}

/// Prints what was replayed and where it has arrived, as the steps have seen it.
pub fn report(operation: &Replay, finished: &Finished) {
    let mut text = String::new();
    let mut arrived: Vec<&str> = Vec::new();
    for passed in &finished.passed {
        if let Action::Rescue(RescueAction::Replay { .. }) = passed.step.action {
            let _ = write!(
                text,
                "Replayed on {} from {}: {}.",
                operation.onto, operation.node, passed.seen.text
            );
        } else if let Action::Server(ServerAction::AwaitCaughtUp { .. }) = passed.step.action {
            arrived.push(&passed.step.node.0);
        }
    }
    if !text.is_empty() && !arrived.is_empty() {
        let _ = write!(text, "\n  arrived on  {}", arrived.join(", "));
    }
    operate::print(finished, (!text.is_empty()).then_some(text.as_str()));
}

/// The node. It must answer, and it must not follow a node that could replace its data.
fn answering<'a>(topology: &'a Topology, name: &NodeName) -> Result<&'a Node> {
    let node = topology.get(name);
    match node.map(|n| &n.state) {
        Some(State::Down(trouble)) => Err(Problem::new(format!("`{name}` cannot be asked"))
            .cause(output::escape(&trouble.detail))
            .hint("what it has in its memory alone is lost with its process; see: replctl status")
            .exit(Exit::Failed)),
        Some(State::Up(_)) | None => node.ok_or_else(|| {
            Problem::new(format!("the inventory has no node `{name}`")).exit(Exit::Usage)
        }),
    }
}

/// The node that it is compared with: the one named, or the only other primary.
fn other<'a>(topology: &'a Topology, old: &Node, than: Option<&NodeName>) -> Result<&'a Node> {
    if let Some(than) = than {
        return answering(topology, than);
    }
    let others: Vec<&Node> = primaries(topology)
        .into_iter()
        .filter(|n| n.name != old.name)
        .collect();
    match others[..] {
        [one] => Ok(one),
        [] if old.is_primary() => {
            let why = format!(
                "`{}` is the only primary: there is none that lacks its writes",
                old.name
            );
            let replica = topology.nodes.iter().find(|n| n.upstream().is_some());
            let hint = match replica {
                Some(replica) => format!(
                    "compare it with a replica: replctl lost {} --than {}",
                    old.name, replica.name
                ),
                None => "see which nodes answer: replctl status".to_owned(),
            };
            Err(Problem::new(why)
                .hint(hint)
                .because(Reason::Role)
                .exit(Exit::Refused))
        }
        [] => Err(nobody()),
        _ => Err(which(&old.name, others.len(), &others[0].name)),
    }
}

fn nobody() -> Error {
    Problem::new("there is no primary to compare it with")
        .hint("replctl status")
        .because(Reason::Role)
        .exit(Exit::Refused)
}

fn which(old: &NodeName, others: usize, one: &NodeName) -> Error {
    Problem::new(format!(
        "there are {others} other primaries, and --than does not name the one to compare with"
    ))
    .hint(format!("replctl lost {old} --than {one}"))
    .because(Reason::Role)
    .exit(Exit::Refused)
}

/// Writes both parts, each into a new file that no other user can read.
fn write(file: &Path, found: &LostWrites, judged: &Judged) -> Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".conflicts");
    let conflicts = PathBuf::from(name);
    for (path, wanted) in [
        (file, Judged::is_safe as Wanted),
        (&conflicts, Judged::is_conflict),
    ] {
        let pieces = replayable(&found.lost, |n| wanted(judged, n));
        let bytes = new_file::write(path, pieces)?;
        output::changed();
        output::note(&format!("wrote {} ({bytes} bytes)", path.display()));
    }
    let mut homeless = 0;
    for unit in found.lost.units() {
        homeless += usize::from(unit.map_err(|why| again(&why))?.db.is_none());
    }
    if homeless > 0 {
        output::not_to_be_missed(&Problem::new(format!(
            "{homeless} whose database cannot be known are in neither file; --json has them"
        )));
    }
    Ok(())
}

impl Remote for super::args::Lost {
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

impl Perform for Replay {
    fn tell(&self, _world: &World, finished: &Finished) -> bool {
        report(self, finished);
        true
    }

    fn perform<'a>(&'a self, _world: &'a World, _request: &'a Request<'a>) -> Option<Running<'a>> {
        None
    }
}
