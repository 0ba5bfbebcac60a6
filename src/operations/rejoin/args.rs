//! `rejoin`: its arguments and examples.

use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use crate::cli::{IgnoreRole, Others};
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;
use std::path::PathBuf;

/// `rejoin`.
#[derive(Debug, Args)]
pub struct Rejoin {
    /// The old primary
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub node: String,
    /// The primary that NODE is to follow [default: the one that took over]
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub under: Option<String>,
    /// The folder for backups, each in a dated folder of its own [default: backup, beside the
    /// journals]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub backup_dir: Option<PathBuf>,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Go on although a role will not outlive a restart (repeatable)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<IgnoreRole>,
    /// Make no backup: the data that only NODE has is lost
    #[arg(long, value_name = "NODE", conflicts_with = "backup_dir", add = Candidates::new(every_node))]
    pub discard_data: Option<String>,
}

/// The examples of `rejoin`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    (
        "replctl rejoin master --dry-run",
        "show the plan, and how many commands only master has",
    ),
    (
        "replctl rejoin master",
        "back up master, and make it a replica of the present primary",
    ),
    (
        "replctl rejoin master --under slave1",
        "the same, and name the primary that is kept",
    ),
    (
        "replctl rejoin master --discard-data master",
        "make no backup: the data that only master has is lost",
    ),
    (
        "replctl lost master --backup BACKUP --replay",
        "replay the safe commands of that backup on the present primary",
    ),
];
