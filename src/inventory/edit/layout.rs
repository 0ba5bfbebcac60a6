//! The positions of things in the text of an inventory: the tables of its nodes with their
//! comments, and single keys. Pure.
//!
//! This module only measures. The parser knows the meaning, and every editor asks the parser
//! afterwards.

use super::super::secrets::is_secret;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The `[[node]]` tables of a text, in its order.
pub(super) struct Layout<'a> {
    text: &'a str,
    /// Each of them.
    pub tables: Vec<Table>,
    /// Where each header and each value ends.
    ends: Vec<usize>,
}

/// One `[[node]]`.
pub(super) struct Table {
    /// Its `name`, if it is a string.
    pub name: Option<String>,
    /// The place of its `replicaof`, under any of its names.
    pub replicaof: Option<Key>,
    /// A directive of the node whose value must never be shown.
    pub secret: Option<String>,
    /// `managed`, `unit` and `config_file`, each with its value.
    pub service: Vec<Range<usize>>,
    /// Its own directives; `None`: it has none.
    pub config: Option<Config>,
    header: Range<usize>,
    /// The end of the last thing in it.
    end: usize,
}

/// The `config` of a node.
pub(super) struct Config {
    /// The names in it, as they are written.
    pub names: Vec<String>,
    /// The end of the last thing in it.
    pub end: usize,
    /// It stands under `[node.config]`, a header of its own.
    pub own_header: bool,
}

/// A key that is a string.
pub(super) struct Key {
    /// The place of its name.
    pub name: Range<usize>,
    /// The place of its value, with the quotes.
    pub value: Range<usize>,
    /// Its value.
    pub is: String,
}

impl<'a> Layout<'a> {
    /// Measures a text that the parser has read. Error: the rest of a sentence, if its nodes are no
    /// tables of their own.
    pub fn of(text: &'a str) -> Result<Self, String> {
        let (document, _) = DeTable::parse_recoverable(text);
        let mut ends = Vec::new();
        spans(document.get_ref(), &mut |span| ends.push(span.end));
        let nodes = document.get_ref().get("node");
        let items = nodes.and_then(|nodes| nodes.get_ref().as_array());
        let mut tables = Vec::new();
        for item in items.into_iter().flatten() {
            tables.push(table(text, item).ok_or("its nodes are not written as `[[node]]` tables")?);
        }
        Ok(Self { text, tables, ends })
    }

    /// The table of that name.
    pub fn table(&self, name: &str) -> Option<&Table> {
        let named = |t: &&Table| t.name.as_deref() == Some(name);
        self.tables.iter().find(named)
    }

    /// All lines of a table with its comments: those directly above its header, and those directly
    /// below its last line that belong to nothing else. The comment above the first table does not
    /// count, as it may be about all tables.
    pub fn lines(&self, table: &Table) -> Range<usize> {
        let first = self
            .tables
            .iter()
            .all(|t| t.header.start >= table.header.start);
        let mut from = self.line_start(table.header.start);
        // A comment sign inside a multi-line string begins no comment.
        let above = self.ends.iter().filter(|end| **end <= from).max();
        let floor = above.map_or(0, |end| self.line_end(*end));
        while !first && from > floor {
            let before = self.line_start(from - 1);
            if before < floor || !is_comment(&self.text[before..from]) {
                break;
            }
            from = before;
        }
        let to = self.line_end(table.end);
        let mut below = to;
        while below < self.text.len() {
            let next = self.line_end(below);
            let line = &self.text[below..next];
            if line.trim().is_empty() {
                return from..below;
            }
            if !is_comment(line) {
                // Comments directly above the next header belong to that table.
                return from..to;
            }
            below = next;
        }
        from..below
    }

    /// The lines of a table and the empty lines before it, or after it if nothing is before.
    pub fn with_gap(&self, table: &Table) -> Range<usize> {
        let lines = self.lines(table);
        let is_empty = |range: Range<usize>| self.text[range].trim().is_empty();
        let follows = lines.end < self.text.len();
        let stays_apart = !follows || is_empty(lines.end..self.line_end(lines.end));
        let mut from = lines.start;
        while stays_apart && from > 0 && is_empty(self.line_start(from - 1)..from) {
            from = self.line_start(from - 1);
        }
        if from > 0 {
            return from..lines.end;
        }
        let mut to = lines.end;
        while to < self.text.len() && is_empty(to..self.line_end(to)) {
            to = self.line_end(to);
        }
        0..to
    }

