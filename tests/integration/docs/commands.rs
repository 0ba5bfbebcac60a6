//! Whether the commands that a document names exist: targets of the Makefile, tests, scripts,
//! commands and options of replctl.

use crate::support::{Replctl, repository};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{LazyLock, Mutex};

/// The names of all tests of this program.
static TESTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let this = std::env::current_exe().unwrap();
    let listed = Command::new(this)
        .args(["--list", "--format", "terse"])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let names: Vec<String> = listed
        .lines()
        .filter_map(|l| l.strip_suffix(": test"))
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 100, "{names:?}");
    names
});

/// What `--help` of a command says, by the command.
static HELP: LazyLock<Mutex<BTreeMap<String, String>>> = LazyLock::new(Mutex::default);

/// What is wrong with a line, if it is a command of ours.
pub fn trouble_with(line: &str) -> Option<String> {
    // `env=$(replctl …)`, `NAME=VALUE make …`, a pipe: what matters is where our word begins.
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = |word: &str| words.iter().position(|w| *w == word);
    if let Some(n) = at("make").filter(|n| words[..*n].iter().all(|w| w.contains('='))) {
        return make(words.get(n + 1)?);
    }
    if let Some(n) = at("cargo").filter(|_| words.contains(&"--test")) {
        return test(&words[n..]);
    }
    if words[0].starts_with("scripts/")
        || words[0].starts_with("tests/")
        || words[0].starts_with(".ci/")
    {
        let there = repository().join(words[0].trim_end_matches('/')).exists();
        return (!there).then(|| "it is not there".to_owned());
    }
    // Elsewhere it is the name of a user, a package or a binary.
    let typed = |n: usize| {
        n == 0 || matches!(words[n - 1], "&&" | "|") || words[..n].iter().all(|w| w.contains('='))
    };
    let n = (0..words.len())
        .find(|n| words[*n].ends_with("$(replctl") || (words[*n] == "replctl" && typed(*n)))?;
    ours(&words[n + 1..])
}

fn make(target: &str) -> Option<String> {
    let makefile = std::fs::read_to_string(repository().join("Makefile")).unwrap();
    let known = makefile.lines().any(|l| {
        l.strip_prefix(target)
            .is_some_and(|rest| rest.starts_with(':'))
    });
    (!known).then(|| "the Makefile has no such target".to_owned())
}

fn test(words: &[&str]) -> Option<String> {
    let n = words.iter().position(|w| *w == "integration")?;
    let filter = words.get(n + 1)?;
    let some = TESTS.iter().any(|name| name.contains(filter));
    (!some).then(|| "it runs no test".to_owned())
}

/// Checks that each command word of a line is a command, and that each option is one of its
/// options.
fn ours(words: &[&str]) -> Option<String> {
    let plain = |w: &&&str| w.chars().all(|c| c.is_ascii_lowercase());
    let ended = words
        .iter()
        .position(|w| matches!(*w, "|" | "&&" | ">"))
        .unwrap_or(words.len());
    let words: Vec<&str> = words[..ended]
        .iter()
        .map(|w| w.trim_end_matches([')', ',']))
        .collect();
    let first = words.first().filter(plain)?;
    if *first == "help" {
        return None;
    }
    let mut path = vec![*first];
    if *first == "sentinel" {
        path.extend(words.get(1).filter(plain));
    }
    let help = HELP
        .lock()
        .unwrap()
        .entry(path.join(" "))
        .or_insert_with(|| help(&path))
        .clone();
    if help.is_empty() {
        return Some("replctl has no such command".to_owned());
    }
    let options = words
        .iter()
        .filter(|w| w.starts_with("--"))
        .map(|w| w.split('=').next().unwrap());
    let unknown = options.into_iter().find(|option| {
        !help
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .any(|word| word == *option)
    });
    unknown.map(|option| format!("it has no option {option}"))
}

/// Empty where there is no such command.
fn help(path: &[&str]) -> String {
    let ran = Replctl::new().run(&[path, &["--help"]].concat());
    if ran.code == Some(0) {
        ran.stdout
    } else {
        String::new()
    }
}

#[test]
fn what_is_not_there_is_found() {
    for line in [
        "make nothing",
        "RTT=1 make nothing",
        "cargo test --test integration no_such_test::",
        "scripts/nothing",
        "replctl slaveof",
        "env=$(replctl endpoint --forms env)",
        "replctl sentinel setup --nothing",
        "replctl sentinel nothing",
    ] {
        assert!(trouble_with(line).is_some(), "{line}");
    }
    for line in [
        "make test",
        "make soak CASES=1",
        "cargo test --test integration docs::",
        "replctl promote slave1 --dry-run",
        "replctl sentinel setup",
        "replctl history --json | jq .",
        "cargo test --bin replctl oracle",
        "make",
        "anything else",
    ] {
        assert_eq!(trouble_with(line), None, "{line}");
    }
}
