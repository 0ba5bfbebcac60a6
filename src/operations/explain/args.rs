//! `explain`: its arguments.

use crate::cli::examples::Examples;
use crate::findings::Code;
use clap::Args;
use clap_complete::{ArgValueCandidates as Candidates, CompletionCandidate};

/// `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The code of a finding, as `status --json` has it; without it, all are listed
    #[arg(value_name = "CODE", add = Candidates::new(codes))]
    pub code: Option<String>,
    /// Print all of them as Markdown
    #[arg(long, hide = true, conflicts_with_all = ["code", "json"])]
    pub markdown: bool,
}

/// What TAB offers.
fn codes() -> Vec<CompletionCandidate> {
    let names = Code::ALL.iter().map(|code| code.name());
    names.map(CompletionCandidate::new).collect()
}

/// The examples of `explain`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl explain", "all findings, a line for each"),
    ("replctl explain no-primary", "one of them in full"),
    (
        "replctl status --json | jq -r '.findings[].code'",
        "the codes of the findings there are",
    ),
];
