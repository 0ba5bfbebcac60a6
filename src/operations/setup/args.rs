//! `setup`: its arguments and examples.

use crate::cli::Others;
use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `setup`.
#[derive(Debug, Args)]
pub struct Setup {
    /// Only these nodes
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub nodes: Vec<String>,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Replace the keys this node holds by those of the primary (repeatable)
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub discard_data: Vec<String>,
    /// Where the password changes: take the earlier one, too, until `replctl setup` is run again
    #[arg(long)]
    pub keep_earlier_password: bool,
}

/// The examples of `setup`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl setup --dry-run", "show the plan only"),
    ("replctl setup", "show the plan, ask, and carry it out"),
    ("replctl setup slave2", "one node, for example a new one"),
    (
        "replctl setup --keep-earlier-password",
        "after the inventory's password was changed: let both be taken for a while",
    ),
    (
        "replctl setup master --discard-data master",
        "bring back a node whose keys are to be replaced",
    ),
];
