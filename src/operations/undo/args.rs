//! `undo`: its arguments and examples.

use crate::cli::candidates::operations;
use crate::cli::examples::Examples;
use crate::cli::{IgnoreRole, Others};
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `undo`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Undo {
    /// The id of the operation, or its beginning if no other id begins so; `last` is the newest
    #[arg(value_name = "ID", add = Candidates::new(operations))]
    pub id: String,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Run none of the hooks that the inventory names
    #[arg(long)]
    pub no_hooks: bool,
    /// Go on although a role will not outlive a restart (repeatable)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<IgnoreRole>,
}

/// The examples of `undo`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    (
        "replctl undo last --dry-run",
        "show the plan that undoes it",
    ),
    (
        "replctl undo last",
        "show the plan, ask, and undo the newest operation",
    ),
    (
        "replctl undo 20251124T2217",
        "the same for another operation, by its id of `replctl history`",
    ),
];
