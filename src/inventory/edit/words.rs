//! A change to an inventory in words, as a plan shows it. Pure.

use super::{Change, Edit, Kind, adopt};
use std::fmt;

/// Lines in the form for a sentence: without comments and empty lines.
pub(super) fn in_one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.collect::<Vec<_>>().join(", ")
}

impl Change {
    /// The old lines that are not empty: "line 7", "lines 7 to 9".
    fn lines(&self) -> String {
        let empty = self.old.lines().take_while(|line| line.trim().is_empty());
        let first = self.line + empty.count();
        let last = self.line + self.old.trim_end().matches('\n').count();
        if last > first {
            format!("lines {first} to {last}")
        } else {
            format!("line {first}")
        }
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file;
        let is_table = |c: &&Change| c.old.contains("[[") || c.new.contains("[[");
        let table = self.changes.iter().find(is_table);
        match (&self.kind, table) {
            (Kind::Add, Some(table)) => {
                let after = table.line.saturating_sub(1);
                write!(
                    f,
                    "write it into {file} after line {after}: {}",
                    in_one_line(&table.new)
                )?;
            }
            (Kind::Remove, Some(table)) => write!(f, "take {} out of {file}", table.lines())?,
            (Kind::Add | Kind::Remove, None) => write!(f, "edit {file}")?,
            (Kind::Repoint { to, .. }, _) => {
                let line = self.changes.first().map_or(0, |c| c.line);
                write!(f, "change line {line} of {file}: it is to follow {to}")?;
            }
            (Kind::Adopt, _) => return adopt::in_words(self, f),
            (Kind::Release, _) => write!(f, "put {file} back as it was")?,
        }
        for other in self
            .changes
            .iter()
            .filter(|c| !is_table(c) && table.is_some())
        {
            let line = other.line;
            if other.new.is_empty() {
                write!(f, "; and {} from line {line}", in_one_line(&other.old))?;
            } else {
                write!(f, "; line {line} then names {}", in_one_line(&other.new))?;
            }
        }
        Ok(())
    }
}
