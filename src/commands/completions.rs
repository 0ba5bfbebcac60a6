//! Completion scripts, completion of node names, man pages: all made from the clap definitions.

use crate::cli::{self, Cli};
use crate::error::{Exit, Problem, Result};
use crate::inventory::Inventory;
use crate::{inventory, output};
use clap::CommandFactory;
use clap_complete::CompletionCandidate;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The name the scripts call.
const NAME: &str = "replctl";

/// Prints a completion script.
pub fn run(args: &cli::Completions) -> Result<()> {
    let mut script = Vec::new();
    if args.fixed {
        let shell = match args.shell {
            cli::Shell::Bash => clap_complete::Shell::Bash,
            cli::Shell::Zsh => clap_complete::Shell::Zsh,
            cli::Shell::Fish => clap_complete::Shell::Fish,
            cli::Shell::Elvish => clap_complete::Shell::Elvish,
            cli::Shell::Powershell => clap_complete::Shell::PowerShell,
        };
        clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    } else {
        let completer: &dyn EnvCompleter = match args.shell {
            cli::Shell::Bash => &Bash,
            cli::Shell::Zsh => &Zsh,
            cli::Shell::Fish => &Fish,
            cli::Shell::Elvish => &Elvish,
            cli::Shell::Powershell => &Powershell,
        };
        completer
            .write_registration("COMPLETE", NAME, NAME, NAME, &mut script)
            .map_err(|e| {
                Problem::new("the completion script cannot be made")
                    .cause(e)
                    .exit(Exit::Failed)
            })?;
    }
    output::result(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}

/// Writes one man page a command into `directory`.
pub fn man(args: &cli::Man) -> Result<()> {
    let failed = |e: std::io::Error| {
        Problem::new(format!(
            "{}: the man pages cannot be written",
            args.directory.display()
        ))
        .cause(e)
        .exit(Exit::Failed)
    };
    std::fs::create_dir_all(&args.directory).map_err(failed)?;
    let command = Cli::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, &args.directory).map_err(failed)
}

/// The nodes of the inventory, replicas first. No network, no questions, no error: completion that complains is worse than none.
pub fn promotable() -> Vec<CompletionCandidate> {
    let Some(inventory) = named(std::env::args_os().collect()) else {
        return Vec::new();
    };
    let (primary, replicas): (Vec<_>, Vec<_>) =
        inventory.nodes.iter().partition(|n| n.replicaof.is_none());
    let candidates = replicas
        .into_iter()
        .chain(primary)
        .map(|n| CompletionCandidate::new(&n.name.0).help(Some(n.address.to_string().into())));
    candidates
        .enumerate()
        .map(|(i, c)| c.display_order(Some(i)))
        .collect()
}

/// The inventory that the command line being completed means.
fn named(words: Vec<OsString>) -> Option<Inventory> {
    let mut words = words.into_iter().skip_while(|w| w != "--").skip(1);
    let mut given = None;
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        if text == "-i" || text == "--inventory" {
            given = words.next().map(PathBuf::from);
        } else if let Some(path) = text
            .strip_prefix("--inventory=")
            .or_else(|| text.strip_prefix("-i"))
        {
            given = Some(PathBuf::from(path));
        }
    }
    let path = given.or_else(|| crate::world::inventory::find(None).ok())?;
    read(&path)
}

fn read(path: &Path) -> Option<Inventory> {
    let text = std::fs::read_to_string(path).ok()?;
    inventory::parse::parse(path, &text).ok()
}
