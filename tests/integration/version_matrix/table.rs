//! The committed table, read by itself and not by what is tested.

use crate::support::repository;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where it is.
const FILE: &str = "src/topology/versions/measured.txt";

/// The cells, by row (the primary) and column (the replica).
pub struct Table(BTreeMap<(String, String), String>);

impl Table {
    /// As it stands in the repository.
    pub fn committed() -> Self {
        let text = std::fs::read_to_string(repository().join(FILE)).unwrap_or_default();
        let mut rows = text
            .lines()
            .filter(|l| !l.starts_with('#') && !l.trim().is_empty());
        let columns: Vec<&str> = rows
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .collect();
        let mut cells = BTreeMap::new();
        for row in rows {
            let mut words = row.split_whitespace();
            let above = words.next().unwrap();
            for (below, cell) in columns.iter().zip(words) {
                cells.insert((above.to_owned(), (*below).to_owned()), cell.to_owned());
            }
        }
        Self(cells)
    }

    /// What it says of that pair.
    pub fn cell(&self, above: &str, below: &str) -> Option<&str> {
        let pair = (above.to_owned(), below.to_owned());
        self.0.get(&pair).map(String::as_str)
    }
}

/// The table as text.
pub fn write(names: &[&str], cell: impl Fn(&str, &str) -> Option<String>) -> String {
    let mut text = format!("{:<11}", "-");
    for name in names {
        let _ = write!(text, " {name:<13}");
    }
    text = text.trim_end().to_owned() + "\n";
    for above in names {
        let mut row = format!("{above:<11}");
        for below in names {
            let _ = write!(
                row,
                " {:<13}",
                cell(above, below).unwrap_or_else(|| "?".to_owned())
            );
        }
        text += row.trim_end();
        text.push('\n');
    }
    text
}
