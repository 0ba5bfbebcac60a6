//! The commands that only an old primary has: as text, as `--json`, and as input for the server's
//! own client.

use crate::output::escape;
use crate::rescue::lost_writes::LostWrites;
use crate::rescue::split::{Conflict, Judged};
use crate::rescue::stream::{Tail, Unit};
use crate::topology::NodeName;
use crate::topology::phrases::bytes;
use serde::ser::{Error, SerializeSeq};
use serde::{Serialize, Serializer};
use std::fmt::Write as _;

/// Units that are listed for people.
const MOST_LISTED: usize = 20;
/// Characters of one listed command.
const MOST_SHOWN: usize = 100;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// The old primary.
    pub node: &'a NodeName,
    /// The new one.
    pub than: &'a NodeName,
    /// Offset of the first byte that only the old primary has.
    pub from: u64,
    /// Offset of the last.
    pub to: u64,
    /// Commands that only it has.
    pub commands: usize,
    /// Of these, those that can be replayed.
    pub safe: usize,
    /// Those that were replayed already.
    pub replayed: usize,
    /// Keys they touch, as far as they are known.
    pub keys: usize,
    /// Keep-alives of the replication, which are no data.
    pub pings: u64,
    /// Why the new primary's writes since then are not known; null where they are known.
    pub since_unknown: Option<&'a str>,
    /// All of it, in order.
    pub list: List<'a>,
}

/// Commands and transactions, each with its conflict. They are read while they are printed, so
/// memory does not hold all of them.
#[derive(Debug)]
pub struct List<'a> {
    lost: &'a Tail,
    verdicts: &'a [Option<Conflict>],
}

impl List<'_> {
    fn each(&self) -> impl Iterator<Item = Result<Listed, String>> {
        let pairs = self.lost.units().zip(self.verdicts);
        pairs.map(|(unit, conflict)| Ok(Listed::of(&unit?, *conflict)))
    }
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut list = to.serialize_seq(Some(self.verdicts.len()))?;
        for listed in self.each() {
            list.serialize_element(&listed.map_err(S::Error::custom)?)?;
        }
        list.end()
    }
}

/// One command or transaction.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its database.
    pub db: Option<u32>,
    /// Each command's words; bytes that are no text are replaced.
    pub commands: Vec<Vec<String>>,
    /// They are one transaction.
    pub transaction: bool,
    /// Why a replay is not safe.
    pub conflict: Option<Conflict>,
}

impl Listed {
    fn of(unit: &Unit, conflict: Option<Conflict>) -> Self {
        let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        let words = |words: Vec<&[u8]>| words.into_iter().map(text).collect();
        Self {
            db: unit.db,
            commands: unit.commands().map(words).collect(),
            transaction: unit.transaction,
            conflict,
        }
    }
}

/// Brings together what was found.
pub fn report<'a>(
    node: &'a NodeName,
    than: &'a NodeName,
    found: &'a LostWrites,
    judged: &'a Judged,
) -> Report<'a> {
    Report {
        node,
        than,
        from: found.from,
        to: found.to,
        commands: judged.counts.commands,
        safe: judged.counts.safe,
        replayed: judged.counts.replayed,
        keys: judged.keys,
        pings: found.lost.pings,
        since_unknown: found.since.as_ref().err().map(String::as_str),
        list: List {
            lost: &found.lost,
            verdicts: &judged.verdicts,
        },
    }
}

