//! `detach`: its arguments and examples.

use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use crate::cli::{IgnoreRole, Others};
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `detach`.
#[derive(Debug, Args)]
pub struct Detach {
    /// The replica to detach
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub node: String,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Go on although a role will not outlive a restart (repeatable)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<IgnoreRole>,
}

/// The examples of `detach`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl detach slave2 --dry-run", "show the plan only"),
    ("replctl detach slave2", "a writable copy of its own"),
    (
        "replctl move slave2 --under master --discard-data slave2",
        "bring it back, with its keys replaced",
    ),
];
