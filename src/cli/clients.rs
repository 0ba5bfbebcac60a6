//! `clients`: its arguments.

use crate::commands::completions::every_node;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `clients`.
#[derive(Debug, Args)]
pub struct Clients {
    /// Only this node
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub node: Option<String>,
}
