//! A deployment at one moment, as small as a reader of the journal needs it. No secret is in it,
//! and nothing that a server said in its own words.

use crate::topology::{Address, Link, Node, NodeName, Product, Role, Topology};
use serde::{Deserialize, Serialize};

/// All nodes, in the order of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Each of them.
    pub nodes: Vec<NodeThen>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeThen {
    /// Its name.
    pub name: NodeName,
    /// Where the others and the clients reach it.
    pub address: Address,
    /// What it was; `None`: it gave no answer.
    #[serde(default)]
    pub server: Option<ServerThen>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerThen {
    /// What it replicated from; `None`: it was a primary.
    #[serde(default)]
    pub upstream: Option<UpstreamThen>,
    /// Id of its history.
    pub replid: String,
    /// Bytes of that history it had.
    pub offset: u64,
    /// Keys it held.
    pub keys: u64,
    /// Family and version.
    pub version: String,
}

/// A replica's end of its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamThen {
    /// The address that the replica has for it.
    pub address: Address,
    /// The node that this means, if it is one of the deployment.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Whether the link was up.
    pub link: Link,
}

impl Snapshot {
    /// Of what was seen.
    pub fn of(topology: &Topology) -> Self {
        let then = |node: &Node| NodeThen {
            name: node.name.clone(),
            address: node.announced.clone(),
            server: node.server().map(|server| ServerThen {
                upstream: match &server.replication.role {
                    Role::Primary => None,
                    Role::Replica(up) => Some(UpstreamThen {
                        address: up.address.clone(),
                        node: topology.upstream_of(node).map(|n| n.name.clone()),
                        link: up.link,
                    }),
                },
                replid: server.replication.replid.clone(),
                offset: crate::topology::lineage::position(&server.replication),
                keys: server.key_count(),
                version: format!(
                    "{} {}",
                    match server.product {
                        Product::Redis => "Redis",
                        Product::Valkey => "Valkey",
                    },
                    server.version
                ),
            }),
        };
        Self {
            nodes: topology.nodes.iter().map(then).collect(),
        }
    }
}
