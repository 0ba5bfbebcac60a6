//! `abandon`: leaves an operation that stopped half-way as it is. It only writes a note, and
//! neither looks at nor changes a server or a host. There is one exception: it puts back what the
//! operation set at Sentinels for a moment.

use crate::actions::sentinel::SentinelAction;
use crate::engine::info_period;
use crate::engine::journal::store::{ABANDONED, Store};
use crate::engine::operate::{self, who};
use crate::error::{Exit, Problem, Reason, Result};
use crate::inventory::Inventory;
use crate::operations;
use crate::operations::command::Local;
use crate::output::ended::nothing;
use crate::topology::NodeName;
use crate::world::{World, WorldOptions, inventory};
use crate::{cli, output};
use serde::Serialize;

/// Runs the command.
pub fn run(global: &cli::Global, args: &super::args::Abandon) -> Result<Exit> {
    let inventory = inventory::load(global)?;
    let store = Store::open(&inventory.name)?;
    // A command that works on the deployment now would otherwise continue the operation.
    let _lock = store.lock(&who())?;
    let ids = store.ids();
    let id = crate::engine::operation_id::find(&ids, &args.id, &inventory.name)?;
    let open = store.open_operations(None);
    let shown = output::escape(id);
    let Some(left) = open.iter().find(|story| story.id == *id) else {
        let message = format!("Nothing to do: `{id}` is not unfinished.");
        nothing(None, &message, &[]);
        return Ok(Exit::Done);
    };
    let unread = store.unread();
    if let Some(note) = unread.iter().find(|note| note.path.ends_with(ABANDONED)) {
        return Err(operate::not_known(note).exit(Exit::Refused));
    }
    let outcome = crate::output::outcome::outcome(left, left.stand(None));
    let say = if args.yes {
        output::note
    } else {
        output::before_question
    };
    say(&format!("{shown}: {}", output::escape(&outcome)));
    let at_sentinels = info_period::of(left);
    say(if at_sentinels.is_some() {
        "What it did to servers and hosts stays, except how often Sentinels look: replctl restores that first. The operation cannot be resumed or rolled back any more."
    } else {
        "What it did to servers and hosts stays. The operation cannot be resumed or rolled back any more."
    });
    if !args.yes {
        ask()?;
    }
    if let Some(back) = at_sentinels
        && let Err(error) = put_back(inventory, global, id, back)
    {
        // The note is written even if this fails.
        let why = error.problems.first().map_or("", |p| p.what.as_str());
        output::not_to_be_missed(
            &Problem::new("how often Sentinels look was not put back")
                .cause(output::escape(why))
                .hint("replctl sentinel status"),
        );
    }
    store.abandon(left, &who()).map_err(|error| {
        Problem::new(format!(
            "it cannot be noted that `{shown}` is left as it is"
        ))
        .cause(error)
        .exit(Exit::Failed)
    })?;
    output::changed();
    let content = Abandoned {
        id,
        left_as_it_is: true,
        before: &outcome,
    };
    output::print(&content, || {
        format!("`{shown}` is left as it is. Look at the nodes: replctl status")
    });
    Ok(Exit::Done)
}

/// The result.
#[derive(Serialize)]
struct Abandoned<'a> {
    /// The operation's id in the journal.
    id: &'a str,
    left_as_it_is: bool,
    /// Its state before.
    before: &'a str,
}

/// Puts the INFO period of the Sentinels back. The period is in no file, and nothing else corrects
/// it.
fn put_back(
    inventory: Inventory,
    global: &cli::Global,
    id: &str,
    back: (NodeName, SentinelAction),
) -> Result<()> {
    let options = WorldOptions {
        accept_new_host_keys: false,
        ask: output::can_ask(),
        concurrency: usize::from(global.concurrency),
        looks: true,
    };
    operations::with_threads(async {
        let world = World::enter(inventory, options).await?;
        info_period::put_back(&world, id, back).await;
        world.leave().await;
        Ok(())
    })
}

fn ask() -> Result<()> {
    if !output::can_ask() {
        let what = "there is no terminal to confirm it on; nothing was touched";
        return Err(Problem::new(what)
            .because(Reason::NoTerminal)
            .hint("give --yes")
            .exit(Exit::Refused));
    }
    let question = dialoguer::Confirm::new()
        .with_prompt("Leave it as it is?")
        .default(false);
    match output::ask(|| question.interact()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Problem::new("not confirmed; nothing was touched")
            .because(Reason::NotConfirmed)
            .exit(Exit::Refused)),
        Err(_) => Err(Problem::new("interrupted; nothing was touched").exit(Exit::Interrupted)),
    }
}

impl Local for super::args::Abandon {
    fn run(&self, global: &crate::cli::Global) -> Result<Exit> {
        run(global, self)
    }
}
