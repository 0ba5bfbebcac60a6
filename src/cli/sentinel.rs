//! `sentinel` on the command line.

use super::after::example_help;
use clap::{Args, Subcommand};

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
    /// The Sentinels are found through the nodes they watch. Shown are whom each takes for the primary, what it knows of the replicas and of the other
    /// Sentinels, and whether a failover could be agreed on. Changes nothing. The exit status is 0 if nothing needs doing, else 4.
    #[command(after_help = example_help("sentinel-status"))]
    Status(SentinelStatus),
    /// Take the Sentinels that the inventory names to running ones that watch
    ///
    /// On the hosts of `[sentinel] nodes`, as `replctl setup` does it for servers: the program, its user, directories, a first configuration, a unit; then
    /// each is seen to hear from the primary there is now, from its replicas and from the other Sentinels, and a failover to be possible. Run again, it does
    /// what is missing: Sentinels that run are told of changed settings and never restarted, and their files, which they write themselves, are left to them.
    #[command(visible_alias = "deploy", after_help = example_help("sentinel-setup"))]
    Setup(SentinelSetup),
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
}

/// `sentinel status`.
#[derive(Debug, Args)]
pub struct SentinelStatus {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
