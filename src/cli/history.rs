//! The arguments of the commands that look back: `history`.

use crate::commands::completions::every_node;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `history`.
#[derive(Debug, Args)]
pub struct History {
    /// Only operations that these nodes took part in; one that has left the inventory can be named, too
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub nodes: Vec<String>,
    /// How many to list; 0 is all
    #[arg(short = 'l', long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
