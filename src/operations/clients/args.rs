//! `clients`: its arguments and examples.

use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `clients`.
#[derive(Debug, Args)]
pub struct Clients {
    /// Only this node
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub node: Option<String>,
}

/// The examples of `clients`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl clients", "of every node"),
    ("replctl clients master", "of one"),
    (
        "replctl clients --json | jq '.nodes[] | {node, count: .clients.count}'",
        "for scripts",
    ),
];
