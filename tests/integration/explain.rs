//! `explain` needs no inventory and no host. It explains every name that it lists, and an unknown
//! name leads to similar ones.

#![allow(clippy::unwrap_used)]

use crate::support::Replctl;

#[test]
fn every_code_that_is_listed_is_explained() {
    let operator = Replctl::new();
    let list = operator.run(&["explain"]).ok().stdout;
    let heads = list.lines().take_while(|line| !line.is_empty());
    let codes: Vec<&str> = heads
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(codes.len() > 50, "{list}");
    for code in &codes {
        let ran = operator.run(&["explain", code]).ok();
        for part in ["\n\ncause: ", "\n\nway out: "] {
            assert!(
                ran.stdout.starts_with(code) && ran.stdout.contains(part),
                "{ran}"
            );
        }
    }
    // What stands in backticks as a command of ours is one.
    let text = operator.run(&["explain", "--markdown"]).ok().stdout;
    let page = crate::docs::markdown::Page::parse(&text);
    let commands: Vec<String> = page.commands();
    assert!(
        commands
            .iter()
            .filter(|c| c.starts_with("replctl "))
            .count()
            > 20
    );
    let wrong: Vec<String> = commands
        .iter()
        .filter_map(|line| {
            crate::docs::commands::trouble_with(line).map(|why| format!("{line}: {why}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_unknown_code_leads_to_those_near_it() {
    let operator = Replctl::new();
    operator
        .run(&["explain", "LINK_DOWN"])
        .ok()
        .says("link-down (problem or warning)");
    let ran = operator.run(&["explain", "link-dwon"]).code(2);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(
        lines,
        [
            "error: no finding has the code `link-dwon`",
            " hint: replctl explain link-down"
        ]
    );
    let ran = operator.run(&["explain", "primary"]).code(2);
    assert!(ran.stderr.contains("; near it: "), "{ran}");
    assert!(ran.stderr.contains("no-primary"), "{ran}");
    let ran = operator.run(&["explain", "\u{1b}[31mxyzzyx"]).code(2);
    assert!(!ran.stderr.contains('\u{1b}'), "{ran}");
    assert!(ran.stderr.ends_with(" hint: replctl explain\n"), "{ran}");
}
