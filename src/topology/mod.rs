//! What was observed of a deployment, as data. Pure: no I/O, no clock, no global. The code uses the
//! present terms (primary, replica). Only the parsers know the older words of the protocol.

mod address_match;
pub mod candidate;
pub mod claims;
pub mod clients;
pub mod detached;
pub mod endpoint;
pub mod fed;
mod good_replicas;
#[cfg(test)]
pub mod growth;
pub mod host;
mod index;
pub mod lag;
pub mod lineage;
pub mod log;
mod name;
mod nodes;
pub mod one_address;
mod persisted;
pub mod persistence;
pub mod phrases;
pub mod reboot;
#[cfg(test)]
pub mod sample;
pub mod sentinel;
pub mod service;
mod sight;
pub mod situation;
#[cfg(test)]
pub mod testing;
pub mod tls;
pub mod tree;
pub mod unreachable;
pub mod versions;

pub use address_match::{Addresses, same_host};
pub use name::NodeName;
pub use nodes::Nodes;
pub use persisted::PersistedRole;
pub use persistence::{Disk, Loading};
pub use sight::{Elsewhere, Sight, Tunnel};
pub use unreachable::{Trouble, TroubleKind};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Where a server listens: a host name or an IP address, and a TCP port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Host name, IPv4 or IPv6 address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Address {
    /// An address from its two parts.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// All nodes of one deployment, in inventory order, as seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// In inventory order.
    pub nodes: Nodes,
}

/// One node: who it is by the inventory, and what was seen of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name in the inventory.
    pub name: NodeName,
    /// Its address in the inventory.
    pub address: Address,
    /// The address the other nodes and the clients use: `announce` in the inventory, else what the
    /// server itself announces, else `address`.
    pub announced: Address,
    /// The IP addresses to which the host of `address` resolves, and other names of them. So
    /// replctl knows that `node2` and `192.168.0.130` are one.
    #[serde(default)]
    pub resolved: Vec<String>,
    /// The same for the host of `announced`. With port forwarding the two are different machines,
    /// and a port belongs to one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<String>,
    /// How its own host resolves the names of other nodes, where it was asked; empty for names that
    /// it does not know.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names_there: BTreeMap<String, Vec<String>>,
    /// How replctl reached it, and which servers answer at its announced addresses.
    #[serde(default, skip_serializing_if = "Sight::is_plain")]
    pub sight: Sight,
    /// What was seen.
    pub state: State,
    /// The role that the node will have after a restart, by its configuration file; `None`: the
    /// file was not read.
    pub persisted: Option<PersistedRole>,
    /// How its server is run; `None` where its host was not looked at.
    #[serde(skip)]
    pub service: Option<Box<service::Service>>,
}

/// What was seen of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It answered.
    Up(Box<Server>),
    /// It gave no usable answer, and this is the one reason.
    Down(Trouble),
}

/// The server families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// Redis.
    Redis,
    /// Valkey.
    Valkey,
}

/// A server's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// Major.
    pub major: u16,
    /// Minor.
    pub minor: u16,
    /// Patch.
    pub patch: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// One server process, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Family.
    pub product: Product,
    /// Version of the product (`valkey_version` for Valkey).
    pub version: Version,
    /// Random id of the process; the same id behind two addresses is the same process.
    pub run_id: String,
    /// Its configuration file, if it was started with one.
    pub config_file: Option<String>,
    /// Its process, by the number it has for itself.
    #[serde(skip)]
    pub process_id: Option<u32>,
    /// Seconds since it started.
    pub uptime_seconds: Option<u64>,
    /// `cluster_enabled`.
    pub cluster_enabled: bool,
    /// It is loading its data: percent done, where it says so.
    pub loading: Option<Loading>,
    /// How its last writes to the disk went.
    #[serde(default)]
    pub disk: Disk,
    /// `used_memory`, bytes.
    pub used_memory: Option<u64>,
    /// `maxmemory`, bytes; 0 is no limit.
    pub maxmemory: Option<u64>,
    /// Keys by database number.
    pub keys: BTreeMap<u32, u64>,
    /// Keys with fields that have a time to live of their own; `None` where it does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiring_fields: Option<u64>,
    /// Full resyncs it has served (`sync_full`).
    pub sync_full: Option<u64>,
    /// Partial resyncs it has served (`sync_partial_ok`).
    pub sync_partial_ok: Option<u64>,
    /// The replication section.
    pub replication: Replication,
    /// Number of Sentinels that listen on this node; `None` where it could not be asked.
    pub sentinels: Option<u64>,
    /// How many operations of replctl listen on it; `None` where that may not be asked.
    #[serde(skip)]
    pub claims: Option<u64>,
    /// What was read by `CONFIG GET`, without any secret; empty where CONFIG is forbidden.
    pub config: BTreeMap<String, String>,
    /// Whether `requirepass` is set; `None` where CONFIG is forbidden.
    pub has_password: Option<bool>,
    /// Whether `masterauth` (and `masteruser`) are what the inventory says; `None` where CONFIG is
    /// forbidden or the inventory does not say.
    pub replica_auth: Option<ReplicaAuth>,
    /// The certificate it showed, where it was spoken to over TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<tls::Certificate>,
}

