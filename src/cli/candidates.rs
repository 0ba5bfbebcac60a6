//! The candidates that a shell asks for while a command line is typed. It never uses the network.

use crate::cli::Cli;
use crate::engine::journal::store::Store;
use crate::engine::journal::story::Story;
use crate::inventory::{Inventory, NodeSpec};
use crate::world::inventory;
use clap::{Command, CommandFactory};
use clap_complete::CompletionCandidate;
use std::path::PathBuf;

/// The command line for completion. A word without a leading dash gets options only if there is no
/// other candidate.
pub fn command() -> Command {
    let mut command = Cli::command();
    // --help and --version come with it.
    command.build();
    if word().is_some_and(|w| w.starts_with('-')) {
        return command;
    }
    let hide = |c: Command| c.mut_args(|a| if a.is_positional() { a } else { a.hide(true) });
    hide(command).mut_subcommands(hide)
}

/// The words of the command line being completed.
fn words() -> Vec<String> {
    let words = std::env::args_os().skip_while(|w| w != "--").skip(1);
    words.map(|w| w.to_string_lossy().into_owned()).collect()
}

/// The word being completed: the one that the shell names, else the last.
fn word() -> Option<String> {
    let place = std::env::var("_CLAP_COMPLETE_INDEX").ok();
    let mut words = words();
    match place.and_then(|p| p.parse::<usize>().ok()) {
        Some(place) if place < words.len() => Some(words.swap_remove(place)),
        Some(_) => None,
        None => words.pop(),
    }
}

/// The nodes of the inventory, replicas first. No network, no questions, no error: completion that
/// complains is worse than none.
pub fn promotable() -> Vec<CompletionCandidate> {
    let nodes = inventory().map(|i| i.nodes).unwrap_or_default();
    let (primary, replicas): (Vec<_>, Vec<_>) =
        nodes.into_iter().partition(|n| n.replicaof.is_none());
    candidates(replicas.into_iter().chain(primary))
}

/// The nodes of the inventory, in its order.
pub fn every_node() -> Vec<CompletionCandidate> {
    candidates(inventory().map(|i| i.nodes).unwrap_or_default().into_iter())
}

/// The operations in the journal, the newest first, by its id and as `last`.
pub fn operations() -> Vec<CompletionCandidate> {
    let store = inventory().and_then(|i| Store::existing(&i.name).ok()?);
    let ids = store.map(|s| s.ids()).unwrap_or_default();
    let last = ids
        .first()
        .map(|_| crate::engine::operation_id::LAST.to_owned());
    last.into_iter()
        .chain(ids)
        .enumerate()
        .map(|(place, id)| CompletionCandidate::new(id).display_order(Some(place)))
        .collect()
}

/// The operations that can be resumed.
pub fn unfinished() -> Vec<CompletionCandidate> {
    open_operations(|story| story.damage.is_none())
}

/// The operations that can be abandoned.
pub fn given_up() -> Vec<CompletionCandidate> {
    open_operations(|_| true)
}

fn open_operations(wanted: impl Fn(&Story) -> bool) -> Vec<CompletionCandidate> {
    let store = inventory().and_then(|i| Store::existing(&i.name).ok()?);
    let open = store.map(|s| s.open_operations(s.holder().as_deref()));
    let open = open.unwrap_or_default().into_iter();
    open.filter(wanted)
        .map(|story| CompletionCandidate::new(story.id))
        .collect()
}

fn candidates(nodes: impl Iterator<Item = NodeSpec>) -> Vec<CompletionCandidate> {
    nodes
        .enumerate()
        .map(|(place, node)| {
            CompletionCandidate::new(node.name.0)
                .help(Some(node.address.to_string().into()))
                .display_order(Some(place))
        })
        .collect()
}

/// The inventory that the command line names.
fn inventory() -> Option<Inventory> {
    inventory_of(&words())
}

/// The inventory that a command line names, if it can be read.
pub fn inventory_of(words: &[String]) -> Option<Inventory> {
    let given = given(words)
        .map(|text| match text.strip_prefix("~/") {
            // The shell does not expand `~` in a command line that is being completed.
            Some(rest) => etcetera::home_dir().unwrap_or_default().join(rest),
            None => PathBuf::from(text),
        })
        .or_else(|| std::env::var_os("REPLCTL_INVENTORY").map(PathBuf::from));
    let path = inventory::find(given.as_deref()).ok()?;
    // Reading a pipe would wait for a writer.
    path.is_file().then(|| inventory::open(&path).ok())?
}

/// The value of `--inventory` or `-i` among the words of a command line. bash makes three words of
/// `--inventory=FILE`.
fn given(words: &[String]) -> Option<&str> {
    let mut words = words.iter().map(String::as_str);
    let mut found = None;
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--inventory") {
            Some(rest) => rest,
            None => match flags_before_inventory(word) {
                Some(rest) => rest,
                None => continue,
            },
        };
        found = match value.strip_prefix('=').unwrap_or(value) {
            "" => words
                .next()
                .and_then(|w| if w == "=" { words.next() } else { Some(w) }),
            inside => Some(inside),
        };
    }
    found
}

/// What follows the `i` of `-i`, `-vi` and the like.
fn flags_before_inventory(word: &str) -> Option<&str> {
    let rest = word.strip_prefix('-')?;
    rest.trim_start_matches(['v', 'q', 'n', 'y'])
        .strip_prefix('i')
}

#[cfg(test)]
mod tests {
    use super::given;

    #[test]
    fn the_inventory_of_a_command_line() {
        for (line, wanted) in [
            ("replctl promote x", None),
            ("replctl -i a promote x", Some("a")),
            ("replctl -ia promote x", Some("a")),
            ("replctl -i=a promote x", Some("a")),
            ("replctl promote -ni a x", Some("a")),
            ("replctl --inventory a promote x", Some("a")),
            ("replctl --inventory=a promote x", Some("a")),
            ("replctl --inventory = a promote x", Some("a")),
            ("replctl -i a promote x -i b", Some("b")),
            ("replctl --ignore drift promote x", None),
            ("replctl promote x -i", None),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(given(&words), wanted, "{line}");
        }
    }
}
