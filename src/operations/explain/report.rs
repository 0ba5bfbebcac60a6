//! The explanations of findings: for people, as JSON and as docs/diagnoses.md, from one struct.
//! Pure.

use crate::findings::{Code, Explanation, Severity};
use crate::inventory::nearest::nearest;
use serde::Serialize;
use std::fmt::Write as _;

/// The longest line of the list, columns.
const COLUMNS: usize = 100;
/// The longest line of the document, columns.
const WIDTH: usize = 118;

/// Findings with their explanations.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// In the order of their names.
    pub findings: Vec<One>,
}

/// A finding with its explanation.
#[derive(Debug, Serialize)]
pub struct One {
    /// Its name.
    pub code: String,
    /// Its explanation.
    #[serde(flatten)]
    pub explanation: Explanation,
}

impl One {
    fn of(code: Code) -> Self {
        Self {
            code: code.name(),
            explanation: code.explanation(),
        }
    }

    /// "problem or warning".
    fn severities(&self) -> String {
        let told = self.explanation.severities.iter().map(|s| severity(*s));
        told.collect::<Vec<_>>().join(" or ")
    }

    /// In full, for people.
    pub fn text(&self) -> String {
        let told = &self.explanation;
        let cause = format!("cause: {}", told.cause);
        let way_out = format!("way out: {}", told.way_out);
        let parts = [told.meaning, &cause, &way_out].map(|part| wrapped(part, COLUMNS).join("\n"));
        format!(
            "{} ({})\n\n{}",
            self.code,
            self.severities(),
            parts.join("\n\n")
        )
    }
}

impl Explained {
    /// All of them.
    pub fn all() -> Self {
        let mut findings: Vec<One> = Code::ALL.iter().map(|code| One::of(*code)).collect();
        findings.sort_by(|a, b| a.code.cmp(&b.code));
        Self { findings }
    }

    /// The finding with that name, in any case and with `_` for `-`. If there is none: the names
    /// that the user may have meant.
    pub fn named(name: &str) -> Result<One, Vec<String>> {
        let wanted = name.trim().to_lowercase().replace('_', "-");
        let mut all = Self::all().findings;
        if let Some(place) = all.iter().position(|one| one.code == wanted) {
            return Ok(all.swap_remove(place));
        }
        let names: Vec<String> = all.into_iter().map(|one| one.code).collect();
        let close = nearest(&wanted, names.iter().map(String::as_str)).map(str::to_owned);
        // One word of a name means every finding whose name has this word.
        let parts = |name: &String| !wanted.is_empty() && name.contains(&wanted);
        let near: Vec<String> = names.iter().filter(|n| parts(n)).cloned().collect();
        Err(close
            .into_iter()
            .chain(near)
            .fold(Vec::new(), |mut found, name| {
                if !found.contains(&name) {
                    found.push(name);
                }
                found
            }))
    }

    /// The list, for people: a name, how bad it can be, and the first sentence.
    pub fn text(&self) -> String {
        let longest = |of: &dyn Fn(&One) -> usize| self.findings.iter().map(of).max().unwrap_or(0);
        let names = longest(&|one| one.code.len());
        let bad = longest(&|one| one.severities().len());
        let mut text = String::new();
        for one in &self.findings {
            let meaning = first_sentence(one.explanation.meaning);
            let lines = wrapped(meaning, COLUMNS.saturating_sub(names + bad + 4));
            let mut head = format!("{:<names$}  {:<bad$}  ", one.code, one.severities());
            for line in lines {
                let _ = writeln!(text, "{head}{line}");
                head = " ".repeat(names + bad + 4);
            }
        }
        text.push_str("\nIn full: replctl explain CODE");
        text
    }

    /// The document.
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "# Diagnoses\n\n<!-- Written by `make generated`. Each text stands beside the finding in src/findings. -->\n\n",
        );
        let mut paragraph = |words: &str| {
            for line in wrapped(words, WIDTH) {
                let _ = writeln!(text, "{line}");
            }
            text.push('\n');
        };
        paragraph(
            "What `replctl status`, `replctl check` and `replctl sentinel status` can find. `replctl explain CODE` prints one of these, and `replctl explain` lists all. \
             `status --json` has the code of each finding. Codes are added to, and not renamed.",
        );
        for one in &self.findings {
            let told = &one.explanation;
            paragraph(&format!("## {}", one.code));
            paragraph(&format!("*{}*", one.severities()));
            paragraph(told.meaning);
            paragraph(&format!("**Cause.** {}", told.cause));
            paragraph(&format!("**Way out.** {}", told.way_out));
        }
        format!("{}\n", text.trim_end())
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Problem => "problem",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Up to the first full stop that ends a sentence.
fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}

/// Lines of at most so many columns, broken between words and never inside of code.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        let length = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.push(line);
    lines
}

/// Words. Text between two backticks stays in one word.
fn words(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for word in text.split(' ') {
        match found.last_mut().filter(|_| open) {
            Some(last) => {
                last.push(' ');
                last.push_str(word);
            }
            None => found.push(word.to_owned()),
        }
        if word.matches('`').count() % 2 == 1 {
            open = !open;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_any_spelling_and_others_lead_to_near_ones() {
        for name in ["link-down", "LINK_DOWN", " link-down "] {
            assert_eq!(
                Explained::named(name).ok().map(|one| one.code).as_deref(),
                Some("link-down")
            );
        }
        assert_eq!(
            Explained::named("link-dwon").err(),
            Some(vec!["link-down".to_owned()])
        );
        let near = Explained::named("primary").err().unwrap_or_default();
        assert!(
            near.contains(&"no-primary".to_owned()) && near.len() > 2,
            "{near:?}"
        );
        assert_eq!(Explained::named("xyzzyx").err(), Some(Vec::new()));
        assert_eq!(Explained::named("").err(), Some(Vec::new()));
    }

    #[test]
    fn the_list_has_every_code_and_no_long_line() {
        let all = Explained::all();
        let text = all.text();
        for one in &all.findings {
            assert!(
                text.lines().any(|line| line.starts_with(&one.code)),
                "{}",
                one.code
            );
            assert!(all.markdown().contains(&format!("\n## {}\n", one.code)));
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= COLUMNS),
            "{text}"
        );
        assert!(
            all.markdown()
                .lines()
                .skip(3)
                .all(|line| line.chars().count() <= WIDTH)
        );
    }

    #[test]
    fn code_is_not_broken() {
        assert_eq!(wrapped("aa `b c d` e", 6), ["aa", "`b c d`", "e"]);
        assert_eq!(first_sentence("It is 7.0 or so. Then."), "It is 7.0 or so.");
    }
}
