//! `add`: its arguments and examples.

use crate::cli::Others;
use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `add`.
#[derive(Debug, Args)]
pub struct Add {
    /// The new node's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where its server is to listen: a name or an address; the default port is 6379
    #[arg(long, value_name = "HOST[:PORT]")]
    pub address: String,
    /// The node it is to replicate from [default: the present primary]
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub replicaof: Option<String>,
    /// Where the other nodes and the clients reach it, if that differs
    #[arg(long, value_name = "HOST[:PORT]")]
    pub announce: Option<String>,
    /// Its `replica-priority`; 0: never promoted
    #[arg(long, value_name = "N")]
    pub priority: Option<u32>,
    /// How to reach its host, if [ssh] and ~/.ssh/config do not say it; each part may be left out
    #[arg(long, value_name = "USER@HOST:PORT")]
    pub ssh: Option<String>,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Replace the keys that the new node holds, or has on its disk, by those of the primary
    #[arg(long, value_name = "NAME")]
    pub discard_data: Option<String>,
}

/// The examples of `add`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    (
        "replctl add slave3 --address 192.168.0.150 --dry-run",
        "show the plan only",
    ),
    (
        "replctl add slave3 --address 192.168.0.150",
        "show the plan, ask, write it down and set it up",
    ),
    (
        "replctl add slave3 --address db4.example.org:6380 --ssh ops@gate:2222 --priority 0",
        "another port, another way to its host, and never promoted",
    ),
];
