//! `sentinel`: its arguments and examples.

use crate::cli::Others;
use crate::cli::candidates::every_node;
use crate::cli::examples::Examples;
use crate::cli::help::example_help;
use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates as Candidates;

/// `sentinel`.
#[derive(Debug, Args)]
pub struct Sentinel {
    /// What to do.
    #[command(subcommand)]
    pub command: SentinelCommand,
}

impl Sentinel {
    /// Whether it changes nothing, and asks nothing.
    pub fn only_looks(&self) -> bool {
        matches!(self.command, SentinelCommand::Status(_))
    }
}

/// The subcommands of `sentinel`.
#[derive(Debug, Subcommand)]
pub enum SentinelCommand {
    /// Show what each Sentinel that watches says, and where that is not what is
    ///
    /// The Sentinels are found through the nodes they watch. Shown are whom each takes for the
    /// primary, what it knows of the replicas and of the other Sentinels, and whether a failover
    /// could be agreed on. Changes nothing. The exit status is 0 if nothing needs doing, else 4.
    #[command(after_help = example_help("sentinel-status"))]
    Status(SentinelStatus),
    /// Take the Sentinels that the inventory names to running ones that watch
    ///
    /// On the hosts of `[sentinel] nodes`, as `replctl setup` does it for servers: the program, its
    /// user, directories, a first configuration, a unit; then each is seen to hear from the primary
    /// there is now, from its replicas and from the other Sentinels, and a failover to be possible.
    /// Run again, it does what is missing: Sentinels that run are told of changed settings and
    /// never restarted, and their files, which they write themselves, are left to them.
    #[command(visible_alias = "deploy", after_help = example_help("sentinel-setup"))]
    Setup(SentinelSetup),
    /// End the Sentinels that the inventory names
    ///
    /// Those that replctl has set up are stopped, and nothing starts them again; the nodes are not
    /// touched, and change their primary by themselves no more. One that watches other deployments
    /// too is only told to leave this one. Their files stay, unless --purge is given.
    #[command(after_help = example_help("sentinel-remove"))]
    Remove(SentinelRemove),
    /// Let the Sentinels forget nodes, or Sentinels, that left for good
    ///
    /// They never do so by themselves: a Sentinel that is gone counts for the majority, and
    /// whatever gets the address of a replica that is gone is made a replica. One after the other
    /// is told to forget all (SENTINEL RESET) and seen to have found the replicas and the others
    /// again before the next one is. Refused while WHAT is still there, while anything else is away
    /// that would be forgotten as well, or where too few would be left.
    #[command(visible_alias = "reset", after_help = example_help("sentinel-forget"))]
    Forget(SentinelForget),
}

/// `sentinel setup`.
#[derive(Debug, Args)]
pub struct SentinelSetup {
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
}

/// `sentinel status`.
#[derive(Debug, Args)]
pub struct SentinelStatus {}

/// `sentinel remove`.
#[derive(Debug, Args)]
pub struct SentinelRemove {
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Remove their files as well, and the server program where nothing else on the host uses it
    #[arg(long)]
    pub purge: bool,
}

/// `sentinel forget`.
#[derive(Debug, Args)]
pub struct SentinelForget {
    /// The node's name, or HOST:PORT of a replica or a Sentinel as `replctl sentinel status` shows
    /// it
    #[arg(value_name = "WHAT", required = true, add = Candidates::new(every_node))]
    pub what: Vec<String>,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
}

/// The examples of `sentinel`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    (
        "replctl sentinel status",
        "what each Sentinel says, and what is wrong with it",
    ),
    (
        "replctl sentinel setup",
        "bring those that `[sentinel] nodes` names",
    ),
];

/// The examples of `sentinel setup`, in its help and in its man page.
pub const EXAMPLES_OF_SETUP: Examples = &[
    ("replctl sentinel setup --dry-run", "show the plan only"),
    (
        "replctl sentinel setup",
        "show the plan, ask, and carry it out",
    ),
];

/// The examples of `sentinel forget`, in its help and in its man page.
pub const EXAMPLES_OF_FORGET: Examples = &[
    (
        "replctl sentinel forget slave2 --dry-run",
        "show the plan only",
    ),
    (
        "replctl sentinel forget slave2",
        "a node whose server is stopped and will not come back",
    ),
    (
        "replctl sentinel forget 10.0.0.9:26379",
        "a Sentinel that is gone, and counts for the majority all the same",
    ),
];

/// The examples of `sentinel remove`, in its help and in its man page.
pub const EXAMPLES_OF_REMOVE: Examples = &[
    ("replctl sentinel remove --dry-run", "show the plan only"),
    ("replctl sentinel remove", "stop them; their files stay"),
    (
        "replctl sentinel remove --purge",
        "leave nothing of them on their hosts",
    ),
];

/// The examples of `sentinel status`, in its help and in its man page.
pub const EXAMPLES_OF_STATUS: Examples = &[
    ("replctl sentinel status", "for people"),
    (
        "replctl sentinel status --json | jq '.watch.views[].address'",
        "for scripts",
    ),
];
