//! `undo`: undoes a finished operation by another operation of the ordinary kind.

use crate::engine::journal::Moment;
use crate::engine::journal::store::Store;
use crate::engine::journal::story::{Stand, Story};
use crate::engine::operate::{self, RunOptions};
use crate::engine::{Changes, Operation, Plan};
use crate::error::{Exit, Problem, Reason, Result};
use crate::inventory::edit::Edit;
use crate::operations::command::{Remote, Running, Surroundings};
use crate::operations::perform::{Request, perform};
use crate::operations::working_inventory::{Disk, Written};
use crate::output::ended::nothing;
use crate::plan::detached;
use crate::plan::forecast::Unkept;
use crate::plan::hooks::Wanted;
use crate::plan::reverse::{Past, Reverse, reverse};
use crate::topology::NodeName;
use crate::topology::detached::Observed;
use crate::world::World;
use crate::{cli, output};

/// Runs the command.
pub async fn run(
    world: &World,
    global: &cli::Global,
    args: &super::args::Undo,
    edit: Option<Edit>,
) -> Result<Exit> {
    let ids = world.store.ids();
    let id = crate::engine::operation_id::find(&ids, &args.id, &world.inventory.name)?;
    let story = world.store.story(id);
    if let Some(why) = put_back(&story) {
        nothing(None, &format!("Nothing to do: {why}."), &[]);
        return Ok(Exit::Done);
    }
    let past = past(world, &ids, &story)?;
    operate::nothing_comes_first(world)?;
    let seen = world.observe_servers().await;
    if let Some(node) = stands_alone(&past, &seen) {
        let refusal = detached::refusal(&node, detached::primary(&seen).as_ref());
        return Err(output::plan::refused(vec![refusal]));
    }
    let operation = match reverse(&past, seen.all()).map_err(output::plan::refused)? {
        Reverse::Nothing(why) => {
            nothing(None, &format!("Nothing to do: {why}."), &[]);
            return Ok(Exit::Done);
        }
        Reverse::Do(operation) => operation,
    };
    let say = if args.yes || args.dry_run {
        output::note
    } else {
        output::before_question
    };
    say(&output::escape(&format!(
        "To undo `{}`: replctl {}",
        story.line(),
        operation.line()
    )));
    let accepted: Vec<Unkept> = args.ignore.iter().copied().map(Unkept::from).collect();
    let asked = RunOptions::new(global, args.yes, args.dry_run).with(args.others);
    let request = Request {
        asked,
        hooks: if args.no_hooks {
            Wanted::None
        } else {
            Wanted::All
        },
        undoes: Some(&past),
        accepted: &accepted,
        edit: edit.as_ref(),
    };
    perform(world, &operation, &request).await
}

/// The node that would be promoted, if it was detached since.
fn stands_alone(past: &Past, now: &Observed) -> Option<NodeName> {
    let Operation::Promote(promote) = &past.operation else {
        return None;
    };
    let old = past.old_primary(&promote.node)?;
    now.is_detached(&old).then_some(old)
}

/// Why an operation left nothing to undo; `None` if it left something.
fn put_back(story: &Story) -> Option<String> {
    let id = output::escape(&story.id);
    match story.stand(None) {
        Stand::RolledBack => Some(format!("`{id}` failed, and was put back")),
        Stand::Vetoed => Some(format!("`{id}` was forbidden before it had begun")),
        Stand::Running
        | Stand::Done
        | Stand::Incomplete
        | Stand::Halted
        | Stand::Stopped
        | Stand::CutShort
        | Stand::Unreadable => None,
    }
}

/// What the journal says of a finished operation. An error if it is not finished, or if the journal
/// does not say.
fn past(world: &World, ids: &[String], story: &Story) -> Result<Past> {
    let id = output::escape(&story.id);
    let refused = |reason, what: String, hint: String| {
        let problem = Problem::new(what).hint(hint).because(reason);
        problem.exit(Exit::Refused)
    };
    let unread = || {
        let what = format!("the journal of `{id}` cannot be read, so it cannot be undone");
        refused(Reason::Unknown, what, "replctl status".to_owned())
    };
    let (Some(operation), Some(plan)) = (story.operation.clone(), story.plan.clone()) else {
        return Err(unread());
    };
    match story.stand(world.store.holder().as_deref()) {
        Stand::Running => {
            return Err(refused(
                Reason::Locked,
                format!("`{id}` is running"),
                "wait for its end: replctl history".to_owned(),
            ));
        }
        Stand::Unreadable => return Err(unread()),
        Stand::Halted | Stand::Stopped | Stand::CutShort => {
            return Err(refused(
                Reason::Unfinished,
                format!("`{id}` was never finished, so there is nothing whole to undo"),
                format!("replctl rollback {id}, or: replctl resume {id}"),
            ));
        }
        Stand::Done | Stand::Incomplete | Stand::RolledBack | Stand::Vetoed => {}
    }
    let before = story.snapshot(Moment::Before);
    let nodes = before.iter().flat_map(|s| &s.nodes);
    let followed = nodes.filter_map(|node| {
        let up = match &node.server.as_ref()?.upstream {
            // It followed a server that is no node of the deployment, so it was no primary.
            Some(up) => Some(up.node.clone()?),
            None => None,
        };
        Some((node.name.clone(), up))
    });
    Ok(Past {
        followed: followed.collect(),
        later: later(&world.store, ids, &story.id, &operation, &plan),
        operation,
        plan,
    })
}

/// The newest later operation that did something and concerns the same nodes.
fn later(
    store: &Store,
    ids: &[String],
    id: &str,
    operation: &Operation,
    plan: &Plan,
) -> Option<String> {
    let mine: Vec<&NodeName> = match operation.answers().changes {
        // A change of the primary concerns all nodes of its plan.
        Changes::Primary => plan.steps().map(|s| &s.node).collect(),
        Changes::Roles | Changes::Members | Changes::Nothing => {
            operation.node().into_iter().collect()
        }
    };
    let newer = ids.iter().take_while(|other| *other != id);
    let mut stories = newer.map(|other| store.story(other));
    let found = stories.find(|story| {
        if story.damage.is_some() {
            return true; // whatever it did
        }
        let did = matches!(story.stand(None), Stand::Done | Stand::Incomplete);
        let operation = story.operation.as_ref();
        let undoable = operation.is_some_and(|o| o.answers().changes.is_in_the_way());
        did && undoable && mine.iter().any(|node| story.touches(node))
    });
    found.map(|story| story.id)
}

impl Remote for super::args::Undo {
    fn only_looks(&self) -> bool {
        false
    }

    fn inventory(&self, disk: Disk) -> Result<Written> {
        Ok(disk.with_removed(self))
    }

    fn run<'a>(&'a self, around: Surroundings<'a>) -> Running<'a> {
        Box::pin(run(around.world, around.global, self, around.edit))
    }
}
