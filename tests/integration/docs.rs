//! README and docs/: the README stays an entrance, every link leads somewhere, and every named
//! command exists. Every console block that is not marked as an example runs on real servers and
//! prints the text below it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod commands;
mod links;
pub mod markdown;
mod play;

use crate::support::repository;
use markdown::{Block, Page};
use play::{Begin, Session};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Words that the README may have.
const WORDS: usize = 1_200;
/// The longest line of a document, in characters, tables included. Output of programs may be
/// longer.
const COLUMNS: usize = 160;

/// The pages with console blocks that are run, each by a test below.
const PLAYED: [&str; 11] = [
    "docs/embedded-server.md",
    "docs/failover.md",
    "docs/history.md",
    "docs/hooks.md",
    "docs/members.md",
    "docs/old-primary.md",
    "docs/promote.md",
    "docs/quick-start.md",
    "docs/sentinel.md",
    "docs/setup.md",
    "docs/status.md",
];

/// All documents, by their paths in the repository.
fn pages() -> BTreeMap<String, Page> {
    let mut names: BTreeSet<String> = [
        "README.md",
        "README.zh.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ]
    .map(str::to_owned)
    .into();
    for folder in ["docs", "docs/zh"] {
        for entry in std::fs::read_dir(repository().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&name).extension().is_some_and(|e| e == "md") {
                names.insert(format!("{folder}/{name}"));
            }
        }
    }
    assert!(names.len() > 25, "{names:?}");
    let read = |name: String| {
        let text = std::fs::read_to_string(repository().join(&name)).unwrap();
        let page = Page::parse(&text);
        (name, page)
    };
    names.into_iter().map(read).collect()
}

#[test]
fn the_readme_is_a_door() {
    let text = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let words = text.split_whitespace().count();
    assert!(words <= WORDS, "README.md has {words} words");
    for (name, page) in pages() {
        let own = name.starts_with("README") || name.starts_with("docs/");
        for line in page.prose().iter().filter(|_| own) {
            let columns = line.chars().count();
            assert!(columns <= COLUMNS, "{name}: {columns} characters: {line}");
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let wrong = links::broken(&pages);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let lost = links::unlinked(&pages, &["README.md", "README.zh.md"]);
    assert!(lost.is_empty(), "no README leads to {lost:#?}");
}

#[test]
fn every_command_is_there() {
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for (name, page) in pages().iter().filter(|(name, _)| *name != "CHANGELOG.md") {
        for line in page.commands() {
            looked_at += 1;
            wrong.extend(commands::trouble_with(&line).map(|why| format!("{name}: {line}: {why}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(looked_at > 150, "only {looked_at} commands were found");
}

/// Every measurement names the command that made it.
#[test]
fn every_measurement_has_its_command() {
    let pages = pages();
    let page = &pages["docs/measurements.md"];
    let sections: Vec<(&str, Vec<&String>)> = page.sections(2);
    assert!(sections.len() > 10, "{sections:?}");
    for (title, lines) in sections {
        let named = |line: &&&String| {
            line.contains("`make ") || line.contains("`cargo test ") || line.contains("cargo test ")
        };
        assert!(
            lines.iter().any(|line| named(&line)),
            "{title} has no command"
        );
    }
}

/// CI runs the same command for all tests as the README.
#[test]
fn ci_runs_what_the_readme_says() {
    let pages = pages();
    let shown = pages["README.md"].blocks("sh");
    let test = shown
        .iter()
        .find(|block| block.lines.len() == 1 && block.lines[0].contains("test"));
    let command = &test.expect("README.md shows how to run every test").lines[0];
    let ci = std::fs::read_to_string(repository().join(".ci/run")).unwrap();
    let runs = ci
        .lines()
        .map(|line| line.strip_suffix(" || code=$?").unwrap_or(line))
        .any(|line| !line.starts_with('#') && line.ends_with(command.as_str()));
    assert!(runs, ".ci/run does not run `{command}`");
}

/// The Chinese pages show blocks of the English page of the same name, and those are run.
#[test]
fn chinese_pages_show_what_is_run() {
    let pages = pages();
    let mut compared = 0;
    for (name, page) in pages
        .iter()
        .filter(|(name, _)| name.starts_with("docs/zh/"))
    {
        let english = name.replace("docs/zh/", "docs/");
        let english = pages
            .get(&english)
            .unwrap_or_else(|| panic!("{name} has no English page"));
        let known = english.blocks("console");
        for block in page.blocks("console") {
            assert!(
                known.contains(&block),
                "{name}: this is not a block of the English page: {block:#?}"
            );
            compared += 1;
        }
    }
    assert!(compared > 5, "{compared}");
}

#[test]
fn every_console_block_belongs_to_a_test() {
    let mut found = BTreeSet::new();
    for (name, page) in pages()
        .iter()
        .filter(|(name, _)| !name.starts_with("docs/zh/"))
    {
        for block in page.blocks("console") {
            let typed = block.lines.iter().any(|line| line.starts_with("$ "));
            assert!(typed, "{name}: {block:?}");
            if !block.example {
                found.insert(name.clone());
            }
        }
    }
    let wanted = PLAYED.iter().map(|p| (*p).to_owned()).collect();
    assert_eq!(
        found, wanted,
        "pages whose console blocks no test plays, or that have none any more"
    );
}

fn sessions(page: &str) -> Vec<Session> {
    let pages = pages();
    let blocks: Vec<&Block> = pages[page]
        .blocks("console")
        .into_iter()
        .filter(|b| !b.example)
        .collect();
    assert!(!blocks.is_empty(), "{page} has no console block");
    blocks
        .into_iter()
        .flat_map(|block| Session::of(&block.lines))
        .collect()
}

#[test]
fn embedded_server() {
    play::play(Begin::Bare, "orders", &sessions("docs/embedded-server.md"));
}

#[test]
fn failover() {
    play::play(Begin::SetUp, "orders", &sessions("docs/failover.md"));
}

#[test]
fn history() {
    play::play(Begin::SetUp, "orders", &sessions("docs/history.md"));
}

#[test]
fn hooks() {
    play::play(Begin::SetUp, "orders", &sessions("docs/hooks.md"));
}

#[test]
fn members() {
    play::play(Begin::SetUp, "orders", &sessions("docs/members.md"));
}

#[test]
fn old_primary() {
    play::play(Begin::SetUp, "orders", &sessions("docs/old-primary.md"));
}

#[test]
fn promote() {
    play::play(Begin::SetUp, "orders", &sessions("docs/promote.md"));
}

#[test]
fn quick_start() {
    play::play(Begin::Bare, "orders", &sessions("docs/quick-start.md"));
}

#[test]
fn sentinel() {
    play::play(Begin::SetUp, "orders", &sessions("docs/sentinel.md"));
}

#[test]
fn setup() {
    play::play(Begin::Bare, "orders", &sessions("docs/setup.md"));
}

#[test]
fn status() {
    play::play(Begin::SetUp, "orders", &sessions("docs/status.md"));
}

/// The pictures of the README show real output of the program.
#[test]
fn the_pictures_are_true() {
    for name in ["status", "promote"] {
        let file = repository().join(format!("docs/pictures/{name}.svg"));
        let lines = markdown::lines_of_picture(&std::fs::read_to_string(file).unwrap());
        play::play(Begin::SetUp, "demo", &Session::of(&lines));
    }
}
