//! `[hooks]`: the operator's own commands around a promotion. Pure.

use super::place::Problems;
use super::section::Section;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How long a hook may take unless `timeout` says otherwise, seconds.
const TIMEOUT: u32 = 30;
/// The longest `timeout`, seconds.
const LONGEST: u32 = 3_600;
const KEYS: [&str; 4] = ["before_promote", "after_promote", "on_failure", "timeout"];
const FORMS: &str = "write a list, program first: `[\"/usr/local/bin/vip\", \"off\"]`; or a string, which /bin/sh runs: `\"vip off && echo done\"`";

/// When a hook is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookPoint {
    /// Before anything is changed; it can forbid the promotion.
    BeforePromote,
    /// When there is a new primary.
    AfterPromote,
    /// When the promotion failed, was rolled back, or stopped half-way.
    OnFailure,
}

impl HookPoint {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BeforePromote, Self::AfterPromote, Self::OnFailure];

    /// Its key in the inventory.
    pub fn key(self) -> &'static str {
        match self {
            Self::BeforePromote => "before_promote",
            Self::AfterPromote => "after_promote",
            Self::OnFailure => "on_failure",
        }
    }
}

impl fmt::Display for HookPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookCommand {
    /// A program and its arguments, without any shell. Never empty.
    Program(Vec<String>),
    /// A line for `/bin/sh -c`.
    Shell(String),
}

impl fmt::Display for HookCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(line) => f.write_str(line),
            Self::Program(words) => {
                let words = words.iter().map(String::as_str);
                f.write_str(&shlex::try_join(words).unwrap_or_default())
            }
        }
    }
}

/// `[hooks]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hooks {
    /// `before_promote`.
    pub before_promote: Option<HookCommand>,
    /// `after_promote`.
    pub after_promote: Option<HookCommand>,
    /// `on_failure`.
    pub on_failure: Option<HookCommand>,
    /// `timeout`, seconds, for each of them.
    pub timeout: u32,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            before_promote: None,
            after_promote: None,
            on_failure: None,
            timeout: TIMEOUT,
        }
    }
}

impl Hooks {
    /// The command for that moment, where there is one.
    pub fn get(&self, point: HookPoint) -> Option<&HookCommand> {
        match point {
            HookPoint::BeforePromote => self.before_promote.as_ref(),
            HookPoint::AfterPromote => self.after_promote.as_ref(),
            HookPoint::OnFailure => self.on_failure.as_ref(),
        }
    }

    /// The moments for which there is one.
    pub fn points(&self) -> impl Iterator<Item = HookPoint> {
        HookPoint::ALL
            .into_iter()
            .filter(|p| self.get(*p).is_some())
    }
}

/// Reads `[hooks]`.
pub fn read(section: &Section, problems: &mut Problems) -> Hooks {
    section.only(problems, &KEYS, |key| match key {
        "pre_promote" => Some("did you mean `before_promote`?".to_owned()),
        "post_promote" => Some("did you mean `after_promote`?".to_owned()),
        _ => None,
    });
    let mut of = |point: HookPoint| command(section, problems, point.key());
    let (before_promote, after_promote, on_failure) = (
        of(HookPoint::BeforePromote),
        of(HookPoint::AfterPromote),
        of(HookPoint::OnFailure),
    );
    Hooks {
        before_promote,
        after_promote,
        on_failure,
        timeout: section
            .number(problems, "timeout", 1, LONGEST)
            .map_or(TIMEOUT, |found| found.value),
    }
}

fn command(section: &Section, problems: &mut Problems, key: &str) -> Option<HookCommand> {
    let value = section.get(key)?;
    let at = value.span().start;
    if value.get_ref().as_str().is_some() {
        let line = section.filled(problems, key)?;
        return Some(HookCommand::Shell(line.value.to_owned()));
    }
    let Some(items) = value.get_ref().as_array() else {
        section.wrong_type(problems, key, "a list of strings or a string", value, FORMS);
        return None;
    };
    let mut words = Vec::new();
    for item in items {
        let Some(word) = item.get_ref().as_str() else {
            let what = format!("`{key}` {} is a list of strings", section.called);
            problems.hinted(item.span().start, what, FORMS);
            return None;
        };
        if word.contains('\0') {
            let what = format!("`{key}` {} holds a NUL character", section.called);
            problems.add(item.span().start, what);
            return None;
        }
        words.push(word.to_owned());
    }
    if words.first().is_none_or(String::is_empty) {
        let what = format!("`{key}` {} names no program", section.called);
        problems.hinted(at, what, FORMS);
        return None;
    }
    Some(HookCommand::Program(words))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::inventory::parse::parse;
    use std::path::Path;

    fn hooks(section: &str) -> Result<Hooks, String> {
        let text = format!(
            "[deployment]\nname = \"x\"\n{section}\n[[node]]\nname = \"a\"\naddress = \"127.0.0.1\"\n"
        );
        let read = parse(Path::new("i"), &text);
        read.map(|inventory| inventory.hooks).map_err(|problems| {
            let all: Vec<String> = problems.iter().map(crate::error::Problem::text).collect();
            all.join("\n")
        })
    }

    #[test]
    fn a_command_is_a_program_with_its_words_or_a_line_for_the_shell() {
        let read = hooks(
            "[hooks]\nbefore_promote = [\"/bin/vip\", \"take off\"]\non_failure = \"vip on || true\"\ntimeout = 5",
        )
        .unwrap();
        assert_eq!(
            read.before_promote,
            Some(HookCommand::Program(vec![
                "/bin/vip".to_owned(),
                "take off".to_owned()
            ]))
        );
        assert_eq!(
            read.before_promote.as_ref().unwrap().to_string(),
            "/bin/vip 'take off'"
        );
        assert_eq!(
            read.on_failure,
            Some(HookCommand::Shell("vip on || true".to_owned()))
        );
        assert_eq!((read.after_promote.is_none(), read.timeout), (true, 5));
        let points: Vec<&str> = read.points().map(HookPoint::key).collect();
        assert_eq!(points, ["before_promote", "on_failure"]);
        assert_eq!(hooks("").unwrap(), Hooks::default());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (line, wanted) in [
            (
                "before_promote = 3",
                "must be a list of strings or a string",
            ),
            ("before_promote = []", "names no program"),
            ("before_promote = [\"\"]", "names no program"),
            ("before_promote = [\"a\", 3]", "is a list of strings"),
            ("before_promote = [\"a\\u0000b\"]", "NUL"),
            ("after_promote = \"\"", "is empty"),
            ("after_promote = \"a\\nb\"", "line break"),
            ("timeout = 0", "from 1 to 3600"),
            ("timeout = \"5\"", "without quotes"),
            ("pre_promote = \"a\"", "did you mean `before_promote`?"),
            ("after_promot = \"a\"", "did you mean `after_promote`?"),
        ] {
            let said = hooks(&format!("[hooks]\n{line}")).unwrap_err();
            assert!(
                said.starts_with("error: i:4:") && said.contains(wanted),
                "{line}: {said}"
            );
        }
        assert!(hooks("hooks = 3").unwrap_err().contains("`hooks`"));
    }
}
