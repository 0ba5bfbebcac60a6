//! Reads Rust source far enough to know what it names: comments, texts and test modules taken out,
//! `use` trees spread out.
//!
//! It is no compiler: it would miss macros that make paths, and there are none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A path as the source names it, from its crate: `std::fs::File`, `crate::world::World`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The line, from 1.
    pub line: usize,
    /// The path.
    pub path: String,
}

/// Everything a file names outside its test modules. `module`: the file's own path in the crate, as
/// `["world", "info"]`.
pub fn names(source: &str, module: &[String]) -> BTreeSet<Named> {
    let code = without_tests(&bare(source));
    let tokens = tokens(&code);
    let mut found = BTreeSet::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut paths = Vec::new();
        let line = tokens[at].0;
        if tokens[at].1 == "use" {
            at = tree(&tokens, at + 1, &[], &mut paths);
        } else if is_name(&tokens[at].1) {
            at = plain(&tokens, at, &mut paths);
        } else {
            at += 1;
        }
        for path in paths {
            found.insert(Named {
                line,
                path: absolute(&path, module).join("::"),
            });
        }
    }
    found
}

/// The files that only a test build has, by what this file declares: `#[cfg(test)] mod name;`.
pub fn test_files(source: &str, file: &Path) -> Vec<PathBuf> {
    let code = bare(source);
    let tokens = tokens(&code);
    let texts: Vec<&str> = tokens.iter().map(|(_, t)| t.as_str()).collect();
    let folder = match file.file_stem().and_then(|s| s.to_str()) {
        Some("mod" | "main") | None => file.parent().unwrap().to_owned(),
        Some(stem) => file.parent().unwrap().join(stem),
    };
    let mut found = Vec::new();
    for (n, window) in texts.windows(3).enumerate() {
        if let ["mod", name, ";"] = window
            && under_test(&texts[..n])
        {
            found.push(folder.join(format!("{name}.rs")));
            found.push(folder.join(name));
        }
    }
    found
}

/// Whether the item that follows these tokens stands under `#[cfg(test)]`.
fn under_test(before: &[&str]) -> bool {
    let item = before
        .iter()
        .rposition(|t| matches!(*t, ";" | "{" | "}"))
        .map_or(0, |p| p + 1);
    before[item..]
        .windows(4)
        .any(|w| w == ["cfg", "(", "test", ")"])
}

/// The source with comments, texts and characters blanked out; lines stay where they are.
pub fn bare(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let length = skipped(rest, out.chars().last());
        let length = if length == 0 { c.len_utf8() } else { length };
        let (part, after) = rest.split_at(length);
        if length > c.len_utf8() || c == '"' {
            // A blank for each, so that what stood beside it does not grow together.
            out.extend(part.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            out.push(c);
        }
        rest = after;
    }
    out
}

/// The length of the comment, text or character at the start of `rest`, 0 if there is none.
fn skipped(rest: &str, before: Option<char>) -> usize {
    let in_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    let raw = rest.strip_prefix('b').unwrap_or(rest);
    if let Some(after) = raw.strip_prefix('r').filter(|_| !in_name) {
        let hashes = after.len() - after.trim_start_matches('#').len();
        if after[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = rest.len() - after.len() + hashes + 1;
            return rest[start..]
                .find(&end)
                .map_or(rest.len(), |e| start + e + end.len());
        }
    }
    match rest.as_bytes()[0] {
        b'"' => quoted(rest, '"'),
        b'\'' => {
            let mut inside = rest[1..].chars();
            match (inside.next(), inside.next()) {
                (Some('\\'), _) | (Some(_), Some('\'')) => quoted(rest, '\''),
                // A lifetime.
                _ => 0,
            }
        }
        _ => 0,
    }
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Blanks out every block under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let end = match out[start..].find(['{', ';']) {
            Some(at) if out[start + at..].starts_with('{') => block(&out, start + at),
            Some(at) => start + at + 1,
            None => out.len(),
        };
        let blank: String = out[start..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        out.replace_range(start..end, &blank);
    }
    out
}

fn block(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return open + at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::`, and every other character by itself; each with its line.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(c) = rest.chars().next() {
            let length = if c.is_alphanumeric() || c == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                c.len_utf8()
            };
            found.push((number + 1, rest[..length].to_owned()));
            rest = rest[length..].trim_start();
        }
    }
    found
}

/// Spreads out the `use` tree at `at`; where it ends.
fn tree(
    tokens: &[(usize, String)],
    mut at: usize,
    before: &[String],
    paths: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = before.to_vec();
    let mut renamed = false;
    while at < tokens.len() {
        match tokens[at].1.as_str() {
            "{" => {
                at += 1;
                loop {
                    at = tree(tokens, at, &path, paths);
                    match tokens.get(at).map(|t| t.1.as_str()) {
                        Some(",") => at += 1,
                        _ => break,
                    }
                }
                // The closing brace; this tree has no name of its own.
                return at + 1;
            }
            "," | "}" | ";" => break,
            "as" => renamed = true,
            name if is_name(name) && !renamed => path.push(name.to_owned()),
            _ => {}
        }
        at += 1;
    }
    if path.len() > before.len() {
        paths.push(path);
    }
    at
}

/// The path that begins at `at`, if it has more than one part; where it ends.
fn plain(tokens: &[(usize, String)], mut at: usize, paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = vec![tokens[at].1.clone()];
    at += 1;
    while at + 1 < tokens.len() && tokens[at].1 == "::" && is_name(&tokens[at + 1].1) {
        path.push(tokens[at + 1].1.clone());
        at += 2;
    }
    if path.len() > 1 {
        paths.push(path);
    }
    at
}

/// `self` and `super` resolved.
fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    let mut base: Vec<String> = module.to_vec();
    let mut rest = path;
    let mut relative = false;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "super" => {
                base.pop();
            }
            "self" if !relative => {}
            _ => break,
        }
        relative = true;
        rest = after;
    }
    if !relative {
        return path.to_vec();
    }
    std::iter::once("crate".to_owned())
        .chain(base)
        .chain(rest.iter().cloned())
        .collect()
}
