//! `server`: its arguments and examples.

use crate::cli::examples::Examples;
use clap::Args;
use std::path::PathBuf;

/// `server`.
#[derive(Debug, Args)]
pub struct Server {
    /// Write the files of one architecture into a folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub extract: Option<PathBuf>,
    /// The architecture to extract [default: this machine's]
    #[arg(long, value_name = "ARCH", requires = "extract")]
    pub arch: Option<String>,
    /// Print the licence texts of the server and its libraries
    #[arg(long)]
    pub licence: bool,
}

/// The examples of `server`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl server", "its version, sizes and checksums"),
    (
        "replctl server --extract ./bin",
        "write redis-server and redis-cli to ./bin",
    ),
];
