//! The import rules between the modules of src/: no operation imports another one, and no module
//! below imports an operation.
//!
//! Remaining exceptions would be named and counted here. A number that is too high fails, too, so
//! the list stays true.

use super::{module, operation_and_part, product, scan, within};
use std::collections::BTreeMap;

/// An operation, another one that it names, and the number of names it uses from there. There is
/// none: shared code is one level below, and `operations/perform` runs what one operation produces
/// and another one does.
const BETWEEN_OPERATIONS: [(&str, &str, usize); 0] = [];

/// A module below, the operation that it names, and the number of names it uses from there.
const FROM_BELOW: [(&str, &str, usize); 0] = [];

/// The only modules that may know the operations: the table of commands, the operations themselves,
/// and test code.
const ABOVE: [&str; 3] = ["main", "cli", "operations"];

type Counted = BTreeMap<(String, String), Vec<String>>;

/// The operation that a path leads into.
fn operation_in(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("crate::operations::")?;
    rest.split("::").next()
}

/// What each operation takes from each other, as `file:line: path`.
fn between(sources: &[(std::path::PathBuf, String)]) -> Counted {
    let mut found = Counted::new();
    for (inside, text) in sources {
        let Some((from, _)) = operation_and_part(inside) else {
            continue;
        };
        for named in scan::names(text, &module(inside)) {
            let Some(to) = operation_in(&named.path) else {
                continue;
            };
            if to != from && !is_table(&named.path) {
                let place = format!("{}:{}: {}", inside.display(), named.line, named.path);
                found
                    .entry((from.clone(), to.to_owned()))
                    .or_default()
                    .push(place);
            }
        }
    }
    found
}

/// Whether a path belongs to the table of operations, whose files stand beside the folders. Every
/// operation may use it.
fn is_table(path: &str) -> bool {
    [
        "crate::operations::working_inventory",
        "crate::operations::with_threads",
        "crate::operations::perform",
        "crate::operations::command",
        "crate::operations::examples",
    ]
    .iter()
    .any(|table| within(path, table))
}

/// What each room below takes from each operation.
fn from_below(sources: &[(std::path::PathBuf, String)]) -> Counted {
    let mut found = Counted::new();
    for (inside, text) in sources {
        let module = module(inside);
        let room = module.first().map_or("main", String::as_str);
        if ABOVE.contains(&room) || room == "simulation" {
            continue;
        }
        for named in scan::names(text, &module) {
            if let Some(to) = operation_in(&named.path) {
                let place = format!("{}:{}: {}", inside.display(), named.line, named.path);
                found
                    .entry((room.to_owned(), to.to_owned()))
                    .or_default()
                    .push(place);
            }
        }
    }
    found
}

/// Fails where what was found is not what is listed.
fn hold(found: &Counted, listed: &[(&str, &str, usize)]) {
    let counted: BTreeMap<(&str, &str), usize> = found
        .iter()
        .map(|((from, to), places)| ((from.as_str(), to.as_str()), places.len()))
        .collect();
    let listed: BTreeMap<(&str, &str), usize> = listed
        .iter()
        .map(|(from, to, count)| ((*from, *to), *count))
        .collect();
    assert_eq!(counted, listed, "{found:#?}");
}

#[test]
fn no_operation_imports_another() {
    hold(&between(&product()), &BETWEEN_OPERATIONS);
}

#[test]
fn no_room_below_imports_an_operation() {
    hold(&from_below(&product()), &FROM_BELOW);
}

#[test]
fn a_planted_import_of_another_operation_is_caught() {
    let file = |path: &str, text: &str| (std::path::PathBuf::from(path), text.to_owned());
    let found = between(&[
        file(
            "operations/moves/run.rs",
            "use crate::operations::undo::run;",
        ),
        file("operations/moves/plan.rs", "use super::super::add::plan;"),
        file("operations/moves/checks.rs", "use super::plan::plan;"),
        file("operations/mod.rs", "use crate::operations::undo::run;"),
    ]);
    let pairs: Vec<_> = found
        .keys()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(pairs, [("moves", "add"), ("moves", "undo")]);
    let found = from_below(&[
        file("plan/follow.rs", "use crate::operations::moves::plan;"),
        file("cli.rs", "use crate::operations::moves::args::Move;"),
    ]);
    assert_eq!(found.len(), 1);
}

/// Calls that leave detached nodes out by hand.
const BY_HAND: [&str; 2] = [".without(", "still_alone("];

/// Where a source leaves detached nodes out by hand.
fn by_hand(sources: &[(std::path::PathBuf, String)]) -> Vec<String> {
    let operations = sources.iter().filter(|(f, _)| f.starts_with("operations"));
    operations
        .filter(|(_, text)| {
            let code = scan::bare(text);
            BY_HAND.iter().any(|word| code.contains(word))
        })
        .map(|(file, _)| file.display().to_string())
        .collect()
}

#[test]
fn an_observation_knows_which_nodes_are_detached() {
    // An operation asks the observation for the deployment, and cannot forget them.
    assert_eq!(by_hand(&product()), [""; 0]);
    let planted = "fn f() { seen.without(&world.alone(&seen)); }".to_owned();
    let planted = [(std::path::PathBuf::from("operations/x/run.rs"), planted)];
    assert_eq!(by_hand(&planted), ["operations/x/run.rs"]);
}
