//! `init`: its arguments and examples.

use crate::cli::examples::Examples;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Nodes as [NAME=]ADDRESS[:PORT]; the first is the first primary
    #[arg(value_name = "NODE", conflicts_with = "from")]
    pub nodes: Vec<String>,
    /// The deployment's name
    #[arg(long, value_name = "NAME", conflicts_with = "merge")]
    pub name: Option<String>,
    /// SSH user
    #[arg(long, value_name = "USER", conflicts_with = "merge")]
    pub user: Option<String>,
    /// Directory on the hosts: DIR/PORT/{conf,logs,pid}
    #[arg(long, value_name = "DIR", conflicts_with = "from")]
    pub directory: Option<String>,
    /// Write `auth = "none"` instead of generating a password (a trusted network only)
    #[arg(long, conflicts_with = "from")]
    pub no_password: bool,
    /// Where to write it; with --from, `-` is stdout
    #[arg(short, long, value_name = "FILE", default_value = "inventory.toml", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// Ask nothing, and take the default for all that is not given. With --from, also send the
    /// password to servers that only other servers name
    #[arg(short, long)]
    pub yes: bool,
    /// How a deployment that runs is found.
    #[command(flatten)]
    pub find: Find,
}

/// How a deployment that runs is found.
#[derive(Debug, Args)]
#[command(next_help_heading = "A deployment that runs")]
pub struct Find {
    /// Find the deployment of this server or Sentinel, and write it down
    #[arg(long, value_name = "HOST[:PORT]", value_hint = ValueHint::Hostname)]
    pub from: Option<String>,
    /// Add the missing nodes to the existing inventory, and change nothing else in it
    #[arg(long, requires = "from")]
    pub merge: bool,
    /// The servers' user to log in as [default: the default user]
    #[arg(long, value_name = "USER", requires = "from", conflicts_with = "merge")]
    pub login: Option<String>,
    /// A file with the servers' password
    #[arg(long, value_name = "FILE", requires = "from", conflicts_with_all = ["merge", "password_env"], value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// A variable of the environment with the servers' password
    #[arg(long, value_name = "NAME", requires = "from", conflicts_with = "merge")]
    pub password_env: Option<String>,
    /// The Sentinels' own user
    #[arg(long, value_name = "USER", requires = "from", conflicts_with = "merge")]
    pub sentinel_login: Option<String>,
    /// A file with the Sentinels' own password
    #[arg(long, value_name = "FILE", requires = "from", conflicts_with_all = ["merge", "sentinel_password_env"], value_hint = ValueHint::FilePath)]
    pub sentinel_password_file: Option<PathBuf>,
    /// A variable of the environment with the Sentinels' own password
    #[arg(long, value_name = "NAME", requires = "from", conflicts_with = "merge")]
    pub sentinel_password_env: Option<String>,
    /// Speak TLS to the servers
    #[arg(long, requires = "from", conflicts_with = "merge")]
    pub tls: bool,
    /// The authority that signed the servers' certificates [default: those of the system]
    #[arg(long, value_name = "FILE", requires = "tls", value_hint = ValueHint::FilePath)]
    pub ca: Option<PathBuf>,
    /// Our certificate, for servers that ask for one
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"], value_hint = ValueHint::FilePath)]
    pub cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires_all = ["tls", "cert"], value_hint = ValueHint::FilePath)]
    pub key: Option<PathBuf>,
    /// What to check of a certificate: full, ca (all but the name it is for) or none
    #[arg(long, value_name = "WHAT", requires = "tls", hide_possible_values = true, default_value_t = Looked::Full, value_enum)]
    pub verify: Looked,
    /// The private key for SSH [default: as ~/.ssh/config says]
    #[arg(long, value_name = "FILE", requires = "from", conflicts_with = "merge", value_hint = ValueHint::FilePath)]
    pub identity_file: Option<PathBuf>,
    /// The file with the hosts' keys [default: as ~/.ssh/config says]
    #[arg(long, value_name = "FILE", requires = "from", conflicts_with = "merge", value_hint = ValueHint::FilePath)]
    pub known_hosts: Option<PathBuf>,
    /// Do not use SSH (how the servers are run is then unknown)
    #[arg(long, requires = "from")]
    pub no_ssh: bool,
}

/// What of a certificate is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Looked {
    /// All of it.
    Full,
    /// Not the name it is for.
    Ca,
    /// Nothing.
    None,
}

/// The examples of `init`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl init", "ask for everything"),
    (
        "replctl init --yes --name orders master=192.168.0.120 slave1=192.168.0.130 slave2=192.168.0.140",
        "ask nothing",
    ),
    (
        "replctl init --from 192.168.0.120",
        "write down a deployment that runs already",
    ),
    (
        "replctl init --from 192.168.0.120:26379 --user root --password-file orders.password",
        "from a Sentinel, with a password and an SSH user",
    ),
    (
        "replctl init --from 192.168.0.150 --merge",
        "add what is missing to the inventory that is there",
    ),
];
