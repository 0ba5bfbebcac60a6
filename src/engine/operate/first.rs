//! What comes before every change: an operation that stopped half-way and changed roles, and one of
//! which nobody knows what it did.

use crate::engine::Operation;
use crate::engine::journal::store::{FileJournal, Store, Unread};
use crate::engine::journal::story::Story;
use crate::engine::journal::{At, Entry, Journal, Outcome};
use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::output;
use crate::world::World;

/// Whether nothing comes before a change.
///
/// # Errors
/// Refused, with all that does. What runs at this moment is not among it: its lock says so.
pub fn nothing_comes_first(world: &World) -> Result<()> {
    let holder = world.store.holder();
    free(&world.store, holder.as_deref())
}

/// The same for whoever has the lock: nothing else runs, whatever the numbers of processes say.
pub fn still_nothing(world: &World) -> Result<()> {
    free(&world.store, None)
}

/// Refused while there is an operation of which it is not known what it did.
pub fn nothing_unknown(store: &Store) -> Result<()> {
    let open = store.open_operations(None);
    refused(open.iter().filter_map(unknown).collect())
}

/// Refused while a note of what earlier operations left cannot be read: a node that stands alone on
/// purpose would be taken for a second primary.
pub fn notes_known(store: &Store) -> Result<()> {
    let problems = store.unread().iter().map(not_known).collect();
    refused(problems)
}

/// A note that cannot be read, and the way on.
pub fn not_known(note: &Unread) -> Problem {
    let path = output::escape(&note.path.display().to_string());
    Problem::new(format!(
        "{path} cannot be read, so it is not known {}; nothing was touched",
        note.unknown
    ))
    .because(Reason::Unknown)
    .cause(output::escape(&note.why))
    .hint(output::escape(&format!(
        "repair it, or put it aside, and its contents no longer count: {}",
        note.aside
    )))
}

fn free(store: &Store, holder: Option<&str>) -> Result<()> {
    let open = store.open_operations(holder);
    let first = open.iter().filter(|story| comes_first(story));
    refused(
        first
            .map(|s| unknown(s).unwrap_or_else(|| half_way(s)))
            .collect(),
    )
}

fn refused(problems: Vec<Problem>) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let exit = Exit::Refused;
    Err(Error { problems, exit })
}

/// Ends the journal of an operation of which no step was begun, whatever the mode of its first
/// stage is.
pub fn never_begun(journal: &FileJournal, why: &str) -> Outcome {
    let outcome = Outcome::RolledBack {
        at: At { stage: 0, step: 0 },
        why: why.to_owned(),
    };
    let entry = Entry::Ended {
        outcome: outcome.clone(),
    };
    // Where this cannot be written either, that is said.
    let _ = journal.record(&entry, true);
    outcome
}

/// Whether an unfinished operation comes before every change: what it left looks like a legitimate
/// topology, and may not be one.
///
/// That is so of all that change the roles of servers that have data. The others leave every role
/// as it was: half of a setup is simply set up again, half an `add` or `remove` is a node more or
/// less, and what `lost --replay` has done is not done twice.
fn comes_first(story: &Story) -> bool {
    if story.damage.is_some() {
        return true;
    }
    match &story.operation {
        Some(
            Operation::Promote(_)
            | Operation::Move(_)
            | Operation::Detach(_)
            | Operation::Rejoin(_)
            | Operation::Repair(_)
            | Operation::Adopt(_),
        )
        | None => true,
        Some(
            Operation::Setup(_)
            | Operation::Sentinels(_)
            | Operation::Replay(_)
            | Operation::Add(_)
            | Operation::Remove(_),
        ) => false,
    }
}

fn half_way(story: &Story) -> Problem {
    let id = output::escape(&story.id);
    Problem::new(format!(
        "`{id}` stopped half-way and comes first; nothing was touched"
    )).because(Reason::Unfinished)
    .hint(format!(
        "replctl resume {id}, or: replctl rollback {id} (to leave it as it is: replctl abandon {id})"
    ))
}

fn unknown(story: &Story) -> Option<Problem> {
    let id = output::escape(&story.id);
    let why = story.damage.as_ref()?;
    let what =
        format!("what `{id}` did is not known: its journal cannot be read; nothing was touched");
    let hint = format!(
        "look at the nodes: replctl status; then, to leave it as it is: replctl abandon {id}"
    );
    Some(
        Problem::new(what)
            .because(Reason::Unknown)
            .cause(output::escape(why))
            .hint(hint),
    )
}
