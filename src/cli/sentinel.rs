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

/// The subcommands of `sentinel`.
#[derive(Debug, Subcommand)]
pub enum SentinelCommand {
    /// Show what each Sentinel that watches says, and where that is not what is
    ///
    /// The Sentinels are found through the nodes they watch. Shown are whom each takes for the primary, what it knows of the replicas and of the other
    /// Sentinels, and whether a failover could be agreed on. Changes nothing. The exit status is 0 if nothing needs doing, else 4.
    #[command(after_help = example_help("sentinel-status"))]
    Status(SentinelStatus),
}

/// `sentinel status`.
#[derive(Debug, Args)]
pub struct SentinelStatus {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
