//! `abandon`: its arguments and examples.

use crate::cli::candidates::given_up;
use crate::cli::examples::Examples;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `abandon`.
#[derive(Debug, Args)]
pub struct Abandon {
    /// The id of the operation, or its beginning if no other id begins so
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
