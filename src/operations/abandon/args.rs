//! `abandon`: its arguments and examples.

use crate::cli::candidates::given_up;
use crate::cli::examples::Examples;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

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

/// The examples of `abandon`, in its help and in its man page.
pub const EXAMPLES: Examples = &[(
    "replctl abandon 20251124T2217",
    "one of `replctl history` that says unfinished",
)];
