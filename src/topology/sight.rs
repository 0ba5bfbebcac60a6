//! How replctl reached a node, and which servers answer at its announced addresses. Pure.

use super::Address;
use serde::{Deserialize, Serialize};

/// How a node was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sight {
    /// It was seen through its host over SSH, not from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Tunnel>,
    /// The announced addresses that differ from `address`, and what is known about them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Elsewhere>,
}

/// The way through a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    /// The host, as the inventory calls it for SSH.
    pub host: String,
    /// Why it was not seen from here; `None`: the inventory wants that way.
    pub because: Option<String>,
}

/// An announced address that is not the address of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The address.
    pub address: Address,
    /// The IP addresses its host stands for here.
    pub ips: Vec<String>,
    /// `run_id` of the server that answers there; `None` where none answered that tells it.
    pub answers: Option<String>,
}

impl Sight {
    /// Whether there is nothing to tell.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}