    /// The place for another table: after the last one.
    pub fn end_of_tables(&self) -> usize {
        let ends = self.tables.iter().map(|t| self.lines(t).end);
        ends.max().unwrap_or(self.text.len())
    }

    /// The line of a key, if nothing else stands on it.
    pub fn line_of(&self, key: &Key) -> Option<Range<usize>> {
        self.line_around(&(key.name.start..key.value.end))
    }

    /// The place behind the line on which a table ends.
    pub fn behind(&self, table: &Table) -> usize {
        self.line_end(table.end)
    }

    /// The place behind the line on which `at` is.
    pub fn behind_line(&self, at: usize) -> usize {
        self.line_end(at)
    }

    /// The line of a key and its value, if nothing else stands on it.
    pub fn line_around(&self, place: &Range<usize>) -> Option<Range<usize>> {
        let line = self.line_start(place.start)..self.line_end(place.end);
        let before = self.text[line.start..place.start].trim();
        let after = self.text[place.end..line.end].trim();
        let alone = before.is_empty() && (after.is_empty() || after.starts_with('#'));
        alone.then_some(line)
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |n| n + 1)
    }

    fn line_end(&self, at: usize) -> usize {
        let rest = self.text[at..].find('\n');
        rest.map_or(self.text.len(), |n| at + n + 1)
    }
}

/// The number, from 1, of the line that has the byte `at`.
pub(super) fn line_number(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn table(text: &str, item: &Spanned<DeValue<'_>>) -> Option<Table> {
    let header = item.span();
    let inside = item.get_ref().as_table()?;
    // Here, an entry of an inline array has its braces.
    if !text.get(header.clone())?.starts_with("[[") {
        return None;
    }
    let mut end = header.end;
    spans(inside, &mut |span| end = end.max(span.end));
    let string = |key: &str| {
        let (name, value) = inside.get_key_value(key)?;
        Some(Key {
            name: name.span(),
            value: value.span(),
            is: value.get_ref().as_str()?.to_owned(),
        })
    };
    let config = config(text, inside);
    let mut names = config.iter().flat_map(|c| &c.names);
    let service = ["managed", "unit", "config_file"].into_iter();
    let service = service.filter_map(|key| {
        let (name, value) = inside.get_key_value(key)?;
        Some(name.span().start..value.span().end)
    });
    Some(Table {
        name: string("name").map(|key| key.is),
        replicaof: ["replicaof", "slaveof", "slave"]
            .into_iter()
            .find_map(string),
        secret: names.find(|name| is_secret(name)).cloned(),
        service: service.collect(),
        config,
        header,
        end,
    })
}

/// The `config` of a node. What stands under a header has the key of that header, which comes
/// before all of its own.
fn config(text: &str, inside: &DeTable<'_>) -> Option<Config> {
    let (key, value) = inside.get_key_value("config")?;
    let table = value.get_ref().as_table()?;
    let mut end = key.span().end;
    spans(table, &mut |span| end = end.max(span.end));
    let line = text[..key.span().start].rfind('\n').map_or(0, |n| n + 1);
    Some(Config {
        names: table
            .iter()
            .map(|(name, _)| name.get_ref().to_string())
            .collect(),
        end,
        own_header: text[line..].trim_start().starts_with('['),
    })
}

/// Calls `tell` with the place of every header, key and value of a table, all the way down.
fn spans(table: &DeTable<'_>, tell: &mut impl FnMut(Range<usize>)) {
    for (key, value) in table {
        tell(key.span());
        of_value(value, tell);
    }
}

fn of_value(value: &Spanned<DeValue<'_>>, tell: &mut impl FnMut(Range<usize>)) {
    tell(value.span());
    if let Some(table) = value.get_ref().as_table() {
        spans(table, tell);
    }
    for item in value.get_ref().as_array().into_iter().flatten() {
        of_value(item, tell);
    }
}
