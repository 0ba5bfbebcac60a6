//! Every message of the parser, word for word with its line and column: the cases are in
//! `messages.txt`.
//!
//! A case is an inventory, `-----`, and the messages about it. `<x>` stands for a valid
//! `[deployment]`, `<a>` for a valid node.

use super::super::parse::parse;
use std::path::Path;

const DEPLOYMENT: &str = "[deployment]\nname = \"x\"\n";
const NODE: &str = "[[node]]\nname = \"a\"\naddress = \"127.0.0.1\"\n";

#[test]
fn each_error_is_told_with_its_place_and_hint() {
    let mut wrong = Vec::new();
    let cases: Vec<&str> = include_str!("messages.txt").split("=====\n").collect();
    assert!(cases.len() > 110);
    for case in cases {
        let (text, expected) = case.split_once("-----\n").expect("a case has two halves");
        let text = text.replace("<x>\n", DEPLOYMENT).replace("<a>\n", NODE);
        let problems = parse(Path::new("i"), &text).expect_err("each case is wrong");
        let told: String = problems
            .iter()
            .map(|problem| problem.text() + "\n")
            .collect();
        if told != expected {
            wrong.push(format!("{text}-- expected:\n{expected}-- told:\n{told}\n"));
        }
        assert!(!told.contains("hunter"), "a password is repeated: {told}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
