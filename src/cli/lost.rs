//! `lost`: its arguments.

use crate::commands::completions::every_node;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;
use std::path::PathBuf;

/// `lost`.
#[derive(Debug, Args)]
pub struct Lost {
    /// The old primary
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub node: String,
    /// The node it is compared with [default: the primary]
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub than: Option<String>,
    /// Write what can be replayed to FILE and the rest to FILE.conflicts, for `redis-cli --pipe`
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Print JSON, with every command
    #[arg(long)]
    pub json: bool,
}
