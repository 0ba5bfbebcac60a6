//! The inventory: what one `inventory.toml` says, checked. Types only; reading and checking are in
//! the modules below.

mod accounts;
pub mod address;
mod check;
pub mod deployment;
pub mod edit;
pub mod found;
pub mod hooks;
pub mod locate;
pub mod nearest;
pub mod node;
pub mod parse;
pub mod place;
pub mod secrets;
mod section;
mod sentinel;
pub mod server;
mod service;
pub mod source;
mod ssh;
pub mod template;
#[cfg(test)]
mod tests;
pub mod tls;

pub use accounts::Accounts;
pub use service::ServiceSettings;
pub use source::ServerSource;
pub use tls::Tls;

use crate::topology::{Address, NodeName};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One deployment as its inventory describes it. Every value is filled in: defaults are applied,
/// per-node settings merged.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The file it came from, absolute.
    pub path: PathBuf,
    /// The digest of its text, lower-case hex. It shows whether the file has changed since it was
    /// read.
    pub digest: String,
    /// `[deployment] name`.
    pub name: String,
    /// The login at the servers.
    pub auth: Auth,
    /// The users for those logins.
    pub accounts: Accounts,
    /// `[tls]`: the TLS settings for nodes that set nothing else; `None`: no TLS.
    pub tls: Option<Tls>,
    /// The server to run.
    pub server: ServerSettings,
    /// In file order; at least one; the names are unique, the `replicaof`s form trees with exactly
    /// one root.
    pub nodes: Vec<NodeSpec>,
    /// `[sentinel]`, if it exists.
    pub sentinel: Option<SentinelSettings>,
    /// `[hooks]`.
    pub hooks: hooks::Hooks,
}

/// `[sentinel]`.
#[derive(Debug, Clone)]
pub struct SentinelSettings {
    /// `name`: the Sentinels' name for the deployment; by default the deployment's own name.
    pub name: String,
    /// `user`: the user that replctl logs in as there; without it, the default user.
    pub user: Option<String>,
    /// `tls`, over `[tls]`.
    pub tls: Option<Tls>,
    /// `password` of the Sentinels themselves.
    pub password: Option<SecretSource>,
    /// One for each named Sentinel, called `sentinel@NODE` or `sentinel@HOST`. The other Sentinels
    /// are found through the nodes they watch.
    pub nodes: Vec<NodeSpec>,
    /// The settings of each for the deployment.
    pub rules: SentinelRules,
}

/// The settings of a Sentinel for a deployment, besides the address of its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentinelRules {
    /// `quorum`: how many must agree that the primary is down; by default more than half of
    /// `nodes`.
    pub quorum: u64,
    /// `down-after-milliseconds`: after this silence, the primary counts as down.
    pub down_after_ms: u64,
    /// `failover-timeout`, ms.
    pub failover_timeout_ms: u64,
    /// `parallel-syncs`: how many replicas are repointed at once.
    pub parallel_syncs: u64,
}

/// The login at the servers.
#[derive(Debug, Clone)]
pub enum Auth {
    /// An explicit `auth = "none"`, or a deployment only on loopback without a password.
    None,
    /// One password for clients and for replication.
    Password(SecretSource),
}

/// Where a secret comes from. The secret itself is read only when it is needed.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// The first line of a file that no other user may read.
    File(PathBuf),
    /// The first line of a command's standard output.
    Command(String),
    /// Asked on the terminal.
    Prompt,
    /// The inventory has it; allowed, with a warning.
    Inline(SecretString),
}

/// `[server]`.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// `source`.
    pub source: ServerSource,
    /// `directory`: `{directory}/{port}/{conf,logs,pid}` on each host. Absolute.
    pub directory: String,
    /// `databases`.
    pub databases: u32,
    /// `user`: the server's user if the login is root. Default `redis`.
    pub user: String,
    /// `[server] hostnames = true`: set host names and the managed `/etc/hosts` block.
    pub hostnames: bool,
}

