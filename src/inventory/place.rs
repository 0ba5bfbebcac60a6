//! The problems of one file, each with its line and column, in the order of the file. Pure.

use crate::error::Problem;
use crate::hidden::hides;
use std::fmt::Display;
use std::path::Path;
use unicode_width::UnicodeWidthStr;

/// The sentence of a problem in that file, without the file, line and column at its beginning.
pub fn without_place<'a>(file: &Path, what: &'a str) -> &'a str {
    let number = |text: &'a str| {
        let rest = text.strip_prefix(':')?;
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        (end > 0).then(|| &rest[end..])
    };
    let place = what.strip_prefix(&file.display().to_string());
    let rest = place.and_then(number).and_then(number);
    rest.and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(what)
}

/// Gathers the problems of one file, so that one run reports all of them.
#[derive(Debug)]
pub struct Problems<'a> {
    file: String,
    text: &'a str,
    /// Byte offset of each line's first byte.
    lines: Vec<usize>,
    found: Vec<(usize, Problem)>,
}

impl<'a> Problems<'a> {
    /// No problems yet in `text`, which is what the file `path` holds.
    pub fn new(path: &Path, text: &'a str) -> Self {
        let starts = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n')
            .map(|(at, _)| at + 1);
        Self {
            file: path.display().to_string(),
            text,
            lines: std::iter::once(0).chain(starts).collect(),
            found: Vec::new(),
        }
    }

    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Line and column, both from 1, of a byte offset; the column counts characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let before = self
            .text
            .get(self.lines[line]..offset.min(self.text.len()))
            .unwrap_or_default();
        // A person who counts columns does not see a byte order mark.
        (
            line + 1,
            before.chars().filter(|c| *c != '\u{feff}').count() + 1,
        )
    }

    /// A problem at a byte offset.
    pub fn add(&mut self, offset: usize, what: impl Display) {
        let problem = Problem::new(self.sentence(offset, what));
        self.found.push((offset, problem));
    }

    /// A problem at a byte offset, and what to do about it.
    pub fn hinted(&mut self, offset: usize, what: impl Display, hint: impl Into<String>) {
        let problem = Problem::new(self.sentence(offset, what)).hint(hint);
        self.found.push((offset, problem));
    }

    /// A problem with the file's syntax: with the line and a caret under the place.
    pub fn syntax(&mut self, offset: usize, what: impl Display) {
        let mut sentence = self.sentence(offset, what);
        if let Some(excerpt) = self.excerpt(offset) {
            sentence.push('\n');
            sentence.push_str(&excerpt);
        }
        self.found.push((offset, Problem::new(sentence)));
    }

    /// Whether none was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them, in the order of the file.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(offset, _)| *offset);
        self.found.into_iter().map(|(_, problem)| problem).collect()
    }

    fn sentence(&self, offset: usize, what: impl Display) -> String {
        let (line, column) = self.line_column(offset);
        format!("{}:{line}:{column}: {what}", self.file)
    }

    fn line(&self, offset: usize) -> usize {
        self.lines
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    fn line_text(&self, line: usize) -> &'a str {
        let end = self
            .lines
            .get(line + 1)
            .map_or(self.text.len(), |next| next - 1);
        self.text
            .get(self.lines[line]..end)
            .unwrap_or_default()
            .trim_end_matches('\r')
    }

    /// The line with a caret under the place, unless a password may stand in it.
    fn excerpt(&self, offset: usize) -> Option<String> {
        let line = self.line(offset);
        if self.may_hold_password(line) {
            return None;
        }
        let text = self.line_text(line);
        let shown: String = text.chars().map(visible).collect();
        let (_, column) = self.line_column(offset);
        let before: String = shown.chars().take(column - 1).collect();
        let number = (line + 1).to_string();
        let margin = " ".repeat(number.len());
        let caret = " ".repeat(before.width());
        Some(format!(
            " {margin} |\n {number} | {shown}\n {margin} | {caret}^"
        ))
    }

    /// Whether the line, or the nearest line above that begins a key, mentions a password: the text
    /// after it may be one. With multi-line strings, any line may.
    fn may_hold_password(&self, line: usize) -> bool {
        let speaks_of_one = |text: &str| {
            text.contains("pass") || text.contains("ryauth") || text.contains("masterauth")
        };
        if speaks_of_one(self.text) && (self.text.contains("\"\"\"") || self.text.contains("'''")) {
            return true;
        }
        let begins_key = |text: &str| text.trim_start().starts_with('[') || text.contains('=');
        let mut above = line;
        loop {
            let text = self.line_text(above);
            if speaks_of_one(&text.to_lowercase()) {
                return true;
            }
            if above == 0 || begins_key(text) {
                return false;
            }
            above -= 1;
        }
    }
}

/// One column for one character, nothing that moves the cursor.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() || hides(c) => '·',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_off_whatever_the_name_of_the_file() {
        let file = Path::new("/srv/a:1: b/i.toml");
        let mut problems = Problems::new(file, "x = 1\ny = 2\n");
        problems.add(6, "no key `y`: see `x`");
        let told = problems.into_sorted();
        assert_eq!(told[0].what, "/srv/a:1: b/i.toml:2:1: no key `y`: see `x`");
        assert_eq!(without_place(file, &told[0].what), "no key `y`: see `x`");
        // Not every problem has a place.
        let none = "/srv/a:1: b/i.toml: it cannot be read: no such file";
        assert_eq!(without_place(file, none), none);
    }
}
