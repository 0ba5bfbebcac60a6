//! `move`: its arguments and examples.

use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use crate::cli::{IgnoreRole, Others};
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `move`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Move {
    /// The node to move
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub node: String,
    /// The node it is to replicate from
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub under: String,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Replace the keys of the node that is moved by those of its new upstream, although some may
    /// be nowhere else
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub discard_data: Option<String>,
    /// Let the inventory say so, too: its `replicaof` of the node
    #[arg(long)]
    pub update_inventory: bool,
    /// Go on although a role will not outlive a restart (repeatable)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<IgnoreRole>,
}

/// The examples of `move`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    (
        "replctl move slave2 --under slave1 --dry-run",
        "show the plan and what it will cost",
    ),
    (
        "replctl move slave2 --under slave1",
        "a chain: slave2 replicates from slave1",
    ),
    (
        "replctl move slave2 --under master",
        "back under the primary",
    ),
    (
        "replctl move slave2 --under slave1 --update-inventory",
        "and let the inventory say so",
    ),
];
