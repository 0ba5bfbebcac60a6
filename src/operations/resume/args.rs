//! `resume` and `rollback`: their arguments and examples.

use crate::cli::Others;
use crate::cli::candidates::unfinished;
use crate::cli::examples::Examples;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `resume`.
#[derive(Debug, Args)]
pub struct Resume {
    /// The operation's id [default: the one that is unfinished]
    #[arg(value_name = "ID", add = Candidates::new(unfinished))]
    pub id: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Run none of its hooks any more
    #[arg(long)]
    pub no_hooks: bool,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The same as those of `resume`.
    #[command(flatten)]
    pub args: Resume,
}

/// The examples of `resume`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl resume", "go on with what is unfinished"),
    ("replctl resume --no-hooks", "and run none of its hooks"),
];

/// The examples of `rollback`, in its help and in its man page.
pub const EXAMPLES_OF_ROLLBACK: Examples = &[("replctl rollback", "put back what is unfinished")];
