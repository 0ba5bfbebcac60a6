//! `history`: its arguments and examples.

use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `history`.
#[derive(Debug, Args)]
pub struct History {
    /// Only operations that these nodes took part in; one that has left the inventory can be named,
    /// too
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub nodes: Vec<String>,
    /// How many to list; 0 is all
    #[arg(short = 'l', long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

/// The examples of `history`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl history", "the last 20 operations"),
    ("replctl history slave1", "those that slave1 took part in"),
    (
        "replctl history --json | jq -r '.operations[] | select(.unfinished).id'",
        "for scripts",
    ),
];
