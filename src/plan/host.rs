//! What `setup` does on a host, as data, and what must be known of the host to plan it. Pure.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One change to a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostAction {
    /// Make the user the server runs as.
    MakeUser {
        /// Its name.
        user: String,
    },
}

impl fmt::Display for HostAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeUser { user } => write!(f, "make the user {user}"),
        }
    }
}
