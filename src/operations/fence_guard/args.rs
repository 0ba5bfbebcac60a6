//! `fence-guard`: its arguments. It is not for people.

use clap::Args;
use std::path::PathBuf;

/// `fence-guard`.
#[derive(Debug, Args)]
pub struct FenceGuard {
    /// The node
    pub node: String,
    /// `min-replicas-to-write` before the fence
    pub to_write: u64,
    /// `min-replicas-max-lag` before the fence, seconds
    pub max_lag: u64,
}

/// `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// The folder
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}
