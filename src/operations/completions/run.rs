//! `completions`: the scripts, made from the clap definitions.

use crate::cli::Cli;
use crate::error::{Exit, Problem, Result};
use crate::operations::command::Local;
use crate::output;
use clap::CommandFactory;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};

/// The name the scripts call.
pub const NAME: &str = "replctl";

/// Makes the first TAB complete, too, if zsh found the script in a folder of its `fpath`. There the
/// file is the body of the function `_replctl`, and the first call only defines the completion.
pub const FIRST_TAB: &str =
    "\nif [[ $funcstack[1] == _replctl ]]; then\n    _clap_dynamic_completer_replctl \"$@\"\nfi\n";

/// Prints a completion script.
pub fn run(args: &super::args::Completions) -> Result<()> {
    let mut script = Vec::new();
    if args.fixed {
        let shell = match args.shell {
            super::args::Shell::Bash => clap_complete::Shell::Bash,
            super::args::Shell::Zsh => clap_complete::Shell::Zsh,
            super::args::Shell::Fish => clap_complete::Shell::Fish,
            super::args::Shell::Elvish => clap_complete::Shell::Elvish,
            super::args::Shell::Powershell => clap_complete::Shell::PowerShell,
        };
        clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    } else {
        let completer: &dyn EnvCompleter = match args.shell {
            super::args::Shell::Bash => &Bash,
            super::args::Shell::Zsh => &Zsh,
            super::args::Shell::Fish => &Fish,
            super::args::Shell::Elvish => &Elvish,
            super::args::Shell::Powershell => &Powershell,
        };
        completer
            .write_registration("COMPLETE", NAME, NAME, NAME, &mut script)
            .map_err(|e| {
                Problem::new("the completion script cannot be made")
                    .cause(e)
                    .exit(Exit::Failed)
            })?;
        if args.shell == super::args::Shell::Zsh {
            script.extend_from_slice(FIRST_TAB.as_bytes());
        }
    }
    let script = String::from_utf8_lossy(&script);
    let script = script.trim_end();
    output::print(&serde_json::json!({ "script": script }), || {
        script.to_owned()
    });
    Ok(())
}

impl Local for super::args::Completions {
    fn run(&self, _global: &crate::cli::Global) -> Result<Exit> {
        run(self).map(|()| Exit::Done)
    }
}
