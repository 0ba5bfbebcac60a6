//! The only reader of journals. It makes a [`Story`] from the text of a file. The story reports
//! what could not be read.
//!
//! It reads format 1. A line counts only if it can be read, names steps that the plan has, and
//! stands where this replctl would have written it. The first line that fails this is
//! [`Story::damage`]: what the operation did is then not known. One exception: a line that was cut
//! because its writer died, at the end of the file or right before another run. Each step's line is
//! written before the step is sent, so a line that was cut tells nothing that the servers' roles do
//! not tell.

use super::story::Story;
use super::{At, Entry, Line};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

/// The format that is written and read.
pub const FORMAT: u32 = 1;
/// How much of the parser's error is repeated, characters.
const REPEATED: usize = 120;

/// What the first line tells, whatever the plan in it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Head {
    /// When it was written.
    pub time: Timestamp,
    /// The format, where it is a number.
    #[serde(default)]
    pub format: Option<serde_json::Value>,
    /// The place of the operation in the order of all; journals had none at first.
    #[serde(default)]
    pub sequence: Option<u64>,
    /// The operations that this one left behind unfinished.
    #[serde(default)]
    pub overtakes: Vec<String>,
    /// Who began it.
    #[serde(default)]
    pub who: String,
    /// The process that began it.
    #[serde(default)]
    pub process: Option<u32>,
    /// What its claims say of that process.
    #[serde(default)]
    pub claim: Option<String>,
    /// What was asked for.
    #[serde(default)]
    pub plan: RequestedOperation,
}

/// The requested operation of a plan whose other parts may not be understood.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct RequestedOperation {
    /// The operation, as it was written.
    #[serde(default)]
    pub operation: serde_json::Value,
}

impl Head {
    /// Whether this replctl can read a journal with this head.
    pub fn is_known(&self) -> bool {
        self.format.as_ref().and_then(serde_json::Value::as_u64) == Some(FORMAT.into())
    }
}

/// The head of a journal, from its first line.
pub fn head(line: &[u8]) -> Option<Head> {
    serde_json::from_slice(line).ok()
}

/// Reads the text of a journal.
pub fn read(id: &str, text: &[u8]) -> Story {
    let mut story = Story::new(id);
    if text.is_empty() {
        story.spoil("it is empty".to_owned());
        return story;
    }
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
    if let Some(why) = lines.first().and_then(|first| unknown_format(first)) {
        story.begin_unknown(lines[0]);
        story.spoil(why);
        return story;
    }
    let mut place = Place::default();
    for (index, raw) in lines.iter().enumerate() {
        let number = index + 1;
        let is_last = number == lines.len();
        if is_last && raw.is_empty() {
            break;
        }
        let line = match parse(raw) {
            Ok(line) => line,
            Err(_) if is_cut(raw) && died_here(&lines, index) => continue,
            Err(why) => {
                if index == 0 {
                    story.begin_unknown(raw);
                }
                story.spoil(format!("line {number} {why}"));
                continue;
            }
        };
        if let Err(why) = place.takes(&line.entry, &story) {
            story.spoil(format!("line {number} {why}"));
        }
        story.take(line);
    }
    story
}

/// Whether a run died while it wrote that line: the line is the last, or another run begins after
/// it. The first line is written before the journal gets its name, so it is never cut.
fn died_here(lines: &[&[u8]], index: usize) -> bool {
    let next = lines.get(index + 1);
    index > 0 && next.is_none_or(|next| is_resumed(next))
}

/// Why a journal cannot be read at all, if its first line shows this.
fn unknown_format(first: &[u8]) -> Option<String> {
    let head = head(first)?;
    if head.is_known() {
        return None;
    }
    Some(head.format.map_or_else(
        || "it does not say its format".to_owned(),
        |format| format!("it is of format {format}, and this replctl knows format {FORMAT}"),
    ))
}

fn parse(raw: &[u8]) -> Result<Line, String> {
    let Ok(text) = std::str::from_utf8(raw) else {
        return Err("is not UTF-8".to_owned());
    };
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    serde_json::from_str::<Line>(text).map_err(|error| {
        if serde_json::from_str::<IgnoredAny>(text).is_err() {
            return "is not JSON".to_owned();
        }
        let said: String = error.to_string().chars().take(REPEATED).collect();
        format!("is not understood ({said})")
    })
}

fn is_resumed(raw: &[u8]) -> bool {
    parse(raw).is_ok_and(|line| matches!(line.entry, Entry::Resumed { .. }))
}

/// Whether that is the beginning of a journal line whose end was never written.
fn is_cut(raw: &[u8]) -> bool {
    const BEGINS: &[u8] = b"{\"time\":";
    let begins = raw.starts_with(BEGINS) || (!raw.is_empty() && BEGINS.starts_with(raw));
    let text = match std::str::from_utf8(raw) {
        Ok(text) => text,
        // The cut went through a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&raw[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let ends = serde_json::from_str::<IgnoredAny>(text).map_err(|e| e.is_eof());
    begins && ends == Err(true)
}

/// Where in the journal of an operation its reader is.
#[derive(Debug, Default)]
struct Place {
    begun: bool,
    /// The last run has ended: only looks and hooks come after it, or another run.
    ended: bool,
    /// The steps that were begun in this run.
    steps: BTreeSet<At>,
}

impl Place {
    /// Checks whether this line can stand here; the error says why not.
    fn takes(&mut self, entry: &Entry, story: &Story) -> Result<(), &'static str> {
        let is_first = !std::mem::replace(&mut self.begun, true);
        let begins = matches!(entry, Entry::Planned { .. });
        if is_first != begins {
            return Err(if begins {
                "begins another operation"
            } else {
                "is not the beginning of an operation"
            });
        }
        match entry {
            Entry::Planned { .. } | Entry::Observed { .. } | Entry::Hook { .. } => {}
            Entry::Ended { .. } => self.ended = true,
            Entry::Resumed { .. } => {
                self.ended = false;
                self.steps.clear();
            }
            Entry::Connection { .. } => self.still_runs()?,
            Entry::Started { at } => {
                self.still_runs()?;
                has(story, *at)?;
                self.steps.insert(*at);
            }
            Entry::Done { at, .. } | Entry::Failed { at, .. } => {
                self.still_runs()?;
                has(story, *at)?;
                if !self.steps.contains(at) {
                    return Err("ends a step that was never begun");
                }
            }
            Entry::Undone { at } | Entry::UndoFailed { at, .. } => {
                self.still_runs()?;
                has(story, *at)?;
            }
        }
        Ok(())
    }

    fn still_runs(&self) -> Result<(), &'static str> {
        if self.ended {
            return Err("goes on after the end of the run");
        }
        Ok(())
    }
}

/// Whether the plan has that step. A plan that was not understood has been reported already.
fn has(story: &Story, at: At) -> Result<(), &'static str> {
    if story.plan.is_some() && story.step(at).is_none() {
        return Err("names a step that is not in the plan");
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "reader/tests.rs"]
mod tests;
