//! What holds for several nodes is said once, and a journal has the sentences.

use super::change::Change;
use super::files::Files;
use super::host::Host;
use super::login::{LoginTrouble, Refused};
use super::{Matter, Warning, in_journal, sentences};
use crate::plan::difference::gap::Gap;
use crate::topology::NodeName;
use crate::topology::versions::{FullCopy, Pair, Why};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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
        let login = LoginTrouble::LeftBehind {
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

/// The words between quotes in the body of that function.
fn words(source: &str, function: &str) -> Vec<String> {
    let body = source.split_once(function).unwrap().1;
    let body = body.split_once("\n    }\n").unwrap().0;
    let words = body.split('"').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// The subjects with their codes, as their files have them.
fn subjects() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = std::fs::read_dir(root.join("engine/warning")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let subjects = files.filter(|file| !file.ends_with("tests.rs"));
    let mut all: BTreeMap<String, BTreeSet<String>> = subjects
        .map(|file| {
            let codes = words(&std::fs::read_to_string(&file).unwrap(), "fn code(&self)");
            (file.display().to_string(), codes.into_iter().collect())
        })
        .collect();
    let differences = std::fs::read_to_string(root.join("plan/difference.rs")).unwrap();
    let names = words(&differences, "fn name(");
    all.insert("difference".to_owned(), names.into_iter().collect());
    all
}

#[test]
fn a_code_is_of_one_subject_and_the_schema_has_each() {
    let mut all = BTreeSet::new();
    for (subject, codes) in subjects() {
        assert!(codes.len() > 2, "{subject}");
        for code in codes {
            assert!(all.insert(code.clone()), "{subject}: {code} is another's");
        }
    }
    let schema = include_str!("../../../schema/replctl.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let listed = schema["$defs"]["notice_code"]["enum"].as_array().unwrap();
    let listed = listed.iter().filter_map(|code| code.as_str());
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(listed.collect::<Vec<_>>(), all);
}

/// A sentence that begins with the source of the copy cannot stand for other nodes.
#[test]
fn a_copy_that_cannot_be_made_is_said_for_each() {
    let gap = |name: &str, why| {
        let pair = Pair {
            copy: FullCopy::Refused(why),
            program: "Redis 7.2.4".to_owned(),
            above: named("m"),
            its_program: "Redis 7.4.0".to_owned(),
        };
        let matter = Matter::Difference(Gap::VersionOrder(pair));
        Warning {
            node: Some(named(name)),
            matter,
        }
    };
    let told = |why| sentences(&[gap("a", why), gap("b", why)]);
    let each = told(Why::FieldTtl(3));
    assert_eq!(each.len(), 2, "{each:?}");
    assert!(each[1].contains("full copy for `b`"), "{each:?}");
    assert_eq!(told(Why::Format).len(), 1);
}

/// They stand inside the sentence, and programs get them beside it.
#[test]
fn several_nodes_are_told_apart_from_the_sentence() {
    let of = |path: &str, node: &str| (path.to_owned(), named(node));
    let files = Files::Unseen(vec![of("/a", "a"), of("/b", "b"), of("/c", "b")]);
    let files = Warning::of_all(files);
    assert_eq!(files.further_nodes(), [named("a"), named("b")]);
    let alone = Warning::of(&named("a"), Host::Overcommit);
    assert_eq!(alone.further_nodes(), []);
}
