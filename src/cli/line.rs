//! Reads the command line, and reports its errors. A command of another tool is answered with ours.

use super::candidates;
use crate::cli::words::{PRIMARY, REPLICA, Word, meant};
use crate::cli::{Cli, Colour};
use crate::error::{Error, Exit, Problem};
use crate::inventory::Inventory;
use crate::inventory::nearest::nearest;
use crate::output::{self, form, paint};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, ColorChoice, Command, CommandFactory, FromArgMatches};
use serde::Serialize;
use std::io::IsTerminal as _;

/// The command line. If it is wrong, the error is printed, and the exit code is returned.
pub fn read() -> Result<Cli, Exit> {
    let given: Vec<_> = std::env::args_os().collect();
    let words = given.iter().skip(1).map(|w| w.to_string_lossy());
    let words: Vec<String> = words.map(std::borrow::Cow::into_owned).collect();
    let colour = Colour::among(words.iter().map(String::as_str));
    let choice = match paint::colours(colour.into()) {
        Some(true) => ColorChoice::Always,
        // clap takes any value of CLICOLOR_FORCE as a yes, even `0`.
        None if std::io::stdout().is_terminal() => ColorChoice::Auto,
        Some(false) | None => ColorChoice::Never,
    };
    let mut command = Cli::command().color(choice);
    let parsed = command.try_get_matches_from_mut(given);
    let parsed = parsed.and_then(|found| match conflict(&command, &found) {
        Some(what) => Err(command.error(ErrorKind::ArgumentConflict, what)),
        None => Cli::from_arg_matches(&found).map(|cli| (cli, name(&found))),
    });
    // Words after `--` are not options.
    let mut options = words.iter().take_while(|word| *word != "--");
    let json = options.any(|word| word == "--json");
    match parsed {
        Ok((cli, name)) => {
            form::choose(form::Form {
                json: cli.global.json,
                quiet: cli.global.quiet,
                command: Some(name),
            });
            Ok(cli)
        }
        Err(error) if !error.use_stderr() && !json => error.exit(),
        Err(error) => {
            form::choose(form::Form {
                json,
                ..form::Form::default()
            });
            if !error.use_stderr() {
                output::print_where(&HelpOrVersion::of(&error), || None);
                return Err(Exit::Done);
            }
            wrong(&error, &words, &command);
            Err(Exit::Usage)
        }
    }
}

/// The name of the command, as its JSON documents have it: what is typed behind `replctl`.
fn name(found: &ArgMatches) -> String {
    let mut names = Vec::new();
    let mut found = found;
    while let Some((name, below)) = found.subcommand() {
        names.push(name);
        found = below;
    }
    names.join(" ")
}

/// `--version` or `--help`, where JSON is wanted.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum HelpOrVersion {
    Version(&'static str),
    Help(String),
}

impl HelpOrVersion {
    fn of(error: &clap::Error) -> Self {
        if error.kind() == ErrorKind::DisplayVersion {
            Self::Version(env!("CARGO_PKG_VERSION"))
        } else {
            Self::Help(error.render().to_string())
        }
    }
}

/// Options that conflict. clap compares the options before the command with each other, and also
/// those after it. It does not compare one side with the other.
fn conflict(command: &Command, found: &ArgMatches) -> Option<String> {
    let (mut command, mut found) = (command, found);
    while let Some((name, below)) = found.subcommand() {
        command = command.find_subcommand(name)?;
        found = below;
    }
    let is_given = |option: &Arg| {
        let id = option.get_id();
        let is_known = found.ids().any(|known| known == id);
        is_known && found.value_source(id.as_str()) == Some(ValueSource::CommandLine)
    };
    let shown = |option: &Arg| option.get_long().map(|long| format!("--{long}"));
    let given = command.get_arguments().filter(|option| is_given(option));
    let mut pairs = given.flat_map(|option| {
        let others = command.get_arg_conflicts_with(option);
        others.into_iter().map(move |other| (option, other))
    });
    let (one, other) = pairs.find(|(_, other)| is_given(other))?;
    Some(format!(
        "the argument '{}' cannot be used with '{}'",
        shown(one)?,
        shown(other)?
    ))
}

impl From<Colour> for paint::Colour {
    fn from(colour: Colour) -> Self {
        match colour {
            Colour::Auto => Self::Auto,
            Colour::Always => Self::Always,
            Colour::Never => Self::Never,
        }
    }
}

fn wrong(error: &clap::Error, words: &[String], command: &Command) {
    let unknown = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) if error.kind() == ErrorKind::InvalidSubcommand => word,
        // clap's own message names the hidden commands.
        Some(_) | None if error.kind() == ErrorKind::MissingSubcommand => {
            return form::failed(&told_by_clap(error, words, command));
        }
        Some(_) | None => {
            let _ = error.print();
            return form::keep(&told_by_clap(error, words, command));
        }
    };
    form::failed(&no_command(unknown, words, command));
}

