//! `lost`: its arguments and examples.

use crate::cli::Others;
use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;
use std::path::PathBuf;

/// `lost`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Lost {
    /// The old primary
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub node: String,
    /// The node that NODE is compared with [default: the primary]
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub than: Option<String>,
    /// Write the safe commands to FILE and the others to FILE.conflicts, for `redis-cli --pipe`
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Read the commands from the backup that `rejoin` made of NODE, not from NODE itself
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    pub backup: Option<PathBuf>,
    /// Replay the safe commands on the new primary, each once
    #[arg(long)]
    pub replay: bool,
    /// Also replay the commands in conflict: they change what clients have written since
    #[arg(long, requires = "replay")]
    pub with_conflicts: bool,
    /// Show the plan of the replay and change nothing
    #[arg(short = 'n', long, requires = "replay")]
    pub dry_run: bool,
    /// Do not ask before the replay
    #[arg(short, long, requires = "replay")]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
}

/// The examples of `lost`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    (
        "replctl lost master",
        "list what only master has, since slave1 took over",
    ),
    (
        "replctl lost master --output rescued.resp",
        "write the safe commands to rescued.resp, and the others to rescued.resp.conflicts",
    ),
    (
        "replctl lost master --replay",
        "replay the safe commands on slave1, each once",
    ),
    (
        "replctl lost master --backup ~/.local/state/replctl/orders/backup/20261125T030000Z-master --replay",
        "the same after `rejoin`, from the backup of master",
    ),
];
