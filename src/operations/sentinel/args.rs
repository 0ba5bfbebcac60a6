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

/// The subcommands of `sentinel`.
#[derive(Debug, Subcommand)]
pub enum SentinelCommand {
    /// Show what each Sentinel that watches says, and where it is wrong
    ///
    /// replctl finds the Sentinels through the nodes that they watch. It shows which node each
    /// Sentinel takes for the primary, what it knows of the replicas and of the other Sentinels,
    /// and whether the Sentinels could agree on a failover. It changes nothing. The exit status is
    /// 0 if nothing needs doing, else 4.
    #[command(after_help = example_help("sentinel-status"))]
    Status(SentinelStatus),
    /// Set up the Sentinels that the inventory names
    ///
    /// replctl works on the hosts of `[sentinel] nodes`, as `replctl setup` does for servers: it
    /// installs the program, its user, its directories, a first configuration and a unit. Then it
    /// waits until each Sentinel hears from the present primary, from its replicas and from the
    /// other Sentinels, and until a failover is possible.
    ///
    /// If you run it again, it does only what is missing. A Sentinel that runs gets changed
    /// settings by commands. It is never restarted, and its file, which it writes itself, is not
    /// changed by replctl.
    #[command(visible_alias = "deploy", after_help = example_help("sentinel-setup"))]
    Setup(SentinelSetup),
    /// Stop the Sentinels that the inventory names
    ///
    /// replctl stops the Sentinels that it has set up, and disables what starts them. It does not
    /// change the nodes. After that, nothing changes the primary automatically. A Sentinel that
    /// also watches other deployments keeps running, and only stops watching this one. The files
    /// stay, unless --purge is given.
    #[command(after_help = example_help("sentinel-remove"))]
    Remove(SentinelRemove),
    /// Make the Sentinels forget nodes, or Sentinels, that left permanently
    ///
    /// A Sentinel never forgets anything by itself. A Sentinel that left still counts for the
    /// majority. A server that gets the address of a replica that left is made a replica.
    ///
    /// replctl sends SENTINEL RESET to one Sentinel after the other: the Sentinel forgets
    /// everything that it has found. replctl waits until it has found the replicas and the other
    /// Sentinels again, and only then goes on to the next.
    ///
    /// replctl refuses while WHAT is still there. It refuses while something else is away that
    /// would also be forgotten. It refuses if too few Sentinels would remain.
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
    /// Also delete their files, and the server program if nothing else on the host uses it
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
        "show what each Sentinel says, and what is wrong with it",
    ),
    (
        "replctl sentinel setup",
        "set up the Sentinels that `[sentinel] nodes` names",
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
        "forget a node whose server is stopped and will not come back",
    ),
    (
        "replctl sentinel forget 10.0.0.9:26379",
        "forget a Sentinel that left and still counts for the majority",
    ),
];

/// The examples of `sentinel remove`, in its help and in its man page.
pub const EXAMPLES_OF_REMOVE: Examples = &[
    ("replctl sentinel remove --dry-run", "show the plan only"),
    ("replctl sentinel remove", "stop them; their files stay"),
    (
        "replctl sentinel remove --purge",
        "stop them, and delete their files",
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
