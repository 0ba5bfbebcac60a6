//! The rules that no compiler checks: which modules are pure, how long files are, and what the tree
//! must not contain.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod rooms;
mod scan;
mod width;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Files and folders of src/ that compute and do nothing else. In the folder of an operation,
/// `plan`, `checks` and `properties` are such, too.
const PURE: [&str; 14] = [
    "topology",
    "findings",
    "rescue",
    "plan",
    "actions",
    "engine/operation",
    "engine/plan",
    "config",
    "inventory",
    "world/info",
    "world/role",
    "world/ssh/known_hosts",
    "world/ssh/keyfile",
    "world/ssh/revoked",
];

/// What they must not name.
const FORBIDDEN: [&str; 16] = [
    "crate::world",
    "crate::engine::ask",
    "crate::engine::claim",
    "crate::engine::execute",
    "crate::engine::hooks",
    "crate::engine::journal",
    "crate::engine::operate",
    "crate::output",
    "tokio",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "crate::cli",
    "clap",
    "crate::engine::interrupt",
];

/// Names that an operation's `report` must not use: it makes text and JSON from observations, and
/// does not print.
const FORBIDDEN_IN_REPORTS: [&str; 13] = [
    "crate::world",
    "crate::engine::ask",
    "crate::engine::claim",
    "crate::engine::execute",
    "crate::engine::hooks",
    "crate::engine::operate",
    "crate::output::stream",
    "crate::output::told",
    "crate::output::note",
    "tokio",
    "std::fs",
    "std::process",
    "std::env",
];

/// Types that only hold an address; they reach nothing.
const ALLOWED: [&str; 3] = [
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
];

/// Lines a source file may have.
const LONGEST: usize = 400;

/// Files that may be longer, each with its reason. There is none.
const LONGER: [&str; 0] = [];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder; generated folders are left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    const MADE: [&str; 6] = [
        "target",
        ".git",
        "payload",
        "demo/run",
        "Cargo.lock",
        "NOTICE",
    ];
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let inside = path.strip_prefix(repository()).unwrap_or(&path);
        if MADE.iter().any(|made| inside == Path::new(made)) {
            continue;
        }
        let kind = path.symlink_metadata().unwrap().file_type();
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    files(&repository().join(folder))
        .into_iter()
        .filter(|f| f.extension().is_some_and(|e| e == "rs"))
        .map(|f| {
            let text = std::fs::read_to_string(&f).unwrap();
            (f, text)
        })
        .collect()
}

/// `src/world/info.rs` is `["world", "info"]`.
fn module(inside: &Path) -> Vec<String> {
    let path = inside.with_extension("");
    let mut parts: Vec<String> = path
        .iter()
        .map(|p| p.to_str().unwrap().to_owned())
        .collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "main")) {
        parts.pop();
    }
    parts
}

/// `src/operations/move/plan.rs` is of the operation `move`, and its part is `plan`.
fn operation_and_part(inside: &Path) -> Option<(String, String)> {
    let path = inside.with_extension("");
    let mut parts = path.strip_prefix("operations").ok()?.iter();
    let mut next = || parts.next().map(|p| p.to_string_lossy().into_owned());
    Some((next()?, next()?))
}

/// What a file must not name; nothing, if it may do everything.
fn forbidden(inside: &Path) -> &'static [&'static str] {
    let path = inside.with_extension("");
    if PURE.iter().any(|room| path.starts_with(room)) {
        return &FORBIDDEN;
    }
    match operation_and_part(inside) {
        Some((_, part)) if ["plan", "checks", "properties"].contains(&part.as_str()) => &FORBIDDEN,
        Some((_, part)) if part == "report" => &FORBIDDEN_IN_REPORTS,
        _ => &[],
    }
}

/// Whether a path is `prefix` or something in it.
fn within(path: &str, prefix: &str) -> bool {
    path == prefix
        || path
            .strip_prefix(prefix)
            .is_some_and(|r| r.starts_with("::"))
}

/// What a pure file names and must not.
fn trespasses(source: &str, module: &[String], forbidden: &[&str]) -> Vec<scan::Named> {
    // The room of a parser may have files of its own.
    let own = format!("crate::{}", module.join("::"));
    scan::names(source, module)
        .into_iter()
        .filter(|n| forbidden.iter().any(|f| within(&n.path, f)))
        .filter(|n| !ALLOWED.iter().any(|a| within(&n.path, a)) && !within(&n.path, &own))
        .collect()
}

/// The sources of src/ without tests: path inside src/, and text.
fn product() -> Vec<(PathBuf, String)> {
    let root = repository().join("src");
    let all = sources("src");
    let tests: BTreeSet<PathBuf> = all
        .iter()
        .flat_map(|(file, text)| scan::test_files(text, file))
        .collect();
    all.into_iter()
        .filter(|(file, _)| !tests.iter().any(|t| file.starts_with(t)))
        .map(|(file, text)| (file.strip_prefix(&root).unwrap().to_owned(), text))
        .collect()
}