/// One `[[node]]`, with everything merged into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// `name`.
    pub name: NodeName,
    /// `address` and `port` (default 6379).
    pub address: Address,
    /// Line and column, both from 1, of `address` in the file.
    pub line: (usize, usize),
    /// `announce`: the address for the other nodes and the clients, if it differs.
    pub announce: Option<Address>,
    /// `replicaof` (or `slaveof`): the first upstream; live roles win.
    pub replicaof: Option<NodeName>,
    /// `priority` (server directive `replica-priority`); `None`: the server's default of 100.
    pub priority: Option<u32>,
    /// How its host is reached.
    pub ssh: SshSettings,
    /// How its server is observed.
    pub via: Via,
    /// Its TLS settings; `None`: no TLS.
    pub tls: Option<Tls>,
    /// `managed`, `unit`, `config_file`: how its server is run.
    pub service: ServiceSettings,
    /// Directives of the server's own configuration: `[server.config]` overlaid by `[node.config]`.
    /// A directive that may stand more than once has several values.
    pub config: BTreeMap<String, Vec<String>>,
}

/// How a host is reached by SSH; `None` everywhere is what `~/.ssh/config` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SshSettings {
    /// Host to connect to; default: the node's address (looked up as a `Host` in `~/.ssh/config`).
    pub host: Option<String>,
    /// User.
    pub user: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// Identity files.
    pub identity_files: Vec<PathBuf>,
    /// `known_hosts` file instead of the user's.
    pub known_hosts: Option<PathBuf>,
    /// Become root with sudo: `Some(false)` never, `Some(true)` always, `None`: if the login is not
    /// root and sudo exists.
    pub sudo: Option<bool>,
    /// The way to the host.
    pub transport: Option<Transport>,
}

/// The way to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transport {
    /// The SSH that replctl carries.
    #[default]
    Builtin,
    /// The installed `ssh`.
    OpenSsh,
    /// Nothing: it is the operator's own machine.
    Local,
}

/// How a node's server is reached by the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Via {
    /// Directly. Over SSH if there is no route (or the address is the host's own loopback).
    #[default]
    Auto,
    /// Directly only.
    Direct,
    /// Always over SSH.
    Ssh,
}

impl Inventory {
    /// Allowed but unwise settings, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let auth = match &self.auth {
            Auth::Password(source) => Some(source),
            Auth::None => None,
        };
        let inline = [("password", auth), ("masterauth", self.accounts.masterauth.as_ref())]
            .into_iter()
            .filter(|(_, source)| matches!(source, Some(SecretSource::Inline(_))))
            .map(|(key, _)| {
                format!(
                    "the {key} of `{}` stands in {} itself; `{key} = {{ file = \"{0}.{key}\" }}` keeps it apart",
                    self.name,
                    self.path.display()
                )
            });
        inline.chain(tls::warnings(self)).collect()
    }

    /// The TLS settings for a server or Sentinel that is no node of the inventory: those of the
    /// Sentinels.
    pub fn tls_of_sentinels(&self) -> Option<&Tls> {
        match &self.sentinel {
            Some(settings) => settings.tls.as_ref(),
            None => self.tls.as_ref(),
        }
    }

    /// The source of each secret in the inventory.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretSource> {
        let of_servers = match &self.auth {
            Auth::Password(source) => Some(source),
            Auth::None => None,
        };
        let of_sentinels = self.sentinel.as_ref().and_then(|s| s.password.as_ref());
        let all = [of_servers, self.accounts.masterauth.as_ref(), of_sentinels];
        all.into_iter().flatten()
    }

    /// The node of that name, or the Sentinel.
    pub fn get(&self, name: &NodeName) -> Option<&NodeSpec> {
        let all = self.nodes.iter().chain(self.sentinels());
        all.into_iter().find(|n| n.name == *name)
    }

    /// The Sentinels that the inventory names.
    pub fn sentinels(&self) -> &[NodeSpec] {
        self.sentinel.as_ref().map_or(&[], |s| &s.nodes)
    }

    /// Whether that is the name of a Sentinel, not of a data node.
    pub fn is_sentinel(&self, name: &NodeName) -> bool {
        self.sentinels().iter().any(|n| n.name == *name)
    }
}

impl NodeSpec {
    /// The address the other nodes and the clients use.
    pub fn announced(&self) -> &Address {
        self.announce.as_ref().unwrap_or(&self.address)
    }
}
