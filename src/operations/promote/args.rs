//! `promote`: its arguments and examples.

use crate::cli::candidates::promotable;
use crate::cli::examples::Examples;
use crate::cli::{Ignore, Others};
use clap::Args;
use clap_complete::ArgValueCandidates as Candidates;

/// `promote`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Promote {
    /// The node to make primary; without it, replctl shows the candidates and asks
    #[arg(value_name = "NODE", add = Candidates::new(promotable))]
    pub node: Option<String>,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// The old primary is lost: promote although another replica has more data, or may have more
    #[arg(long)]
    pub allow_data_loss: bool,
    /// The old primary cannot be stopped: accept that it may come back and take writes that are
    /// lost later
    #[arg(long)]
    pub accept_split_brain: bool,
    /// Go on although something differs between the node and the primary, a permission that can be
    /// done without is missing, or a role will not outlive a restart (repeatable)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<Ignore>,
    /// The Sentinels that the nodes still count will not come back: promote without them
    /// (those that live undo it within a minute)
    #[arg(long)]
    pub without_sentinel: bool,
    /// Disconnect the clients that are left on the old primary, once there is a new one, so that
    /// they look for it
    #[arg(long)]
    pub kick_clients: bool,
    /// Run none of the hooks that the inventory names
    #[arg(long)]
    pub no_hooks: bool,
    /// Leave an operation that stopped half-way as it is, and plan from what is seen now
    #[arg(long)]
    pub abandon_unfinished: bool,
}

/// The examples of `promote`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    (
        "replctl promote",
        "show the candidates, and ask which it is to be",
    ),
    ("replctl promote slave1 --dry-run", "show the plan only"),
    ("replctl promote slave1", "show the plan, ask, hand over"),
    (
        "replctl promote slave1 --allow-data-loss",
        "the primary is lost, and another replica has more data or cannot be asked",
    ),
    (
        "replctl promote slave1 --kick-clients",
        "and disconnect the clients that are left on the old primary",
    ),
    (
        "replctl promote slave1 --no-hooks",
        "without the commands that the inventory has under [hooks]",
    ),
    (
        "replctl promote slave1 --without-sentinel",
        "promote where Sentinels that the nodes still count will not come back",
    ),
];
