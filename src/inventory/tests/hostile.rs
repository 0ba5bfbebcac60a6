//! The parser answers any file: with an inventory that keeps its promises, or with problems and
//! their places. It never panics.

use super::super::Inventory;
use super::super::edit::{self, NewNode};
use super::super::parse::parse;
use super::EXAMPLE;
use crate::topology::Address;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

/// Every node can be removed from the text, and another one added, and both edits can be reversed
/// byte for byte; or the edit is refused.
fn edited(text: &str, inventory: &Inventory) {
    let root = inventory
        .nodes
        .iter()
        .find(|n| n.replicaof.is_none())
        .unwrap();
    let new = NewNode {
        name: "newcomer".into(),
        address: Address::new("192.0.2.99", 7777),
        replicaof: root.name.clone(),
        announce: None,
        priority: None,
        ssh: None,
    };
    let goes = inventory
        .nodes
        .iter()
        .map(|n| edit::remove("i", text, &n.name, Some(&root.name)));
    for edit in goes.chain([edit::add("i", text, &new)]).flatten() {
        let after = edit.apply(text).unwrap();
        assert_eq!(edit.reversed().apply(&after).as_deref(), Some(text));
        assert!(edit.holds(&after) && !edit.to_string().is_empty());
        if edit.node == new.name
            && let Ok(more) = parse(Path::new("i"), &after)
        {
            assert_eq!(more.nodes.len(), inventory.nodes.len() + 1);
        }
    }
}

/// Parses, and checks what every caller relies on.
fn answers(text: &str) {
    match parse(Path::new("i"), text) {
        Ok(inventory) => {
            let names: BTreeSet<_> = inventory.nodes.iter().map(|node| &node.name).collect();
            let addresses: BTreeSet<_> = inventory.nodes.iter().map(|node| &node.address).collect();
            assert!(!inventory.nodes.is_empty());
            assert_eq!(
                (names.len(), addresses.len()),
                (inventory.nodes.len(), inventory.nodes.len())
            );
            assert_eq!(
                inventory
                    .nodes
                    .iter()
                    .filter(|node| node.replicaof.is_none())
                    .count(),
                1
            );
            edited(text, &inventory);
            for node in &inventory.nodes {
                let mut at = node;
                for _ in 0..inventory.nodes.len() {
                    match &at.replicaof {
                        Some(upstream) => {
                            at = inventory.get(upstream).expect("the upstream is a node");
                        }
                        None => break,
                    }
                }
                assert!(at.replicaof.is_none(), "{} is in a loop", node.name);
                assert!(
                    node.config
                        .values()
                        .flatten()
                        .all(|value| !value.chars().any(char::is_control))
                );
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                let mut place = problem
                    .what
                    .strip_prefix("i:")
                    .expect("the file comes first")
                    .splitn(3, ':');
                let mut number = || {
                    place
                        .next()
                        .unwrap()
                        .parse::<usize>()
                        .expect("line and column are numbers")
                };
                assert!(number() <= text.split('\n').count());
                assert!(number() >= 1);
            }
        }
    }
}

const WORDS: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    "\"",
    "'",
    "\"\"\"",
    ",",
    ".",
    "\n",
    "\r\n",
    "#",
    "\\",
    "\\u0000",
    "\u{feff}",
    "\u{202e}",
    "\0",
    "\t",
    "node",
    "name",
    "address",
    "replicaof",
    "slaveof",
    "port",
    "ssh",
    "config",
    "deployment",
    "password",
    "auth",
    "server",
    "source",
    "-1",
    "0x",
    "99999999999999999999999999",
    "1.5",
    "true",
    "1979-05-27",
    "\"master\"",
    "\"slave1\"",
    "\"::\"",
    "\"[::1\"",
    "é",
    "主",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC{0,200}|[\\x00-\\x7f]{0,200}") {
        answers(&text);
    }

    #[test]
    fn any_words(words in prop::collection::vec(prop::sample::select(WORDS), 0..60), spaced in any::<bool>()) {
        answers(&words.join(if spaced { " " } else { "" }));
    }

    #[test]
    fn the_example_cut_and_patched(
        edits in prop::collection::vec((0usize..2000, 0usize..40, prop::sample::select(WORDS)), 1..6)
    ) {
        let mut text: Vec<char> = EXAMPLE.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.chars().chain(['\n'])).collect();
        for (at, cut, word) in edits {
            let start = at % (text.len() + 1);
            let end = (start + cut).min(text.len());
            text.splice(start..end, word.chars());
        }
        answers(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_tree(upstreams in prop::collection::vec(prop::option::of(0usize..9), 1..9)) {
        let node = |(index, upstream): (usize, &Option<usize>)| {
            let upstream = upstream.map_or_else(String::new, |upstream| format!("replicaof = \"n{upstream}\"\n"));
            format!("[[node]]\nname = \"n{index}\"\naddress = \"127.0.0.{}\"\n{upstream}", index + 1)
        };
        let nodes: Vec<String> = upstreams.iter().enumerate().map(node).collect();
        let text = format!("[deployment]\nname = \"x\"\n{}", nodes.concat());
        answers(&text);
    }
}
