//! `repair`: its arguments and examples.

use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use crate::cli::{IgnoreRole, Others};
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;
use std::path::PathBuf;

/// `repair`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Repair {
    /// The node that is the primary afterwards [default: the one that is proposed]
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub keep: Option<String>,
    /// Compare, show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// The folder for backups, each in a dated folder of its own [default: backup, beside the
    /// journals]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub backup_dir: Option<PathBuf>,
    /// Make no backup of NODE: the data that only NODE has is lost (repeatable)
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub discard_data: Vec<String>,
    /// Where there is no primary: promote although another replica has more data, or may have more
    #[arg(long)]
    pub allow_data_loss: bool,
    /// Where the old primary cannot be stopped: accept that it may come back and take writes that
    /// are lost later
    #[arg(long)]
    pub accept_split_brain: bool,
    /// Go on although a role will not outlive a restart (repeatable)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<IgnoreRole>,
}

/// The examples of `repair`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    (
        "replctl repair --dry-run",
        "compare the nodes, and show the plan",
    ),
    ("replctl repair", "show the proposal, ask, and carry it out"),
    (
        "replctl repair --keep master",
        "keep master instead of the node that is proposed",
    ),
];