/// What a node would log in with at its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaAuth {
    /// No `masterauth`.
    Unset,
    /// It is what the inventory says.
    Right,
    /// `masterauth` is something else.
    Wrong,
}

/// A node's replication state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replication {
    /// What it is now.
    pub role: Role,
    /// `master_repl_offset`: bytes of the replication stream it has produced or applied.
    pub offset: u64,
    /// Id of its history.
    pub replid: String,
    /// Id of the history it had before it was promoted; `None` for the all-zero id.
    pub replid2: Option<String>,
    /// Up to where `replid2` is valid (exclusive), in bytes.
    pub second_offset: Option<u64>,
    /// The backlog, where it is active.
    pub backlog: Option<Backlog>,
    /// Its replicas, as it lists them.
    pub replicas: Vec<ReplicaLine>,
    /// `master_failover_state` when it is something else than `no-failover`.
    pub failover: Option<String>,
    /// `slave_priority`; 0 means never to be promoted. Only replicas tell it.
    pub priority: Option<u32>,
}

/// The part of the stream a server can still send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Offset of its first byte.
    pub first: u64,
    /// Bytes it holds.
    pub held: u64,
    /// Bytes it can hold.
    pub size: u64,
}

/// One replica as its upstream lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaLine {
    /// As announced or as seen; port 0 is a client such as `redis-cli --replica`, not a server.
    pub address: Address,
    /// `online`, `wait_bgsave`, `send_bulk`, …
    pub state: String,
    /// Bytes acknowledged, once a second.
    pub offset: Option<u64>,
    /// Seconds since the last acknowledgement. NOT the replication lag.
    pub ack_age_seconds: Option<u64>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows another.
    Replica(Upstream),
}

/// A replica's end of its link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// The address from which it replicates.
    pub address: Address,
    /// Whether the link is up.
    pub link: Link,
    /// `slave_repl_offset`: bytes of the stream it has applied.
    pub offset: u64,
    /// Seconds since it last heard from its upstream; `None` if never.
    pub last_io_seconds: Option<u64>,
    /// Seconds the link has been down; `None` while up, or if it never was up.
    pub down_since_seconds: Option<u64>,
    /// A full resync under way.
    pub sync: Option<SyncProgress>,
    /// It refuses writes.
    pub read_only: bool,
}

/// The state of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Connected and synchronised once. Not yet a proof of being in sync.
    Up,
    /// Not connected, or not synchronised.
    Down,
}

/// A full resync under way, from the replica's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncProgress {
    /// Bytes read.
    pub read: Option<u64>,
    /// Bytes in all; `None` for a diskless transfer.
    pub total: Option<u64>,
    /// Seconds since the sender was last heard.
    pub idle_seconds: Option<u64>,
}

impl Node {
    /// What it says of itself, if it answered.
    pub fn server(&self) -> Option<&Server> {
        match &self.state {
            State::Up(server) => Some(server),
            State::Down(_) => None,
        }
    }

    /// The foreign unit that starts it, if replctl did not make that unit.
    pub fn foreign_unit(&self) -> Option<&str> {
        let unit = self.foreign_service()?.unit();
        unit.map(|unit| unit.name.as_str())
    }

    /// How it is run, if that is known and replctl did not make it.
    pub fn foreign_service(&self) -> Option<&service::Service> {
        self.service.as_deref().filter(|s| s.is_foreign())
    }

    /// Whether it answered, and its host shows that replctl did not make it. Setup leaves it alone.
    pub fn runs_foreign(&self) -> bool {
        self.server().is_some() && self.foreign_service().is_some()
    }

    /// Whether it answered and is a primary.
    pub fn is_primary(&self) -> bool {
        self.server()
            .is_some_and(|s| s.replication.role == Role::Primary)
    }

    /// Its end of the link, if it answered and is a replica.
    pub fn upstream(&self) -> Option<&Upstream> {
        match &self.server()?.replication.role {
            Role::Replica(upstream) => Some(upstream),
            Role::Primary => None,
        }
    }
}

impl Server {
    /// Keys in all databases.
    pub fn key_count(&self) -> u64 {
        self.keys
            .values()
            .fold(0, |sum, keys| sum.saturating_add(*keys))
    }
}

impl Topology {
    /// The node of that name.
    pub fn get(&self, name: &NodeName) -> Option<&Node> {
        self.placed(self.nodes.index().named(name))
    }

    /// The nodes that answered as primaries.
    pub fn primaries(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|n| n.is_primary())
    }
}
