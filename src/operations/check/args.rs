//! `check`: its arguments and examples.

use crate::cli::Others;
use crate::cli::examples::Examples;
use clap::Args;

/// `check`.
#[derive(Debug, Default, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Check {
    /// Let every host try to reach every other node, not only those that it may have to follow
    #[arg(long)]
    pub matrix: bool,
    /// Measure for N seconds what is written, and compare the backlog and the buffers with it
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        default_missing_value = "5",
        value_parser = clap::value_parser!(u64).range(1..=600)
    )]
    pub seconds: Option<u64>,
    /// Print an inspection report in Markdown
    #[arg(long, conflicts_with = "fix")]
    pub report: bool,
    /// Set what is safe to set: the kernel's numbers, huge pages, limits of units
    #[arg(long)]
    pub fix: bool,
    /// Show the plan of --fix and change nothing
    #[arg(short = 'n', long, requires = "fix")]
    pub dry_run: bool,
    /// Do not ask before --fix
    #[arg(short, long, requires = "fix")]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
}

/// The examples of `check`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl check", "what will fail later, host by host"),
    (
        "replctl check --seconds",
        "the backlog against the writes of 5 seconds, too",
    ),
    ("replctl check --matrix", "which host reaches which server"),
    (
        "replctl check --fix --dry-run",
        "what could be set safely, and how",
    ),
    (
        "replctl check --fix",
        "set it, after the plan and a question",
    ),
    (
        "replctl check --report > inspection.md",
        "an inspection report, for a ticket or an archive",
    ),
    (
        "replctl check --json | jq -r '.findings[] | .hint // empty'",
        "all commands that would fix something",
    ),
];
