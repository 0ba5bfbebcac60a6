//! Replays on the new primary what only an old primary has, portion by portion. Each portion is one
//! transaction: it is done as a whole or not at all, and it names what it replays. If a client
//! writes one of its keys at the last moment, it is not done.

use super::backup::lost_in_backup;
use super::lost::{Streams, apart, judged};
use super::replication::{Acted, seen};
use super::resp::{Conn, REPLY};
use super::unreachable::from_redis;
use crate::actions::rescue::Source;
use crate::engine::execute::Failure;
use crate::output::escape;
use crate::rescue::lost_writes::{LostWrites, StreamEnd};
use crate::rescue::mark::{CHANNEL, mark, name, says_only};
use crate::rescue::parts::{Meanwhile, Part, in_groups, in_order, smaller};
use crate::rescue::stream::Unit;
use crate::topology::{NodeName, Trouble, phrases};
use redis::{Cmd, Pipeline, Value};
use std::collections::{HashSet, VecDeque};
use std::path::Path;
use std::time::Duration;

/// How often a portion that cannot be made smaller is tried while clients write its keys at that
/// very moment.
const TRIES: u32 = 5;
/// How long a portion may take: the server runs all of it in one go.
const PORTION: Duration = Duration::from_secs(10);
/// Longest piece of a stream that is replayed: it is held in memory, bytes.
const LONGEST: u64 = 512 << 20;
/// Keys that are watched by one command.
const WATCHED: usize = 1_000;

/// What came of it.
#[derive(Debug, Default)]
struct Sum {
    commands: usize,
    portions: usize,
    left_out: usize,
    refused: usize,
    first: Option<String>,
}

/// What has come over the new primary's stream since the commands were judged.
#[derive(Debug, Default)]
struct Since {
    /// Up to where it was read.
    end: StreamEnd,
    /// What clients have written.
    written: Meanwhile,
    /// The names of the units that were sent to be replayed.
    ours: HashSet<u64>,
}

/// How a portion ended.
enum Ended {
    /// Done. How many commands the server refused, and the reason for the first.
    Done(usize, Option<String>),
    /// A client wrote one of its keys: nothing of it was done.
    Touched,
}

/// Replays the commands that `node` lacks, and reads them from `source`.
pub(super) async fn replay(
    streams: &Streams,
    node: &NodeName,
    of: &NodeName,
    source: &Source,
    conflicts: bool,
) -> Acted {
    let Some(found) = lost_writes(streams, node, of, source).await? else {
        return Ok(seen("nothing is lost"));
    };
    let bytes = (found.to + 1).saturating_sub(found.from);
    if bytes > LONGEST {
        return Err(Failure::none(format!(
            "{} are more than are replayed at once",
            phrases::bytes(bytes)
        )));
    }
    let judged = judged(&found).await.map_err(|e| failed(&e))?;
    let LostWrites { lost, since, .. } = found;
    let mut heard = Since {
        end: since.map_err(Failure::none)?.end,
        ..Since::default()
    };
    let wanted = move |n: usize| judged.is_safe(n) || conflicts && judged.is_conflict(n);
    let lost = apart(move || lost.picked(wanted)).await;
    let lost = lost.map_err(Failure::none)?;
    let parts = if conflicts {
        in_order(&lost)
    } else {
        in_groups(&lost)
    };
    // The commands may change the database and watch keys, so nothing else uses this connection.
    let conn = streams.connections.fresh(node).await?;
    let mut sum = Sum::default();
    let mut parts: VecDeque<(Part, u32)> = parts.into_iter().map(|part| (part, 0)).collect();
    while let Some((mut part, tried)) = parts.pop_front() {
        if !conflicts {
            let left = still_safe(streams, node, &conn, &lost, &mut heard, &mut part);
            sum.left_out += left.await.map_err(|f| sum.stopped_by(&f))?;
        }
        if part.units.is_empty() {
            continue;
        }
        match transaction(&conn, &lost, &part, &mut heard.ours).await {
            Ok(Ended::Done(refused, first)) => sum.add(commands(&lost, &part), refused, first),
            Ok(Ended::Touched) if tried < TRIES => {
                let smaller = smaller(&lost, &part);
                // Only one that cannot be made smaller uses up its tries.
                let tried = tried + u32::from(smaller.len() == 1);
                smaller
                    .into_iter()
                    .rev()
                    .for_each(|part| parts.push_front((part, tried)));
            }
            Ok(Ended::Touched) => sum.left_out += commands(&lost, &part),
            Err(failure) => return Err(sum.stopped_by(&failure)),
        }
    }
    sum.result()
}

fn failed(error: &crate::error::Error) -> Failure {
    Failure::none(super::rejoin::sentence(error))
}

/// The writes that `of` had and `node` lacks, read from `source`. `None`: there are none.
async fn lost_writes(
    streams: &Streams,
    node: &NodeName,
    of: &NodeName,
    source: &Source,
) -> Result<Option<LostWrites>, Failure> {
    let topology = streams.servers.look().await;
    let Some(new) = topology.get(node).filter(|n| n.is_primary()) else {
        return Err(Failure::none("it is no primary that answers any more"));
    };
    let found = match source {
        Source::Backup { folder } => lost_in_backup(streams, Path::new(folder), of, new).await,
        Source::Stream { up_to } => match topology.get(of) {
            Some(old) => streams.lost_up_to(old, new, *up_to).await,
            None => return Err(Failure::none(format!("there is no node `{of}` any more"))),
        },
    };
    found.map_err(|e| failed(&e))
}

