//! Typed reading of one TOML table: every wrong type and every unknown key becomes a problem with
//! its place. Pure.

use super::nearest::nearest;
use super::place::Problems;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A table, and its name in messages.
#[derive(Debug, Clone)]
pub struct Section<'a> {
    table: &'a DeTable<'a>,
    /// Byte offset of the key or header that begins it.
    pub at: usize,
    /// Follows a key in messages: "in `[server]`", "of node `slave1`".
    pub called: String,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Byte offset of the value.
    pub at: usize,
}

impl<T> Found<T> {
    /// The same place, another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        Found {
            value: change(self.value),
            at: self.at,
        }
    }
}

impl<'a> Section<'a> {
    /// A table that begins at byte `at`, named `called` in messages.
    pub fn new(table: &'a DeTable<'a>, at: usize, called: impl Into<String>) -> Self {
        Self {
            table,
            at,
            called: called.into(),
        }
    }

    /// The value of a key, whatever its type.
    pub fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// Byte offset of a key, if it is there.
    pub fn place_of(&self, key: &str) -> Option<usize> {
        self.table
            .get_key_value(key)
            .map(|(key, _)| key.span().start)
    }

    /// All keys with their values.
    pub fn entries(&self) -> impl Iterator<Item = (Found<&'a str>, &'a Spanned<DeValue<'a>>)> {
        self.table.iter().map(|(key, value)| {
            (
                Found {
                    value: key.get_ref().as_ref(),
                    at: key.span().start,
                },
                value,
            )
        })
    }

    /// Reports every key that is not in `known`. `elsewhere` gives the hint for a word that belongs
    /// to another place.
    pub fn only(
        &self,
        problems: &mut Problems,
        known: &[&str],
        elsewhere: impl Fn(&str) -> Option<String>,
    ) {
        for (key, _) in self
            .entries()
            .filter(|(key, _)| !known.contains(&key.value))
        {
            let what = format!("unknown key `{}` {}", key.value, self.called);
            let hint = nearest(key.value, known.iter().copied())
                .map(|near| format!("did you mean `{near}`?"));
            let listed = || format!("the keys here are {}", list(known));
            problems.hinted(
                key.at,
                what,
                elsewhere(key.value).or(hint).unwrap_or_else(listed),
            );
        }
    }

    /// A string without control characters.
    pub fn string(&self, problems: &mut Problems, key: &str) -> Option<Found<&'a str>> {
        let value = self.get(key)?;
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(
                problems,
                key,
                "a string",
                value,
                &format!("write it in quotes: `{key} = \"…\"`"),
            );
            return None;
        };
        if text.chars().any(char::is_control) {
            problems.add(
                at,
                format!(
                    "`{key}` {} holds a line break or another control character",
                    self.called
                ),
            );
            return None;
        }
        Some(Found { value: text, at })
    }

    /// A string that is not empty.
    pub fn filled(&self, problems: &mut Problems, key: &str) -> Option<Found<&'a str>> {
        let found = self.string(problems, key)?;
        if found.value.is_empty() {
            problems.add(found.at, format!("`{key}` {} is empty", self.called));
            return None;
        }
        Some(found)
    }

    /// A whole number from `from` to `to`.
    pub fn number(
        &self,
        problems: &mut Problems,
        key: &str,
        from: u32,
        to: u32,
    ) -> Option<Found<u32>> {
        let value = self.get(key)?;
        let at = value.span().start;
        let wanted = format!("a whole number from {from} to {to}");
        let Some(integer) = value.get_ref().as_integer() else {
            let unquoted = value
                .get_ref()
                .as_str()
                .filter(|text| text.parse::<u32>().is_ok());
            let hint = unquoted.map_or_else(String::new, |text| {
                format!("write it without quotes: `{key} = {text}`")
            });
            self.wrong_type(problems, key, &wanted, value, &hint);
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|n| u32::try_from(n).ok());
        let number = number.filter(|n| (from..=to).contains(n));
        if number.is_none() {
            problems.add(
                at,
                format!(
                    "`{key}` {} must be {wanted}, not {}",
                    self.called,
                    integer.as_str()
                ),
            );
        }
        Some(Found { value: number?, at })
    }

    /// `true` or `false`.
    pub fn boolean(&self, problems: &mut Problems, key: &str) -> Option<Found<bool>> {
        let value = self.get(key)?;
        let Some(truth) = value.get_ref().as_bool() else {
            self.wrong_type(problems, key, "`true` or `false`", value, "");
            return None;
        };
        Some(Found {
            value: truth,
            at: value.span().start,
        })
    }

    /// A file name, or a list of them.
    pub fn files(&self, problems: &mut Problems, key: &str) -> Vec<PathBuf> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            return self
                .filled(problems, key)
                .map(|found| PathBuf::from(found.value))
                .into_iter()
                .collect();
        };
        let mut files = Vec::new();
        for item in items {
            match item
                .get_ref()
                .as_str()
                .filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
            {
                Some(text) => files.push(PathBuf::from(text)),
                None => problems.add(
                    item.span().start,
                    format!(
                        "`{key}` {} must be a file name or a list of them",
                        self.called
                    ),
                ),
            }
        }
        files
    }

    /// A table inside this one.
    pub fn table(
        &self,
        problems: &mut Problems,
        key: &str,
        called: impl Into<String>,
    ) -> Option<Section<'a>> {
        let value = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            let brackets = value
                .get_ref()
                .as_array()
                .is_some_and(|items| items.iter().any(|item| item.get_ref().is_table()));
            let hint = if brackets {
                format!("write `[{key}]` once, with single brackets")
            } else {
                String::new()
            };
            self.wrong_type(problems, key, "a table", value, &hint);
            return None;
        };
        Some(Section::new(
            table,
            self.place_of(key).unwrap_or(self.at),
            called,
        ))
    }

    /// The one of a key's names that exists; having both is a problem.
    pub fn either(
        &self,
        problems: &mut Problems,
        name: &'static str,
        aliases: &[&'static str],
    ) -> &'static str {
        let mut used = None;
        for key in std::iter::once(&name).chain(aliases) {
            let Some(at) = self.place_of(key) else {
                continue;
            };
            match used {
                None => used = Some(*key),
                Some(first) => problems.add(
                    at,
                    format!(
                        "`{key}` {} says the same as `{first}`, keep one",
                        self.called
                    ),
                ),
            }
        }
        used.unwrap_or(name)
    }

    /// A value of the wrong type; an empty hint is none.
    pub fn wrong_type(
        &self,
        problems: &mut Problems,
        key: &str,
        wanted: &str,
        value: &Spanned<DeValue>,
        hint: &str,
    ) {
        let what = format!(
            "`{key}` {} must be {wanted}, not {}",
            self.called,
            kind(value.get_ref())
        );
        let at = value.span().start;
        if hint.is_empty() {
            problems.add(at, what);
        } else {
            problems.hinted(at, what, hint);
        }
    }
}

/// A value's type with its article.
fn kind(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// "`a`, `b` and `c`".
pub fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
