//! Steps over SSH on a server that is stopped or about to be: its process, and the role in its
//! file. Pure.

use crate::topology::Address;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A change to a server from its host. The server itself gets no command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceAction {
    /// Stop this node's server over SSH, so that a frozen process cannot come back writable.
    StopServer,
    /// Start this node's server over SSH (the undo of stopping it).
    StartServer,
    /// Write `replicaof` into the file of a stopped server, so that it comes back as a replica.
    FenceFile {
        /// Where it will replicate from.
        address: Address,
    },
}

impl fmt::Display for ServiceAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StopServer => f.write_str("stop the server over SSH"),
            Self::StartServer => f.write_str("start the server over SSH"),
            Self::FenceFile { address } => write!(
                f,
                "write `replicaof {address}` into its file, so that it returns as a replica"
            ),
        }
    }
}
