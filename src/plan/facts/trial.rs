//! Directives of the inventory that a server program refuses, in the program's own words. Pure.

use crate::config::directives::value_text;
use crate::inventory::NodeSpec;
use std::collections::BTreeMap;

/// A directive that the program refuses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WrongDirective {
    /// Its name, as in the inventory.
    pub name: String,
    /// The program's own words.
    pub why: String,
    /// Line and column in the inventory, if known.
    pub place: Option<(usize, usize)>,
}

/// The result of a trial of directives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Trial {
    /// There was nothing to try.
    #[default]
    None,
    /// It takes them, except these.
    Heard(Vec<WrongDirective>),
    /// They could not be tried: the reason, one phrase.
    Untried(String),
}

/// The result of one start of the program with these directives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialVerdict {
    /// It takes all of them.
    All,
    /// It refuses one: the name, and why.
    Not(String, String),
    /// Its output is not understood: its last line.
    Unclear(String),
}

/// The directives of a node that need no file of its host, as lines, by name.
pub fn lines(node: &NodeSpec) -> BTreeMap<String, Vec<String>> {
    let elsewhere = |name: &str| {
        name.starts_with("tls-")
            || name.starts_with("syslog-")
            || name.starts_with("unixsocket")
            || ["aclfile", "user", "include", "bind", "bind-source-addr"].contains(&name)
    };
    let tried = node.config.iter().filter(|(name, _)| !elsewhere(name));
    tried
        .map(|(name, values)| {
            let lines = values.iter().map(|v| format!("{name} {}", value_text(v)));
            (name.clone(), lines.collect())
        })
        .collect()
}

/// Reads the output of one start. The output is clear if it names a directive (`>>> 'NAME …'`), or
/// if the program gets as far as the missing file of users.
pub fn read(output: &str) -> TrialVerdict {
    let mut lines = output.lines();
    while let Some(line) = lines.next() {
        let Some((_, quoted)) = line.split_once(">>> '") else {
            continue;
        };
        let name = quoted.split([' ', '\'']).next().unwrap_or_default();
        let why = lines.next().unwrap_or_default().trim();
        // Later servers keep unknown directives for their modules, and report them at the end.
        let why = if why.is_empty() || why.contains("Module Configuration") || why.contains(">>>") {
            "it knows no such directive"
        } else {
            why
        };
        return TrialVerdict::Not(name.to_ascii_lowercase(), why.to_owned());
    }
    if output.contains("because of ACL errors") {
        return TrialVerdict::All;
    }
    let last = output.lines().rev().find(|l| !l.trim().is_empty());
    TrialVerdict::Unclear(last.unwrap_or("nothing").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say_of_a_start() {
        let not = |output: &str, name: &str, why: &str| {
            assert_eq!(read(output), TrialVerdict::Not(name.into(), why.into()));
        };
        not(
            "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n>>> 'IO-Thread 4'\nBad directive or wrong number of arguments\n",
            "io-thread",
            "Bad directive or wrong number of arguments",
        );
        not(
            "1:M # Unresolved Configuration(s) Detected:\n1:M # >>> 'io-thread 4'\n1:M # Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting\n",
            "io-thread",
            "it knows no such directive",
        );
        not(">>> 'save'", "save", "it knows no such directive");
        assert_eq!(
            read("1:M # Aborting Valkey startup because of ACL errors: Error loading ACLs\n"),
            TrialVerdict::All
        );
        assert_eq!(
            read("x\nexec format error\n\n"),
            TrialVerdict::Unclear("exec format error".into())
        );
        assert_eq!(read(""), TrialVerdict::Unclear("nothing".into()));
    }
}
