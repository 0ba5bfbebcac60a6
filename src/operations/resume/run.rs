//! `resume` and `rollback`: what is done about an operation that stopped half-way.

use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::server::ServerAction;
use crate::engine::journal::store::Record;
use crate::engine::journal::{At, Outcome, Progress};
use crate::engine::operate::{self, RunOptions};
use crate::engine::{Operation, Plan, Stage, hooks, pending_demotions};
use crate::error::{Exit, Problem, Reason, Result};
use crate::inventory::edit::Kind;
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::working_inventory::{Disk, Written};
use crate::output::ended::nothing;
use crate::topology::NodeName;
use crate::world::World;
use crate::world::sentinel::settle_failovers;
use crate::world::settle::settle;
use crate::{cli, operations, output, plan};
use std::collections::BTreeSet;

/// Runs `resume`, or `rollback` if `back`.
pub async fn run(
    world: &World,
    global: &cli::Global,
    args: &super::args::Resume,
    back: bool,
) -> Result<Exit> {
    let lock = world.store.lock(&operate::who())?;
    let Some(mut record) = find(world, args, back)? else {
        nothing(None, "Nothing to do: no operation is unfinished.", &[]);
        return Ok(Exit::Done);
    };
    let verb = if back {
        "Putting back"
    } else {
        "Going on with"
    };
    output::note(&format!("{verb} {}", record.id));
    plan::hooks::name_commands(&mut record.plan, &world.inventory.hooks);
    let asked = RunOptions::new(global, args.yes, false).with(args.others);
    if record.hook_left() && args.no_hooks {
        let of = &record.plan.operation;
        nothing(Some(of), "Nothing to do: only a hook is left.", &[]);
        return Ok(Exit::Done);
    }
    if record.hook_left() {
        return hooks::tell_again(world, &asked, record).await;
    }
    if args.no_hooks {
        hooks::leave_out(&mut record);
    }
    if record.plan.changes_passwords() {
        world.passwords.knock(true).await;
        same_password(world, &record, back).await?;
    }
    settle(&world.connections, &still_there(&record)).await?;
    let sentinels = &world.sentinels.connections;
    let (plan, progress) = (&record.plan, &record.progress);
    settle_failovers(sentinels, &world.connections, plan, progress).await;
    let operation = record.plan.operation.clone();
    let id = record.id.clone();
    let done = record.progress.done.clone();
    let files = rewritten(&record.plan, &record.progress);
    let finished = operate::take_up(world, &asked, record, back).await?;
    hooks::on_failure(world, &finished, asked.verbose).await;
    if let (true, Outcome::RolledBack { at, .. }) = (back, &finished.outcome) {
        let rest = rest(stays(&finished.plan, &done, at.stage), &files);
        let text = format!("{} was put back; {rest}. See: replctl status", finished.id);
        operate::print(&finished, Some(&text));
        return Ok(Exit::Done);
    }
    if !operations::perform::tell(world, &operation, &finished) {
        let text = format!("{id} is done. See: replctl status");
        let done = finished.outcome == Outcome::Completed;
        operate::print(&finished, done.then_some(text.as_str()));
    }
    let exit = hooks::warned(&finished);
    drop(lock);
    if finished.outcome == Outcome::Completed {
        pending_demotions::demote_pending(world, &asked).await?;
    }
    operate::verdict(&finished, &operation.properties().again()).map_or(Ok(exit), Err)
}

/// The connections of an earlier run, but those to servers that it has ended: they ended with them,
/// and a server that was started since has others of these numbers.
fn still_there(record: &Record) -> Vec<(NodeName, u64)> {
    let ended = |node: &NodeName| {
        record.plan.numbered().any(|((stage, step), s)| {
            let begun = record.progress.started.contains(&At { stage, step });
            let ends = matches!(s.action, Action::Server(ServerAction::ShutDown { .. }));
            begun && ends && s.node == *node
        })
    };
    let all = record.progress.connections.iter();
    all.filter(|(node, _)| !ended(node)).cloned().collect()
}