#[test]
fn pure_rooms_stay_pure() {
    let root = repository().join("src");
    let mut looked_at = 0;
    let mut wrong = Vec::new();
    for (inside, text) in &product() {
        let forbidden = forbidden(inside);
        looked_at += usize::from(!forbidden.is_empty());
        let run = operation_and_part(inside).map_or_else(String::new, |(name, _)| {
            format!("crate::operations::{name}::run")
        });
        let forbidden = &[
            forbidden,
            &[run.as_str()][..usize::from(!forbidden.is_empty())],
        ]
        .concat();
        for named in trespasses(text, &module(inside), forbidden) {
            wrong.push(format!(
                "src/{}:{}: {}",
                inside.display(),
                named.line,
                named.path
            ));
        }
    }
    assert!(wrong.is_empty(), "pure rooms name what acts:\n{wrong:#?}");
    for room in PURE {
        let path = root.join(room);
        assert!(
            path.is_dir() || path.with_extension("rs").is_file(),
            "src/{room} is gone: correct the list"
        );
    }
    assert!(looked_at > 150, "only {looked_at} files were looked at");
}

#[test]
fn files_are_short() {
    let long: Vec<String> = sources("src")
        .into_iter()
        .chain(sources("tests"))
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(file, lines)| *lines > LONGEST && !LONGER.iter().any(|l| file.ends_with(l)))
        .map(|(file, lines)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:#?}");
}

/// Words that code must not contain, built from parts so that this file does not contain them.
fn unfinished() -> [String; 3] {
    [
        format!("{}!", "todo"),
        format!("{}!", "unimplemented"),
        format!("#[{}", "ignore"),
    ]
}

/// Paths that no file must contain: places that exist only on one person's machine.
fn elsewhere() -> [String; 3] {
    [
        format!("/{}/", "work"),
        format!("../{}", "shared"),
        format!("/{}/main", "worktree"),
    ]
}

#[test]
fn nothing_is_left_undone() {
    let mut wrong = Vec::new();
    for (file, text) in sources("src").into_iter().chain(sources("tests")) {
        let code = scan::bare(&text);
        for word in unfinished() {
            if code.contains(&word) {
                wrong.push(format!("{}: {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_speaks_of_one_machine() {
    let mut wrong = Vec::new();
    for file in files(repository()) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        for word in elsewhere() {
            if text.contains(&word) {
                wrong.push(format!("{}: {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The forbidden paths that the scan finds in an artificial source.
fn caught(source: &str) -> Vec<String> {
    let module = ["plan".to_owned(), "setup".to_owned()];
    trespasses(source, &module, &FORBIDDEN)
        .into_iter()
        .map(|n| format!("{}: {}", n.line, n.path))
        .collect()
}

#[test]
fn planted_trespasses_are_caught() {
    for (source, wanted) in [
        ("use crate::world::World;", "1: crate::world::World"),
        ("use crate::{error, output};", "1: crate::output"),
        ("use std::{fmt, fs::{self, File}};", "1: std::fs::File"),
        ("use super::super::world::act;", "1: crate::world::act"),
        (
            "use super::super::{error, engine::journal};",
            "1: crate::engine::journal",
        ),
        ("pub use tokio;", "1: tokio"),
        ("\n\nfn f() { std::env::var(\"X\"); }", "3: std::env::var"),
        (
            "use crate::engine::execute as e;",
            "1: crate::engine::execute",
        ),
        (
            "use std::net::{IpAddr, TcpStream};",
            "1: std::net::TcpStream",
        ),
        (
            "fn f<'a>(x: &'a str) { std::process::exit(1) }",
            "1: std::process::exit",
        ),
        ("const Q: char = '\"'; use std::fs;", "1: std::fs"),
        ("const Q: &str = r#\"\"\"#; use std::fs;", "1: std::fs"),
    ] {
        let caught = caught(source);
        assert!(caught.contains(&wanted.to_owned()), "{source}: {caught:?}");
    }
}

#[test]
fn innocent_sources_pass() {
    for source in [
        "//! Not crate::world, nor std::fs.",
        "/* use std::fs; */ use std::fmt;",
        "const TEXT: &str = \"use std::fs;\";",
        "const TEXT: &str = r#\"use \"std::fs\";\"#;",
        "use std::net::IpAddr;",
        "use std::net::{IpAddr, Ipv6Addr};",
        "use crate::worldly::World;",
        "use super::world; // a module of plan's own",
        "#[cfg(test)]\nmod tests { use std::fs; fn f() { if true { std::env::var(\"\"); } } }",
        "#[cfg(test)]\nuse crate::world::testing;",
    ] {
        assert_eq!(caught(source), [""; 0], "{source}");
    }
}

#[test]
fn test_modules_are_known() {
    let declared =
        "mod real;\n#[cfg(test)]\n#[allow(dead_code)]\nmod tests;\n#[cfg(test)]\npub mod testing;";
    let found = scan::test_files(declared, Path::new("src/plan/promote.rs"));
    let wanted = [
        "src/plan/promote/tests.rs",
        "src/plan/promote/tests",
        "src/plan/promote/testing.rs",
        "src/plan/promote/testing",
    ];
    assert_eq!(found, wanted.map(PathBuf::from));
    assert_eq!(
        scan::test_files("#[cfg(test)] mod t;", Path::new("src/topology/mod.rs"))[0],
        Path::new("src/topology/t.rs")
    );
}

#[test]
fn undone_work_is_caught_in_code_only() {
    let [todo, ..] = unfinished();
    assert!(scan::bare(&format!("fn f() {{ {todo}() }}")).contains(&todo));
    assert!(!scan::bare(&format!("// {todo}()\nconst T: &str = \"{todo}\";")).contains(&todo));
}