/// clap's message as a problem. It was already printed in clap's own form.
fn told_by_clap(error: &clap::Error, words: &[String], command: &Command) -> Error {
    let told = error.render().to_string();
    let first = told.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let sentence = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let none = [
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::MissingSubcommand,
    ];
    let what = if none.contains(&error.kind()) {
        "no command is given".to_owned()
    } else {
        sentence
    };
    let path = path(words.iter(), command);
    let hint = format!(
        "replctl {}--help",
        path.map(|w| w + " ").unwrap_or_default()
    );
    Problem::new(what).hint(hint).exit(Exit::Usage)
}

/// The commands that these words name, one below the other. Other words, such as the value of an
/// option, are skipped.
fn path<'a>(words: impl Iterator<Item = &'a String>, command: &Command) -> Option<String> {
    let mut at = command;
    let mut path: Vec<&str> = Vec::new();
    for word in words {
        // The words after `help` name the command.
        if let Some(found) = at.find_subcommand(word).filter(|c| c.get_name() != "help") {
            path.push(found.get_name());
            at = found;
        }
    }
    (!path.is_empty()).then(|| path.join(" "))
}

/// The answer to a word that is no command.
fn no_command(word: &str, words: &[String], command: &Command) -> Error {
    let place = words.iter().position(|w| w == word).unwrap_or(words.len());
    let before = path(words.iter().take(place), command);
    let rest = words.iter().skip(place + 1).map(String::as_str);
    let after: Vec<&str> = rest.collect();
    let first = after.iter().copied().find(|w| !w.starts_with('-'));
    let inventory = candidates::inventory_of(words);
    let shown = output::escape(word);
    let shown = match &before {
        Some(before) => format!("no command `{before} {shown}`"),
        None => format!("no command `{shown}`"),
    };
    if let Some(entry) = meant(before.as_deref(), word, first) {
        let what = entry
            .truth
            .map_or_else(|| shown.clone(), |truth| format!("{shown}: {truth}"));
        let hint = filled(entry, &after, inventory.as_ref());
        return Problem::new(what).hint(hint).exit(Exit::Usage);
    }
    let at = before.as_deref().and_then(|b| command.find_subcommand(b));
    let ours = at.unwrap_or(command).get_subcommands();
    let ours = ours.filter(|c| !c.is_hide_set()).map(Command::get_name);
    let prefix = before.map(|b| b + " ").unwrap_or_default();
    let hint = match nearest(word, ours) {
        Some(near) => format!("replctl {prefix}{near}"),
        None => format!("replctl {prefix}--help"),
    };
    Problem::new(shown).hint(hint).exit(Exit::Usage)
}

/// The command of an entry with its placeholders filled: with the nodes that were typed, or with
/// nodes of the inventory if no node was typed. If what was typed does not fit, the result is the
/// command's help: replctl does not choose a node that the user did not name.
fn filled(entry: &Word, after: &[&str], inventory: Option<&Inventory>) -> String {
    let command = entry.command;
    let line = |rest: &str| format!("replctl {rest}");
    let typed: Vec<&str> = after
        .iter()
        .copied()
        .filter(|w| !w.starts_with('-'))
        .collect();
    let places = command.contains('{');
    let nodes = inventory.and_then(|inventory| {
        let known = |w: &&str| inventory.nodes.iter().any(|n| n.name.0 == **w);
        if !places {
            // A node that was typed after another tool's word is the node to promote.
            let takes = command == "promote" && entry.truth.is_none();
            let named = candidate(after).or(match typed[..] {
                [one] => Some(one),
                _ => None,
            });
            let node = named.filter(known).filter(|_| takes)?.to_owned();
            return Some((node, String::new()));
        }
        let is_root = |n: &&crate::inventory::NodeSpec| n.replicaof.is_none();
        let root = inventory.nodes.iter().find(is_root)?.name.0.as_str();
        let replica = inventory
            .nodes
            .iter()
            .rfind(|n| !is_root(n))?
            .name
            .0
            .as_str();
        let (of_replica, of_primary) = (command.contains(REPLICA), command.contains(PRIMARY));
        let (replica, primary) = match typed[..] {
            [] => (replica, root),
            [one] if of_replica && known(&one) && one != root => (one, root),
            [one] if !of_replica && known(&one) => (replica, one),
            [one, two] if of_replica && of_primary && known(&one) && known(&two) && one != two => {
                (one, two)
            }
            _ => return None,
        };
        Some((replica.to_owned(), primary.to_owned()))
    });
    match nodes {
        Some((node, _)) if !places => line(&format!("promote {node}")),
        None if !places => line(command),
        Some((replica, primary)) => {
            let filled = command.replace(REPLICA, &replica);
            line(&filled.replace(PRIMARY, &primary))
        }
        None => {
            let words = command.split(' ');
            let words: Vec<&str> = words.take_while(|w| !w.starts_with(['{', '-'])).collect();
            line(&format!("{} --help", words.join(" ")))
        }
    }
}

/// The new primary, in the notation of other tools.
fn candidate<'a>(words: &[&'a str]) -> Option<&'a str> {
    ["--candidate", "--to"].iter().find_map(|option| {
        let place = words.iter().position(|w| w.starts_with(option))?;
        match words.get(place)?.strip_prefix(option)? {
            "" => words.get(place + 1).copied(),
            value => value.strip_prefix('='),
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
