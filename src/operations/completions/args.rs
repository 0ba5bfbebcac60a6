//! `completions`: its arguments and examples.

use crate::cli::examples::Examples;
use clap::{Args, ValueEnum};

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
    /// A script that needs no replctl at completion time, and so completes no node names
    #[arg(long)]
    pub fixed: bool,
}

/// The shells that can be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// elvish
    Elvish,
    /// `PowerShell`
    Powershell,
}

/// The examples of `completions`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("source <(replctl completions bash)", "in ~/.bashrc"),
    ("source <(replctl completions zsh)", "in ~/.zshrc"),
    ("replctl completions fish | source", "in config.fish"),
];