/// For people.
///
/// # Errors
/// The commands cannot be read again.
pub fn text(report: &Report<'_>) -> Result<String, String> {
    let (node, than) = (escape(&report.node.0), escape(&report.than.0));
    let size = bytes((report.to + 1).saturating_sub(report.from));
    if report.commands == 0 {
        return Ok(format!(
            "Nothing is lost: the {size} of its stream that only `{node}` has are {} keep-alives, no commands.",
            report.pings
        ));
    }
    let mut out = format!(
        "`{node}` has {} that `{than}` has not: {size} of its stream, offsets {} to {}, {} key{}.\n",
        plural(report.commands),
        report.from,
        report.to,
        report.keys,
        if report.keys == 1 { "" } else { "s" }
    );
    let _ = writeln!(
        out,
        "  safe to replay: {} (`{than}` has written none of their keys since)\n  in conflict:    {}",
        report.safe,
        report.commands - report.safe - report.replayed
    );
    if report.replayed > 0 {
        let _ = writeln!(out, "  replayed:       {}", report.replayed);
    }
    if let Some(why) = report.since_unknown {
        let _ = writeln!(out, "  because {}", escape(why));
    }
    let rest = report.list.verdicts.len().saturating_sub(MOST_LISTED);
    let (mut told, mut late) = (0, false);
    for (n, listed) in report.list.each().enumerate() {
        let listed = listed?;
        if n == MOST_LISTED {
            let _ = writeln!(out, "  … and {rest} more: --json lists all");
        }
        if n >= MOST_LISTED {
            // A person has to decide about the commands in conflict. So they are not left out only
            // because they come late.
            if told == MOST_LISTED {
                break;
            }
            if !in_conflict(&listed) {
                continue;
            }
            if !late {
                late = true;
                let _ = writeln!(out, "  in conflict among them:");
            }
        }
        told += usize::from(in_conflict(&listed));
        let _ = writeln!(out, "  {}", line(&listed));
    }
    out.truncate(out.trim_end().len());
    Ok(out)
}

fn in_conflict(listed: &Listed) -> bool {
    !matches!(listed.conflict, None | Some(Conflict::Replayed))
}

fn line(listed: &Listed) -> String {
    let mark = listed.conflict.map_or_else(String::new, |c| match c {
        Conflict::Replayed => format!("   [{}]", c.words()),
        Conflict::Written
        | Conflict::KeysUnknown
        | Conflict::DatabaseUnknown
        | Conflict::NewUnknown
        | Conflict::NoKey
        | Conflict::TooManyTied => format!("   [conflict: {}]", c.words()),
    });
    let db = listed
        .db
        .map_or_else(|| "db ?".to_owned(), |db| format!("db {db}"));
    let all: Vec<String> = listed.commands.iter().map(|c| shown(c)).collect();
    let open = if listed.transaction { "MULTI; " } else { "" };
    format!("{db}  {open}{}{mark}", all.join("; "))
}

fn plural(count: usize) -> String {
    if count == 1 {
        "1 command".to_owned()
    } else {
        format!("{count} commands")
    }
}

fn shown(words: &[String]) -> String {
    let mut out = String::new();
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&escape(&word.chars().take(MOST_SHOWN).collect::<String>()));
        if out.chars().count() > MOST_SHOWN {
            let cut: String = out.chars().take(MOST_SHOWN).collect();
            return cut + "…";
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn conflicts_are_listed_however_late_they_come() {
        let (node, successor) = ("old".into(), "new".into());
        let told = |conflict: &dyn Fn(usize) -> Option<Conflict>| {
            let sets = (0..100).map(|n| format!("*3\r\n$3\r\nSET\r\n$3\r\nk{n:02}\r\n$1\r\n1\r\n"));
            let bytes = sets.collect::<String>().into_bytes();
            let lost = Tail::read(Arc::new(bytes), Some(0)).unwrap();
            let verdicts: Vec<Option<Conflict>> = (0..100).map(conflict).collect();
            text(&Report {
                node: &node,
                than: &successor,
                from: 1,
                to: 100,
                commands: 100,
                safe: 98,
                replayed: 0,
                keys: 100,
                pings: 0,
                since_unknown: None,
                list: List {
                    lost: &lost,
                    verdicts: &verdicts,
                },
            })
            .unwrap()
        };
        let without = told(&|_| None);
        assert!(
            without.ends_with("  … and 80 more: --json lists all"),
            "{without}"
        );
        let late = told(&|n| (n == 70 || n == 3).then_some(Conflict::Written));
        let end = "all\n  in conflict among them:\n  db 0  SET k70 1   [conflict: written on the new primary since]";
        assert!(late.ends_with(end), "{late}");
        let all = told(&|_| Some(Conflict::NewUnknown));
        assert!(!all.contains("among them"), "{all}");
        let half = told(&|n| (n >= 10).then_some(Conflict::Written));
        assert_eq!(half.matches("[conflict").count(), 20, "{half}");
        let replayed = told(&|_| Some(Conflict::Replayed));
        assert!(!replayed.contains("among them"), "{replayed}");
    }
}
