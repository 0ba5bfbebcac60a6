//! `report`: its arguments and examples.

use crate::cli::candidates::operations;
use crate::cli::examples::Examples;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;
use std::path::PathBuf;

/// `report`.
#[derive(Debug, Args)]
pub struct Report {
    /// The id of the operation, or its beginning if no other id begins so; `last` is the newest
    #[arg(value_name = "ID", add = Candidates::new(operations))]
    pub id: String,
    /// Write it to a new FILE that only you can read
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// The examples of `report`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl report last", "the newest operation"),
    (
        "replctl report 20251124T2217 --output incident.md",
        "one of `replctl history`, into a file",
    ),
];
