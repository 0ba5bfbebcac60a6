//! One case: a tree, writers, the preparation, the race itself, and the judgement.

use crate::races::deed::Deed;
use crate::races::dice::Dice;
use crate::races::field::{FIRST, Field, SECOND, raced};
use crate::races::judge::{Judged, judge};
use crate::races::pairs::Race;
use crate::races::person::Stroke;
use crate::races::record::{Record, Who, now};
use crate::support::program::Replctl;
use crate::support::writer::{Load, Style, Writer};
use crate::support::{Ran, Running};
use std::any::Any;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// The time limit for a run beside another one. It finds two runs that step back for each other
/// forever.
const BOUND: Duration = Duration::from_secs(75);

/// How a case went.
#[derive(Default)]
pub struct Report {
    /// The server's family.
    pub family: String,
    /// The pair.
    pub title: String,
    /// What was found.
    pub judged: Judged,
    /// It did not come to its end.
    pub broken: Option<String>,
    /// All that is known of it, where something is wrong.
    pub story: String,
}

impl Report {
    /// A case that did not come to its end.
    pub fn broke_off(seed: u64, number: u64, why: &(dyn Any + Send)) -> Self {
        let race = Race::new(&mut Dice::new(seed, number), number);
        Self {
            family: raced()[usize::try_from(number).unwrap() % raced().len()]
                .name
                .to_owned(),
            title: race.title.to_owned(),
            judged: Judged::default(),
            broken: Some(format!("it broke off: {}; {race:?}", words_of(why))),
            story: String::new(),
        }
    }

    /// What is wrong, a sentence each.
    pub fn violations(&self) -> Vec<String> {
        let judged = self.judged.violations.iter().map(ToString::to_string);
        self.broken.clone().into_iter().chain(judged).collect()
    }

    /// Whether anything is.
    pub fn is_wrong(&self) -> bool {
        self.broken.is_some() || self.judged.is_wrong()
    }
}

/// What a panic said.
fn words_of(why: &(dyn Any + Send)) -> String {
    let text = why.downcast_ref::<String>().cloned();
    text.or_else(|| why.downcast_ref::<&str>().map(|s| (*s).to_owned()))
        .unwrap_or_default()
}

/// What one operator did.
pub struct Turn {
    /// Which operator.
    pub who: Who,
    /// What was asked for.
    pub deed: Deed,
    /// How it went.
    pub ran: Ran,
    /// When it began, as [`now`] tells it.
    pub began: i64,
    /// When it ended.
    pub ended: i64,
}

impl Turn {
    /// Whether its exit code is 0.
    pub fn went_through(&self) -> bool {
        self.ran.code == Some(0)
    }

    /// All it printed.
    pub fn said(&self) -> String {
        format!("{}\n{}", self.ran.stdout, self.ran.stderr)
    }
}

/// Runs case `number` of `seed`.
pub fn run(seed: u64, number: u64) -> Report {
    let mut dice = Dice::new(seed, number);
    let race = Race::new(&mut dice, number);
    let families = raced();
    let family = families[usize::try_from(number).unwrap() % families.len()];
    let field = Field::start(family, &race.parents);
    let operators = [
        field.operator(FIRST, race.hooked[0]),
        field.operator(SECOND, race.hooked[1]),
    ];
    if let Some(new) = race.took_over() {
        let whose = race.deeds.iter().position(|d| d.is_of_two()).unwrap();
        Deed::part(&field, &operators[whose], new);
    }
    let writer = Writer::start(load(&field, &race, family.name));
    writer.await_more(100, Duration::from_secs(20));
    for (deed, operator) in race.deeds.iter().zip(&operators) {
        deed.before(&field, operator);
    }
    let first = field.roles();
    // What the servers logged until here is older than this, be it by one millisecond.
    std::thread::sleep(Duration::from_millis(2));
    let begun = now();
    let turns = all_at_once(&field, &race, &operators);
    std::thread::sleep(Duration::from_millis(300));
    let tally = writer.stop();
    let record = Record::read(&field, &first, begun);
    let judged = judge(&field, &race, &operators, &turns, &record, &tally);
    Report {
        family: family.name.to_owned(),
        title: race.title.to_owned(),
        judged,
        broken: None,
        story: story(&race, family.name, &turns, &record.text(&field)),
    }
}

fn story(race: &Race, family: &str, turns: &[Turn], record: &str) -> String {
    let mut text = format!("{family}; {race:?}\n{record}");
    for turn in turns {
        let _ = write!(text, "\n--- {:?}: {}", turn.who, turn.ran);
    }
    text
}

fn load(field: &Field, race: &Race, family: &str) -> Load {
    // Scripts pass the fence of Redis 6.0: with two primaries a return is refused then, and its
    // backup has all.
    let lua = if race.took_over().is_some() && family == "redis-6.0" {
        Style::Set
    } else {
        Style::Lua
    };
    let styles = [
        Style::Set,
        Style::Transaction,
        lua,
        Style::Pipelined(4),
        Style::Blocking,
    ];
    let mut load = Load::plain(&[]).styles(&styles);
    let alone: Vec<usize> = race.deeds.iter().filter_map(|d| d.alone()).collect();
    let written = field.servers.iter().enumerate();
    load.nodes = written
        .filter(|(i, _)| !alone.contains(i))
        .map(|(_, server)| server.address())
        .collect();
    load.per_second = Some(300);
    load.patience = Duration::from_secs(1);
    load
}

/// The race itself: every operator and the person start at their random moments.
fn all_at_once(field: &Field, race: &Race, operators: &[Replctl<'_>]) -> Vec<Turn> {
    let start = Instant::now() + Duration::from_millis(20);
    let late = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let at = [start + late(-race.offset), start + late(race.offset)];
    std::thread::scope(|scope| {
        let turns = race.deeds.iter().enumerate().map(|(i, deed)| {
            let (operator, at) = (&operators[i], at[i]);
            let who = [Who::First, Who::Second][i];
            scope.spawn(move || turn(operator, *deed, who, at))
        });
        let turns: Vec<_> = turns.collect();
        scope.spawn(|| Stroke::all(&race.strokes, race.aimed, field, at[0]));
        let ended = turns.into_iter().map(|t| t.join().unwrap());
        ended.collect::<Vec<_>>()
    })
    .into_iter()
    .collect::<Result<Vec<_>, String>>()
    .unwrap_or_else(|why| panic!("{why}"))
}

fn turn(operator: &Replctl<'_>, deed: Deed, who: Who, at: Instant) -> Result<Turn, String> {
    let words = deed.words(operator);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = operator.command(&words);
    std::thread::sleep(at.saturating_duration_since(Instant::now()));
    let began = now();
    let ran = catch_unwind(AssertUnwindSafe(|| {
        Running::start(&mut command).wait(BOUND)
    }));
    let ran = ran.map_err(|why| words_of(&*why))?;
    Ok(Turn {
        who,
        deed,
        ran,
        began,
        ended: now(),
    })
}
