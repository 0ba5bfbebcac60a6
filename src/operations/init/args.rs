//! `init`: its arguments and examples.

use crate::cli::examples::Examples;
use clap::Args;
use std::path::PathBuf;

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Nodes as [NAME=]ADDRESS[:PORT]; the first is the first primary
    #[arg(value_name = "NODE")]
    pub nodes: Vec<String>,
    /// The deployment's name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// SSH user
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Directory on the hosts: DIR/PORT/{conf,logs,pid}
    #[arg(long, value_name = "DIR")]
    pub directory: Option<String>,
    /// Write `auth = "none"` instead of generating a password (a trusted network only)
    #[arg(long)]
    pub no_password: bool,
    /// Where to write it
    #[arg(short, long, value_name = "FILE", default_value = "inventory.toml", value_hint = clap::ValueHint::FilePath)]
    pub output: PathBuf,
    /// Ask nothing; what is not given takes its default
    #[arg(short, long)]
    pub yes: bool,
}

/// The examples of `init`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl init", "ask for everything"),
    (
        "replctl init --yes --name orders master=192.168.0.120 slave1=192.168.0.130 slave2=192.168.0.140",
        "ask nothing",
    ),
];