/// What is not put back, in words, where the stage of this number is. `None`: all is.
fn stays(plan: &Plan, done: &BTreeSet<At>, stage: usize) -> Option<&'static str> {
    if plan.goes_back_whole() {
        return None;
    }
    let changes = |stage: &Stage| stage.steps.iter().any(|s| s.action.changes_something());
    let adopts = |stage: &Stage| {
        let is_end = |action: &Action| matches!(action, Action::Local(LocalAction::EditInventory(edit)) if edit.kind == Kind::Adopt);
        stage.steps.iter().any(|s| is_end(&s.action))
    };
    let whole = plan.stages.iter().enumerate().filter(|(index, stage)| {
        let mut steps = (0..stage.steps.len()).map(|step| At {
            stage: *index,
            step,
        });
        steps.all(|at| done.contains(&at))
    });
    let whole: Vec<&Stage> = whole.map(|(_, stage)| stage).collect();
    if whole.iter().copied().any(adopts) {
        return Some("the nodes that were adopted before stay adopted");
    }
    let passed = if let Operation::Adopt(_) = plan.operation {
        // A wait may come first.
        plan.stages.iter().take(stage).any(changes)
    } else {
        stage > 0
    };
    let some = passed || whole.iter().copied().any(changes);
    some.then_some("the stages before it stay as they are")
}

/// The nodes that were to be adopted whose servers were told to write their former files. The way
/// back leaves these files as they are.
fn rewritten(plan: &Plan, progress: &Progress) -> Vec<NodeName> {
    let Operation::Adopt(_) = plan.operation else {
        return Vec::new();
    };
    let Some(last) = progress.started.last().map(|at| at.stage) else {
        return Vec::new();
    };
    let steps = plan.numbered().filter(|((stage, step), s)| {
        let at = At {
            stage: *stage,
            step: *step,
        };
        let writes = s.action == Action::Server(ServerAction::PersistRole);
        writes && *stage == last && progress.started.contains(&at)
    });
    let last_is_done = plan.stages.get(last).is_some_and(|stage| {
        let mut steps = (0..stage.steps.len()).map(|step| At { stage: last, step });
        steps.all(|at| progress.done.contains(&at))
    });
    let nodes = steps.map(|(_, s)| s.node.clone());
    nodes.filter(|_| !last_is_done).collect()
}

/// What stays after a rollback. `stays`: what is done, and stays.
fn rest(stays: Option<&str>, files: &[NodeName]) -> String {
    let mut rest = stays.unwrap_or("all is as it was before").to_owned();
    let nodes: Vec<String> = files.iter().map(|node| format!("`{node}`")).collect();
    if !nodes.is_empty() {
        let but = if stays.is_some() {
            "; only"
        } else {
            ", but for"
        };
        let differs = if stays.is_some() { " may differ" } else { "" };
        rest = format!(
            "{rest}{but} the former configuration file of {}{differs}, which its server was told to write",
            nodes.join(" and ")
        );
    }
    rest
}

/// Refuses if the inventory no longer names the password that some servers were given. With another
/// one, the other servers would get a different password, and replicas would be refused.
async fn same_password(world: &World, record: &Record, back: bool) -> Result<()> {
    let done = |stage, step| record.progress.done.contains(&At { stage, step });
    let given = record.plan.given(&done);
    // The last password to be put back may be restored already, if only the end of its undo failed.
    if given.is_empty() || back && given.len() == 1 {
        return Ok(());
    }
    let id = &record.id;
    let verb = if back { "rollback" } else { "resume" };
    let names: BTreeSet<String> = given.iter().map(|(n, _)| format!("`{n}`")).collect();
    let names = Vec::from_iter(names).join(", ");
    let (what, hint) = match world.passwords.has_given(&given).await {
        Some(true) => return Ok(()),
        Some(false) => (
            format!(
                "the inventory's password is not the one that `{id}` has given to servers ({names}); nothing was touched"
            ),
            format!("name that one in the inventory again; then: replctl {verb} {id}"),
        ),
        None => (
            format!(
                "whether the inventory's password is still the one that `{id}` has given to servers ({names}) cannot be seen; nothing was touched"
            ),
            format!("bring one of them back; then: replctl {verb} {id}"),
        ),
    };
    Err(Problem::new(what)
        .hint(hint)
        .because(Reason::Secret)
        .exit(Exit::Refused))
}

