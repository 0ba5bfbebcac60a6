//! What only an old primary has, as people read it, as `--json` prints it, and as the server's own client takes it in.

use super::escape;
use crate::rescue::split::{Conflict, Counts, touched};
use crate::rescue::stream::Words;
use crate::topology::NodeName;
use crate::topology::words::bytes;
use crate::world::lost::Found;
use serde::Serialize;
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
    /// Why what the new primary wrote since is not known; null where it is.
    pub since_unknown: Option<&'a str>,
    /// All of it, in order.
    pub list: Vec<Listed>,
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
    /// What stands against replaying it.
    pub conflict: Option<Conflict>,
}

/// Brings together what was found.
pub fn report<'a>(
    node: &'a NodeName,
    than: &'a NodeName,
    found: &'a Found,
    verdicts: &[Option<Conflict>],
) -> Report<'a> {
    let pairs = || found.lost.units.iter().zip(verdicts);
    let text = |words: &Words| -> Vec<String> {
        words
            .iter()
            .map(|w| String::from_utf8_lossy(w).into_owned())
            .collect()
    };
    let counts = Counts::of(&found.lost, verdicts);
    Report {
        node,
        than,
        from: found.from,
        to: found.to,
        commands: counts.commands,
        safe: counts.safe,
        replayed: counts.replayed,
        keys: touched(&found.lost).len(),
        pings: found.lost.pings,
        since_unknown: found.since.as_ref().err().map(String::as_str),
        list: pairs()
            .map(|(unit, conflict)| Listed {
                db: unit.db,
                commands: unit.commands.iter().map(text).collect(),
                transaction: unit.transaction,
                conflict: *conflict,
            })
            .collect(),
    }
}

/// For people.
pub fn text(report: &Report<'_>) -> String {
    let (node, than) = (escape(&report.node.0), escape(&report.than.0));
    let size = bytes((report.to + 1).saturating_sub(report.from));
    if report.commands == 0 {
        return format!(
            "Nothing is lost: the {size} of its stream that only `{node}` has are {} keep-alives, no commands.",
            report.pings
        );
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
    let (first, rest) = report.list.split_at(report.list.len().min(MOST_LISTED));
    for listed in first {
        let _ = writeln!(out, "  {}", line(listed));
    }
    if !rest.is_empty() {
        let _ = writeln!(out, "  … and {} more: --json lists all", rest.len());
        // About those in conflict a person has to decide: they are not left out only because they come late.
        let told = first.iter().filter(|l| in_conflict(l)).count();
        let late = rest.iter().filter(|l| in_conflict(l));
        let late: Vec<&Listed> = late.take(MOST_LISTED - told).collect();
        if !late.is_empty() {
            let _ = writeln!(out, "  in conflict among them:");
        }
        for listed in late {
            let _ = writeln!(out, "  {}", line(listed));
        }
    }
    out.truncate(out.trim_end().len());
    out
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
        | Conflict::NoKey => format!("   [conflict: {}]", c.words()),
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
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_listed_however_late_they_come() {
        let (node, successor) = ("old".into(), "new".into());
        let told = |conflict: &dyn Fn(usize) -> Option<Conflict>| {
            let list = (0..100).map(|n| Listed {
                db: Some(0),
                commands: vec![vec!["SET".into(), format!("k{n}"), "1".into()]],
                transaction: false,
                conflict: conflict(n),
            });
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
                list: list.collect(),
            })
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
