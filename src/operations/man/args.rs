//! `man`: its arguments. It is not for people.

use clap::Args;
use std::path::PathBuf;

/// `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// The folder
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}
