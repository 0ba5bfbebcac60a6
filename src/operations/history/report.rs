//! The operations of a deployment, as text and as `--json`. Journals also have text from servers,
//! so it is escaped here.

use crate::engine::Operation;
use crate::engine::journal::store::Abandoned;
use crate::engine::journal::story::{PastRun, Stand, Story, Trouble};
use crate::output::escape;
use crate::output::outcome::{local, outcome};
use crate::output::paint::Tone;
use crate::output::screen::duration;
use crate::output::table::{self, Cell, Column, Options};
use crate::topology::phrases;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// All that is shown.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// The newest first.
    pub stories: &'a [Story],
    /// How many older ones are left out.
    pub older: usize,
    /// The ids of those that are unfinished.
    pub open: &'a [String],
    /// The operations that were left as they are: by which operator, and since when.
    pub left: BTreeMap<&'a str, &'a Abandoned>,
    /// Whoever holds the lock now.
    pub holder: Option<&'a str>,
    /// The moment of this look.
    pub now: Timestamp,
    /// Where the reader is.
    pub zone: TimeZone,
}

#[derive(Serialize)]
struct History<'a> {
    deployment: &'a str,
    /// Whoever works on the deployment now, on this machine.
    running: Option<&'a str>,
    /// How many older ones are left out.
    older: usize,
    operations: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    /// What was typed behind `replctl`.
    line: String,
    /// Null where this replctl does not know it.
    operation: Option<&'a Operation>,
    begun: Option<Timestamp>,
    ended: Option<Timestamp>,
    /// Of all its runs together.
    took_ms: f64,
    /// Who ran it last.
    who: Option<&'a str>,
    outcome: Stand,
    /// It must be resumed, rolled back or abandoned.
    unfinished: bool,
    /// Who has left it as it is (`replctl abandon`), and since when; null where nobody has.
    left_as_it_is: Option<Left<'a>>,
    /// Why not all of its journal can be read.
    damage: Option<&'a str>,
    /// What it did not complete.
    troubles: Vec<Trouble>,
    runs: &'a [PastRun],
}

#[derive(Serialize)]
struct Left<'a> {
    who: &'a str,
    since: Timestamp,
}

impl Shown<'_> {
    fn unfinished(&self, story: &Story) -> bool {
        self.open.contains(&story.id)
    }
}

/// All of it.
pub fn history<'a>(shown: &'a Shown<'a>) -> impl Serialize + 'a {
    let listed = shown.stories.iter().map(|story| Listed {
        id: &story.id,
        line: story.line(),
        operation: story.operation.as_ref(),
        begun: story.begun,
        ended: story.runs.last().map(|run| run.ended),
        took_ms: story.took().as_secs_f64() * 1e3,
        who: story.who(),
        outcome: story.stand(shown.holder),
        unfinished: shown.unfinished(story),
        left_as_it_is: shown.left.get(story.id.as_str()).map(|left| Left {
            who: &left.who,
            since: left.since,
        }),
        damage: story.damage.as_deref(),
        troubles: story.troubles(),
        runs: &story.runs,
    });
    History {
        deployment: shown.deployment,
        running: shown.holder,
        older: shown.older,
        operations: listed.collect(),
    }
}

/// The table, and what to do about an operation that is unfinished.
pub fn text(shown: &Shown<'_>, options: Options) -> String {
    if shown.stories.is_empty() {
        let deployment = escape(shown.deployment);
        return format!("No such operation on `{deployment}` is recorded on this machine.");
    }
    let columns = [
        Column::text("id", 0),
        Column::text("when", 3),
        Column::number("ago", 5),
        Column::number("took", 2),
        Column::text("who", 4),
        Column::text("what", 1),
        Column::text("outcome", 0).cut(),
    ];
    let rows: Vec<Vec<Cell>> = shown.stories.iter().map(|s| row(shown, s)).collect();
    let mut out = table::render(&columns, &rows, options);
    if shown.older > 0 {
        let _ = writeln!(out, "{} older: --limit 0 lists all", shown.older);
    }
    for story in shown.stories.iter().filter(|s| shown.unfinished(s)) {
        let id = escape(&story.id);
        let _ = match &story.damage {
            None => writeln!(
                out,
                "\n`{id}` is unfinished.\n hint: replctl resume {id}, or: replctl rollback {id}"
            ),
            Some(why) => writeln!(
                out,
                "\n`{id}` is unfinished, and what it did is not known: {}.\n hint: replctl abandon {id}",
                escape(why)
            ),
        };
    }
    out.truncate(out.trim_end().len());
    out
}

fn row(shown: &Shown<'_>, story: &Story) -> Vec<Cell> {
    let stand = story.stand(shown.holder);
    let ago = story.begun.map(|begun| {
        let seconds = shown.now.duration_since(begun).as_secs();
        phrases::duration(u64::try_from(seconds).unwrap_or(0))
    });
    let mut outcome = outcome(story, stand);
    if let Some(left) = shown.left.get(story.id.as_str()) {
        let since = local(left.since, &shown.zone);
        outcome = format!("left as it is by {} on {since}: {outcome}", left.who);
    }
    let took = (stand != Stand::Unreadable).then(|| duration(story.took().as_secs_f64() * 1e3));
    let dash = || "-".to_owned();
    vec![
        Cell::plain(escape(&story.id)),
        Cell::plain(
            story
                .begun
                .map_or_else(dash, |begun| local(begun, &shown.zone)),
        ),
        Cell::plain(ago.unwrap_or_else(dash)),
        Cell::plain(took.unwrap_or_else(dash)),
        Cell::plain(story.who().map_or_else(dash, escape)),
        Cell::plain(escape(&story.line())),
        Cell {
            text: escape(&outcome),
            style: style(stand),
        },
    ]
}

fn style(stand: Stand) -> Tone {
    match stand {
        Stand::Done => Tone::Good,
        Stand::Running | Stand::Incomplete | Stand::RolledBack | Stand::Vetoed => Tone::Warn,
        Stand::Halted | Stand::Stopped | Stand::CutShort | Stand::Unreadable => Tone::Bad,
    }
}
