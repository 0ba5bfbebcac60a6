//! Two kinds of operations come before every change: one that changed roles and stopped half-way,
//! and one with an unknown effect.

use crate::engine::journal::store::{FileJournal, Store, Unread};
use crate::engine::journal::story::Story;
use crate::engine::journal::{At, Entry, Journal, Outcome};
use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::output;
use crate::world::World;

/// Whether nothing comes before a change.
///
/// # Errors
/// Refused, with every such operation. The running operation is not among them: its lock shows that
/// it runs.
pub fn nothing_comes_first(world: &World) -> Result<()> {
    let holder = world.store.holder();
    free(&world.store, holder.as_deref())
}

/// The same for the holder of the lock: no other operation runs, whatever the process ids say.
pub fn still_nothing(world: &World) -> Result<()> {
    free(&world.store, None)
}

/// Refused while there is an operation with an unknown effect.
pub fn nothing_unknown(store: &Store) -> Result<()> {
    let open = store.open_operations(None);
    refused(open.iter().filter_map(unknown).collect())
}

/// Refused while a note of earlier operations cannot be read: without it, a detached node would
/// count as a second primary.
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

/// Ends the journal of an operation that began no step, whatever the mode of its first stage.
pub fn never_begun(journal: &FileJournal, why: &str) -> Outcome {
    let outcome = Outcome::RolledBack {
        at: At { stage: 0, step: 0 },
        why: why.to_owned(),
    };
    let entry = Entry::Ended {
        outcome: outcome.clone(),
    };
    // If this line cannot be written either, that is reported.
    let _ = journal.record(&entry, true);
    outcome
}

/// Whether an unfinished operation comes before every change. The topology that it left looks
/// legitimate, and may not be.
///
/// This is true for all operations that change the roles of servers with data. The others leave
/// every role as it was: half a setup is simply set up again, half an `add` or `remove` is a node
/// more or less, and `lost --replay` does nothing twice.
fn comes_first(story: &Story) -> bool {
    let operation = story.operation.as_ref().filter(|_| story.damage.is_none());
    operation.is_none_or(|operation| operation.answers().changes.comes_first())
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
