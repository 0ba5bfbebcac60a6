//! What holds for several nodes is said once, and a journal has the sentences.

use super::change::Change;
use super::files::Files;
use super::host::Host;
use super::login::{Login, Refused};
use super::{Warning, in_journal, sentences};
use crate::topology::NodeName;

fn named(name: &str) -> NodeName {
    name.into()
}

#[test]
fn what_holds_for_many_nodes_is_said_once() {
    let slow = |name: &str| Warning::of(&named(name), Host::Overcommit);
    let old = Warning::of(&named("b"), Files::Gone("/f".to_owned()));
    let hooks = || Warning::of_all(Change::HooksLeftOut(vec!["before_promote"]));
    let all = [slow("a"), slow("b"), old, hooks(), slow("c"), hooks()];
    let told = sentences(&all);
    assert!(told[0].starts_with("the host of `a` has"), "{told:?}");
    assert!(
        told[0].ends_with("; the same holds for `b`, `c`"),
        "{told:?}"
    );
    assert!(
        told[1].starts_with("`b` runs without its file /f"),
        "{told:?}"
    );
    assert_eq!(told[2], told[3]);
    assert_eq!(told.len(), 4);
}

/// A command that is to be pasted names one node.
#[test]
fn what_has_a_command_for_one_node_is_said_for_each() {
    let behind = |name: &str| {
        let login = Login::LeftBehind {
            at: named("m"),
            because: Refused::Password,
        };
        Warning::of(&named(name), login)
    };
    let told = sentences(&[behind("a"), behind("b")]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].ends_with("first: replctl setup b"), "{told:?}");
}

/// As every replctl has written them.
#[test]
fn a_journal_has_sentences_and_they_are_read_again() {
    let plan: Vec<Warning> = vec![Warning::of(&named("a"), Host::HugePages)];
    let mut text = Vec::new();
    let mut to = serde_json::Serializer::new(&mut text);
    in_journal::serialize(&plan, &mut to).unwrap();
    let texts: Vec<String> = serde_json::from_slice(&text).unwrap();
    assert_eq!(texts, sentences(&plan));
    let mut from = serde_json::Deserializer::from_slice(&text);
    let read = in_journal::deserialize(&mut from).unwrap();
    assert_eq!(sentences(&read), texts);
    assert_eq!(read[0].code(), "recorded");
}