/// Watches the keys of a portion, and removes the units whose keys clients have written by then.
/// Returns how many commands that are.
async fn still_safe(
    streams: &Streams,
    node: &NodeName,
    conn: &Conn,
    lost: &[Unit],
    heard: &mut Since,
    part: &mut Part,
) -> Result<usize, Failure> {
    watch(conn, lost, part).await?;
    let more = streams.hear_more(node, &mut heard.end).await;
    for unit in more.map_err(Failure::none)?.units() {
        let unit = unit.map_err(Failure::none)?;
        if !says_only(&unit, &heard.ours) {
            heard.written.push(&unit);
        }
    }
    let before = commands(lost, part);
    part.units = heard.written.leaves(lost, part);
    Ok(before - commands(lost, part))
}

fn commands(lost: &[Unit], part: &Part) -> usize {
    let units = part.units.iter().filter_map(|n| lost.get(*n));
    units.map(|unit| unit.count).sum()
}

impl Sum {
    fn add(&mut self, commands: usize, refused: usize, first: Option<String>) {
        self.commands += commands - refused;
        self.portions += 1;
        self.refused += refused;
        self.first = self.first.take().or(first);
    }

    fn stopped_by(&self, failure: &Failure) -> Failure {
        let before = match self.commands {
            0 => "nothing was replayed before".to_owned(),
            n => format!("{n} commands were replayed before, and are not replayed again"),
        };
        Failure {
            why: format!("{}; {before}", failure.why),
            effect: failure.effect,
        }
    }

    fn result(self) -> Acted {
        let s = |n: usize| if n == 1 { "" } else { "s" };
        let mut text = format!(
            "{} command{} in {} transaction{}",
            self.commands,
            s(self.commands),
            self.portions,
            s(self.portions)
        );
        if self.left_out > 0 {
            text = format!("{text}, {} left out: written meanwhile", self.left_out);
        }
        match self.first {
            Some(first) => Err(Failure::unknown(format!(
                "{text}, and {} refused by the server, the first: {}",
                self.refused,
                escape(&first)
            ))),
            None => Ok(seen(text)),
        }
    }
}

/// From now on, a write to one of its keys stops the transaction.
async fn watch(conn: &Conn, lost: &[Unit], part: &Part) -> Result<(), Failure> {
    let mut pipe = redis::pipe();
    pipe.cmd("UNWATCH").cmd("SELECT").arg(part.db);
    let keys: Vec<&[u8]> = part.keys(lost).into_iter().collect();
    for some in keys.chunks(WATCHED) {
        pipe.cmd("WATCH").arg(some);
    }
    let replies = conn.exchange(&pipe, REPLY).await;
    let replies = replies.map_err(|t| Failure::none(t.detail))?;
    match first_error(&replies) {
        Some(why) => Err(Failure::none(why)),
        None => Ok(()),
    }
}

/// Does one portion. `ours` gets the names of its units, if it was done.
async fn transaction(
    conn: &Conn,
    lost: &[Unit],
    part: &Part,
    ours: &mut HashSet<u64>,
) -> Result<Ended, Failure> {
    let units: Vec<&Unit> = part.units.iter().filter_map(|n| lost.get(*n)).collect();
    let marks: Vec<String> = units.iter().map(|unit| mark(unit)).collect();
    let mut pipe = redis::pipe();
    pipe.cmd("SELECT").arg(part.db);
    pipe.cmd("MULTI");
    pipe.cmd("PUBLISH").arg(CHANNEL).arg(marks.join(" "));
    for words in units.iter().flat_map(|unit| unit.commands()) {
        pipe.add_command(command(&words));
    }
    pipe.cmd("EXEC");
    let doubt = |t: Trouble| {
        Failure::unknown(format!(
            "{}: whether a transaction was done is not known; the next replay finds it out",
            t.detail
        ))
    };
    let mut replies = run(conn, &pipe).await.map_err(doubt)?;
    match replies.pop() {
        Some(Value::Nil) => Ok(Ended::Touched),
        Some(Value::Array(results)) => {
            ours.extend(units.iter().map(|unit| name(unit)));
            let errors = results
                .iter()
                .filter(|v| matches!(v, Value::ServerError(_)));
            Ok(Ended::Done(errors.count(), first_error(&results)))
        }
        // A command that is not even queued spoils the whole transaction. Its own reply has the
        // reason; this reply only says that it failed.
        Some(Value::ServerError(error)) => {
            let why = first_error(&replies).unwrap_or_else(|| from_redis(&error.into()).detail);
            Err(Failure::none(format!(
                "nothing of a transaction was done: {why}"
            )))
        }
        _ => Err(Failure::unknown("its answer to EXEC cannot be read")),
    }
}

async fn run(conn: &Conn, pipe: &Pipeline) -> Result<Vec<Value>, Trouble> {
    conn.exchange(pipe, PORTION).await
}

fn command(words: &[&[u8]]) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command
}

fn first_error(replies: &[Value]) -> Option<String> {
    replies.iter().find_map(|reply| {
        let Value::ServerError(error) = reply else {
            return None;
        };
        Some(from_redis(&error.clone().into()).detail)
    })
}
