//! `adopt`: its arguments and examples.

use crate::cli::Others;
use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates as Candidates;

/// `adopt`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Adopt {
    /// The nodes to adopt
    #[arg(value_name = "NODE", add = Candidates::new(every_node), required_unless_present = "all")]
    pub nodes: Vec<String>,
    /// All nodes that replctl did not make
    #[arg(long, conflicts_with = "nodes")]
    pub all: bool,
    /// Promote the former primary again when all is done
    #[arg(long)]
    pub hand_back: bool,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Go on although clients cannot use a primary, or cannot write to it, for a while
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<IgnorePause>,
}

/// What `--ignore` of `adopt` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IgnorePause {
    /// A primary without a replica does not answer for a while; one with too few replicas refuses
    /// writes
    Pause,
}

/// The examples of `adopt`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    (
        "replctl adopt slave1 --dry-run",
        "show what would be done, and change nothing",
    ),
    (
        "replctl adopt --all",
        "all of them: the replicas first, then a hand-over, then the old primary",
    ),
    (
        "replctl adopt --all --hand-back",
        "the same, and the old primary is the primary again at the end",
    ),
    (
        "replctl adopt cache --ignore pause",
        "a server that has no replica: it is away while it is restarted",
    ),
];
