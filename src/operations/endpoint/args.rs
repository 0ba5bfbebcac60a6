//! `endpoint`: its arguments and examples.

use crate::cli::examples::Examples;
use clap::{Args, ValueEnum};

/// `endpoint`.
#[derive(Debug, Args)]
pub struct Endpoint {
    /// The form of the answer
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "json", default_value_t = EndpointFormat::Address)]
    pub format: EndpointFormat,
}

/// What `--format` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EndpointFormat {
    /// HOST:PORT, with an IPv6 address in brackets
    Address,
    /// redis://HOST:PORT, or rediss://HOST:PORT over TLS
    Url,
    /// `REPLCTL_PRIMARY_HOST`, `REPLCTL_PRIMARY_PORT`, `REPLCTL_PRIMARY_NODE` and
    /// `REPLCTL_PRIMARY_TLS`, one a line, quoted for a shell
    Env,
}

/// The examples of `endpoint`, in its help and in its man page.
pub const EXAMPLES: Examples = &[
    ("replctl endpoint", "HOST:PORT"),
    (
        "env=$(replctl endpoint --format env) && eval \"$env\" && echo \"$REPLCTL_PRIMARY_HOST\"",
        "in a shell script",
    ),
    ("replctl endpoint --json | jq -er .url", "redis://HOST:PORT"),
];
