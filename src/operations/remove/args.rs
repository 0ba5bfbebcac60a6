//! `remove`: its arguments and examples.

use crate::cli::Others;
use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `remove`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Remove {
    /// The node to remove
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub node: String,
    /// Also delete the directory of NODE on its host, and the server program if no other node there
    /// uses it
    #[arg(long, conflicts_with = "leave_running")]
    pub purge: bool,
    /// Remove NODE from the inventory only: its server keeps running
    #[arg(long)]
    pub leave_running: bool,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
}

/// The examples of `remove`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl remove slave3 --dry-run", "show the plan only"),
    (
        "replctl remove slave3",
        "stop slave3 for good; its files stay, and `replctl undo last` brings it back",
    ),
    (
        "replctl remove slave3 --purge",
        "stop slave3, and delete its files",
    ),
    (
        "replctl remove slave3 --leave-running",
        "remove slave3 from the inventory only; its server keeps running",
    ),
];
