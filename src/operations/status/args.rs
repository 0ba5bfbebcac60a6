//! `status`: its arguments and examples.

use crate::cli::examples::Examples;
use clap::Args;

/// `status`.
#[derive(Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Status {
    /// Show every node. Otherwise, if there are more than 30, nodes that are well are summed up
    #[arg(long)]
    pub all: bool,
    /// Measure how many seconds each replica is behind (takes up to 2 seconds)
    #[arg(long)]
    pub seconds: bool,
    /// Do not use SSH (what the configuration files say is then unknown)
    #[arg(long)]
    pub no_ssh: bool,
}

/// The examples of `status`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl status", "one look at every node"),
    ("replctl status --seconds", "how late each replica is, too"),
    (
        "replctl status --json | jq -r '.findings[].message'",
        "for scripts",
    ),
];
