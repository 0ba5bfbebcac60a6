//! The arguments of the commands that look back, and of those that go on from there: `history`, `report`, `undo`, `resume`, `rollback`, `abandon`.

use super::{IgnoreRole, Others};
use crate::commands::completions::{every_node, given_up, operations, unfinished};
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;
use std::path::PathBuf;

/// `history`.
#[derive(Debug, Args)]
pub struct History {
    /// Only operations that these nodes took part in; one that has left the inventory can be named, too
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub nodes: Vec<String>,
    /// How many to list; 0 is all
    #[arg(short = 'l', long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

/// `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// The operation's id, or as much of it as no other has; `last` is the newest
    #[arg(value_name = "ID", add = Candidates::new(operations))]
    pub id: String,
    /// Write it to a new FILE that only you can read
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// `resume` and `rollback`.
#[derive(Debug, Args)]
pub struct Resume {
    /// The operation's id [default: the one that is unfinished]
    #[arg(value_name = "ID", add = Candidates::new(unfinished))]
    pub id: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Run none of its hooks any more
    #[arg(long)]
    pub no_hooks: bool,
}

/// `abandon`.
#[derive(Debug, Args)]
pub struct Abandon {
    /// The operation's id, or as much of it as no other has
    #[arg(value_name = "ID", add = Candidates::new(given_up))]
    pub id: String,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// `undo`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Undo {
    /// The operation's id, or as much of it as no other has; `last` is the newest
    #[arg(value_name = "ID", add = Candidates::new(operations))]
    pub id: String,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Run none of the hooks that the inventory names
    #[arg(long)]
    pub no_hooks: bool,
    /// Go on although a role will not outlive a restart (repeatable)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<IgnoreRole>,
}
