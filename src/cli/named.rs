//! The name of a command, as its JSON documents have it.

use clap::ArgMatches;

/// What is typed behind `replctl`, without arguments; an alias counts as its command.
pub fn name(found: &ArgMatches) -> String {
    let mut names = Vec::new();
    let mut found = found;
    while let Some((name, below)) = found.subcommand() {
        names.push(name);
        found = below;
    }
    names.join(" ")
}
