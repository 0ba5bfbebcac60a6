//! What is done about another operator who works on the deployment at the same time.

use clap::Args;

/// Options of every command that changes something.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Others {
    /// Take the deployment over from another operator's command that is dead or frozen. replctl
    /// first ends the connections of that command to the servers, and its sessions on hosts that it
    /// sets up
    #[arg(long)]
    pub take_over: bool,
}
