use super::*;
use crate::inventory::parse::parse;
use std::path::Path;

fn answer(line: &str) -> (String, String) {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let mut command = Cli::command();
    let given = std::iter::once("replctl").chain(line.split(' '));
    let error = command.try_get_matches_from_mut(given).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidSubcommand, "{line}");
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        panic!("{line}");
    };
    let error = no_command(word, &words, &command);
    assert_eq!(error.exit, Exit::Usage);
    let problem = error.problems.into_iter().next().unwrap();
    (problem.what, problem.hint.unwrap())
}

#[test]
fn a_mistyped_word_leads_to_a_command_that_is_shown() {
    let line = |line| answer(&format!("--inventory /nonexistent {line}"));
    assert_eq!(line("statsu").1, "replctl status");
    assert_eq!(line("sentinel stauts").1, "replctl sentinel status");
    // Words close to hidden commands, and to the alias of setup.
    for word in ["fence-guar", "fence-guards", "mann", "ma"] {
        assert_eq!(line(word).1, "replctl --help", "{word}");
    }
    assert_eq!(line("deplou").1, "replctl --help");
    assert!(!line("destroy").1.contains("deploy"));
    assert_eq!(line("replay").1, "replctl lost --help");
    assert_eq!(
        line("destroy").0,
        "no command `destroy`: no command ends a whole deployment; one node after another can leave, but not the primary"
    );
    assert_eq!(line("destroy").1, "replctl remove --help");
    assert_eq!(
        line("failover"),
        (
            "no command `failover`".to_owned(),
            "replctl promote".to_owned()
        )
    );
}

#[test]
fn options_that_exclude_each_other_do_so_on_both_sides_of_the_command() {
    let refused = |line: &str| {
        let mut command = Cli::command();
        let given = std::iter::once("replctl").chain(line.split(' '));
        // clap itself refuses conflicting options that stand side by side.
        let found = command.try_get_matches_from_mut(given).unwrap();
        conflict(&command, &found)
    };
    let said = refused("-q status -v").unwrap();
    assert!(said.contains("--quiet") && said.contains("--verbose"));
    let said = refused("--json endpoint --format env").unwrap();
    assert!(said.contains("--json") && said.contains("--format"));
    assert!(refused("-v sentinel status -q").is_some());
    for line in [
        "-q status",
        "--json endpoint",
        "endpoint --format env",
        "-q --json sentinel status --color never",
        "status",
    ] {
        assert_eq!(refused(line), None, "{line}");
    }
}

#[test]
fn places_are_filled_by_what_was_typed_and_by_the_inventory() {
    let node = |name: &str, last: u8, more: &str| {
        format!("[[node]]\nname = \"{name}\"\naddress = \"10.0.0.{last}\"\n{more}")
    };
    let text = [
        "[deployment]\nname = \"orders\"\nauth = \"none\"\n".to_owned(),
        node("master", 1, ""),
        node("slave1", 2, "replicaof = \"master\"\n"),
        node("slave2", 3, "replicaof = \"master\"\n"),
    ]
    .concat();
    let inventory = parse(Path::new("i.toml"), &text).unwrap();
    let hint = |word: &str, after: &[&str]| {
        let entry = meant(None, word, after.first().copied()).unwrap();
        filled(entry, after, Some(&inventory))
    };
    assert_eq!(hint("failover", &[]), "replctl promote");
    assert_eq!(hint("failover", &["slave1"]), "replctl promote slave1");
    assert_eq!(hint("demote", &["master"]), "replctl promote");
    assert_eq!(
        hint("slaveof", &["10.0.0.1", "6379"]),
        "replctl move --help"
    );
    assert_eq!(
        hint("relocate", &["slave1"]),
        "replctl move slave1 --under master"
    );
    assert_eq!(hint("destroy", &[]), "replctl remove slave2 --dry-run");
    // A typed node that does not fit is not replaced by another node.
    assert_eq!(hint("destroy", &["master"]), "replctl remove --help");
    assert_eq!(hint("rm", &["nosuch"]), "replctl remove --help");
    assert_eq!(hint("reinit", &["master"]), "replctl setup --help");
    assert_eq!(
        hint("slaveof", &["slave1", "no", "one"]),
        "replctl move --help"
    );
    assert_eq!(
        hint("repoint", &["slave1", "slave2"]),
        "replctl move slave1 --under slave2"
    );
    let both = ["--leader", "master", "--candidate", "slave1"];
    assert_eq!(hint("switchover", &both), "replctl promote slave1");
    assert_eq!(
        hint("switchover", &["--candidate=slave2"]),
        "replctl promote slave2"
    );
    assert_eq!(hint("switchover", &["a", "slave1"]), "replctl promote");
    assert_eq!(hint("diff", &[]), "replctl lost master");
    assert_eq!(hint("replay", &[]), "replctl lost master --replay");
}
