//! The paths of one node on its host: the tutorial's `{directory}/{port}/{conf,logs,pid}`, and the
//! servers beside it.

use crate::inventory::{Inventory, NodeSpec};

/// The name of the old link that all servers of a host shared.
const SHARED: &str = "current";

/// Whether a command starts a server through the old shared link.
pub fn starts_by_shared_link(command: &str) -> bool {
    command.contains("/server/current/redis-server ")
}

/// The places of one node, or of one Sentinel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    directory: String,
    port: u16,
    /// The base of its file names.
    word: &'static str,
    /// It starts through the old link that all servers of its host shared.
    shared: bool,
}

impl Paths {
    /// The paths under `directory` (absolute) for the server on `port`.
    pub fn new(directory: &str, port: u16) -> Self {
        let trimmed = directory.trim_end_matches('/');
        Self {
            directory: trimmed.to_owned(),
            port,
            word: "redis",
            shared: false,
        }
    }

    /// The places of `node`, which may be a Sentinel.
    pub fn of(inventory: &Inventory, node: &NodeSpec) -> Self {
        let paths = Self::new(&inventory.server.directory, node.address.port);
        let word = if inventory.is_sentinel(&node.name) {
            "sentinel"
        } else {
            paths.word
        };
        Self { word, ..paths }
    }

    /// The deployment's directory, as in the inventory.
    pub fn root(&self) -> &str {
        &self.directory
    }

    /// The folders above the deployment's directory, parents first, without `/`.
    pub fn above(&self) -> Vec<String> {
        let ends = self.directory.match_indices('/').map(|(at, _)| at);
        ends.filter(|at| *at > 0)
            .map(|at| self.directory[..at].to_owned())
            .collect()
    }

    /// `{directory}/{port}`: the data directory.
    pub fn data(&self) -> String {
        format!("{}/{}", self.directory, self.port)
    }

    /// `{directory}/{port}/{conf,logs,pid}`, each below [`Paths::data`].
    pub fn below(&self) -> [String; 3] {
        ["conf", "logs", "pid"].map(|name| format!("{}/{name}", self.data()))
    }

    /// The configuration file.
    pub fn config(&self) -> String {
        format!("{}/conf/{}.cnf", self.data(), self.word)
    }

    /// `conf/{name}`: a file beside the configuration.
    pub fn beside(&self, name: &str) -> String {
        format!("{}/conf/{name}", self.data())
    }

    /// The log file, unless the inventory says otherwise.
    pub fn log(&self) -> String {
        format!("{}/logs/{}_{}.log", self.data(), self.word, self.port)
    }

    /// The pid file.
    pub fn pid(&self) -> String {
        format!("{}/pid/{}_{}.pid", self.data(), self.word, self.port)
    }

    /// `dbfilename`, without a directory.
    pub fn dump_name(&self) -> String {
        format!("redis_{}.rdb", self.port)
    }

    /// `{directory}/server`: the server programs, side by side.
    pub fn servers(&self) -> String {
        format!("{}/server", self.directory)
    }

    /// The link that its unit starts, so a change of version changes only this link. Each node has
    /// its own link: another version beside it changes nothing for this node.
    pub fn current(&self) -> String {
        if self.shared {
            return self.shared_link();
        }
        format!("{}/server/current-{}", self.directory, self.port)
    }

    /// The old link that all servers of a host shared.
    pub fn shared_link(&self) -> String {
        format!("{}/server/{SHARED}", self.directory)
    }

    /// The paths of the same node, if it starts through the old link.
    #[must_use]
    pub fn by_shared_link(self) -> Self {
        Self {
            shared: true,
            ..self
        }
    }

    /// The program that is started.
    pub fn program(&self) -> String {
        format!("{}/redis-server", self.current())
    }

    /// The name of the systemd unit.
    pub fn unit(&self) -> String {
        match self.word {
            "redis" => format!("replctl-{}.service", self.port),
            word => format!("replctl-{word}-{}.service", self.port),
        }
    }
}