/// The operation that is meant. A hook that failed after a promotion is run again only if nothing
/// else was done since.
fn find(world: &World, args: &super::args::Resume, back: bool) -> Result<Option<Record>> {
    operate::nothing_unknown(&world.store)?;
    let Some(id) = &args.id else {
        let left = || world.store.hook_left().filter(|_| !back);
        return Ok(world.store.unfinished().or_else(left));
    };
    let newest = world.store.hook_left().filter(|_| !back);
    let left = |record: &Record| newest.as_ref().is_some_and(|n| n.id == record.id);
    let open = world.store.open_operations(None);
    let is_open = open.iter().any(|story| story.id == *id);
    match world.store.record(id) {
        Some(record) if is_open || left(&record) => Ok(Some(record)),
        Some(record) if record.unfinished() => {
            let what = format!(
                "`{id}` was left as it was, or other operations came after it; nothing was touched"
            );
            Err(Problem::new(what)
                .hint("replctl status")
                .because(Reason::Undo)
                .exit(Exit::Refused))
        }
        Some(_) => Ok(None),
        None => Err(Problem::new(format!("there is no operation `{id}`"))
            .hint("replctl status names the unfinished one")
            .exit(Exit::Usage)),
    }
}

impl Remote for super::args::Resume {
    fn only_looks(&self) -> bool {
        false
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        disk.with_node_of(self)
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, around.global, self, false))
    }
}

impl Remote for super::args::Rollback {
    fn only_looks(&self) -> bool {
        false
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        disk.with_node_of(&self.args)
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, around.global, &self.args, true))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::{Adopt, Step};
    use crate::simulation::adopt::model::World;

    #[test]
    fn nodes_that_were_adopted_before_a_crash_stay_adopted_and_that_is_said() {
        let world = World::new(&[None, Some(0), Some(0)], 0b110, true);
        world
            .lock()
            .hosts
            .get_mut(&"n2".into())
            .unwrap()
            .old
            .as_mut()
            .unwrap()
            .role = None;
        let plan = plan_of(&world, &["n1", "n2"]);
        let whole = plan.stages[0].steps.len();
        assert_eq!(said(&plan, 0, whole - 1), "all is as it was before");
        // Exactly between the two.
        let stay = "the nodes that were adopted before stay adopted";
        assert_eq!(said(&plan, 0, whole), stay);
        assert_eq!(said(&plan, 1, 2), stay);
        let second = said(&plan, 1, 9);
        assert!(second.contains("; only the former configuration file of `n2` may differ"));
    }

    #[test]
    fn a_hand_over_that_is_put_back_before_the_first_adoption_leaves_nothing() {
        let world = World::new(&[None, Some(0)], 0b01, true);
        let plan = plan_of(&world, &["n0"]);
        let mut steps = plan.stages[1].steps.iter();
        let pause = |s: &Step| matches!(s.action, Action::Server(ServerAction::PauseWrites { .. }));
        let pause = steps.position(pause).unwrap();
        assert_eq!(said(&plan, 1, pause + 1), "all is as it was before");
    }

    fn plan_of(world: &World, nodes: &[&str]) -> Plan {
        let op = Adopt {
            nodes: nodes.iter().map(|node| (*node).into()).collect(),
            hand_back: false,
            pause: false,
        };
        world.lock().plan(&op).unwrap()
    }

    /// What a rollback says if so many steps of a stage, and all stages before it, are done.
    fn said(plan: &Plan, stage: usize, steps: usize) -> String {
        let places = (0..steps).map(move |step| At { stage, step });
        let earlier = (0..stage).flat_map(|stage| {
            let steps = plan.stages[stage].steps.len();
            (0..steps).map(move |step| At { stage, step })
        });
        let all: Vec<At> = earlier.chain(places).collect();
        let mut progress = Progress::default();
        progress.started.extend(all.iter().copied());
        progress.done.extend(all);
        rest(
            stays(plan, &progress.done, stage),
            &rewritten(plan, &progress),
        )
    }
}
