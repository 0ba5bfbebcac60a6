//! The arguments of `move` and `detach`.

use super::{IgnoreRole, Others};
use crate::commands::completions::every_node;
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
    /// Replace the keys of the node that is moved by those of its new upstream, although some may be nowhere else
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub discard_data: Option<String>,
    /// Let the inventory say so, too: its `replicaof` of the node
    #[arg(long)]
    pub update_inventory: bool,
    /// Go on although a role will not outlive a restart (repeatable)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<IgnoreRole>,
}

/// `detach`.
#[derive(Debug, Args)]
pub struct Detach {
    /// The replica to detach
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub node: String,
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
}
