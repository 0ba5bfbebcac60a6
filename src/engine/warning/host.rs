//! Hosts, and the servers on them, as `setup` finds them. Pure.

use super::Matter;
use crate::topology::{Address, NodeName, Version};

/// Hosts, and the servers on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// Its clock is ahead of this machine's by so many seconds; less than 0: behind.
    Clock(i64),
    /// The node runs a program other than the one that is brought.
    OtherProgram {
        /// What runs.
        runs: Version,
        /// Who brings one, in words.
        brings: &'static str,
        /// What is brought.
        program: String,
    },
    /// The node is started by a link that the servers of its host share.
    SharedLink(String),
    /// Nothing starts it when its host boots.
    NotAtBoot(Boot, NoStart),
    /// The host has less memory than the node may take, bytes.
    Memory {
        /// What is there.
        available: u64,
        /// What it may take.
        wanted: u64,
    },
    /// `vm.overcommit_memory` is 0.
    Overcommit,
    /// Transparent huge pages are on.
    HugePages,
    /// A server of the deployment runs there that the inventory lacks.
    Neighbour(Box<Neighbour>),
    /// It could not be tested whether the server takes the inventory's directives.
    Untried {
        /// On these nodes.
        nodes: Vec<NodeName>,
        /// Why.
        why: String,
    },
    /// The node's upstream does not lead to the primary: its address, and why in words.
    Astray(Address, String),
    /// The node is attached to the first, because the second does not lead there.
    Attached(NodeName, NodeName),
}

/// What is not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boot {
    /// The server of a node.
    Server,
    /// A Sentinel.
    Sentinel,
}

/// Why nothing starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoStart {
    /// The host has neither systemd nor rc.local.
    NoPlace,
    /// This user is not root there.
    NotRoot(String),
}

/// A server that the inventory lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The deployment.
    pub deployment: String,
    /// Its port.
    pub port: u16,
    /// The address of the host.
    pub at: String,
    /// The command that ends it.
    pub end: String,
}

impl From<Host> for Matter {
    fn from(it: Host) -> Self {
        Self::Host(it)
    }
}

impl Host {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Clock(_) => "clock",
            Self::OtherProgram { .. } => "other-version",
            Self::SharedLink(_) => "shared-link",
            Self::NotAtBoot(..) => "not-at-boot",
            Self::Memory { .. } => "little-memory",
            Self::Overcommit => "overcommit",
            Self::HugePages => "huge-pages",
            Self::Neighbour(_) => "unlisted-server",
            Self::Untried { .. } => "directives-untried",
            Self::Astray(..) => "astray",
            Self::Attached(..) => "attached-elsewhere",
        }
    }

    pub(super) fn nodes(&self) -> &[NodeName] {
        match self {
            Self::Untried { nodes, .. } => nodes,
            Self::Clock(_)
            | Self::OtherProgram { .. }
            | Self::SharedLink(_)
            | Self::NotAtBoot(..)
            | Self::Memory { .. }
            | Self::Overcommit
            | Self::HugePages
            | Self::Neighbour(_)
            | Self::Astray(..)
            | Self::Attached(..) => &[],
        }
    }

    pub(super) fn text(&self, node: &str) -> String {
        match self {
            Self::Clock(ahead) => {
                let direction = if *ahead > 0 { "ahead of" } else { "behind" };
                format!(
                    "the clock of `{node}` is {} s {direction} this machine's",
                    ahead.unsigned_abs()
                )
            }
            Self::OtherProgram {
                runs,
                brings,
                program,
            } => format!(
                "`{node}` runs {runs}, and {brings} {program}: setup does not replace a running server"
            ),
            Self::SharedLink(link) => format!(
                "`{node}` is started by {link}, which all servers of its host had together; it gets a link of its own when setup starts it the next time: until then leave {link} as it is"
            ),
            Self::NotAtBoot(what, why) => {
                let what = match what {
                    Boot::Server => format!("the server of `{node}`"),
                    Boot::Sentinel => format!("`{node}`"),
                };
                let why = match why {
                    NoStart::NoPlace => "it has neither systemd nor /etc/rc.local".to_owned(),
                    NoStart::NotRoot(user) => format!("`{user}` is not root there"),
                };
                format!("nothing starts {what} when its host boots: {why}")
            }
            Self::Memory { available, wanted } => format!(
                "the host of `{node}` has {} MB of memory available, less than the {} MB it may take",
                available >> 20,
                wanted >> 20
            ),
            Self::Overcommit => format!(
                "the host of `{node}` has vm.overcommit_memory 0: saving can fail when memory is short (sysctl vm.overcommit_memory=1)"
            ),
            Self::HugePages => format!(
                "the host of `{node}` has transparent huge pages on: saving then costs memory and time"
            ),
            Self::Neighbour(_) | Self::Untried { .. } | Self::Astray(..) | Self::Attached(..) => {
                self.of_servers(node)
            }
        }
    }

    fn of_servers(&self, node: &str) -> String {
        match self {
            Self::Neighbour(other) => {
                let Neighbour {
                    deployment,
                    port,
                    at,
                    end,
                } = &**other;
                format!(
                    "a server of `{deployment}` runs on port {port} of the host of `{node}`, and the inventory has no node there: it goes on as it is, and no operation sees it. \
                     If `port` of `{node}` was changed, this one is its old server; {end}; to keep it: replctl add NAME --address {at}:{port}"
                )
            }
            Self::Untried { nodes, why } => {
                let nodes: Vec<String> = nodes.iter().map(|n| format!("`{n}`")).collect();
                format!(
                    "whether the server of {} takes the directives of the inventory's `config` is not known before it is started: {why}",
                    nodes.join(", ")
                )
            }
            Self::Astray(at, why) => format!(
                "`{node}` replicates from {at}, {why}; it is left as it is: see replctl status"
            ),
            Self::Attached(to, wished) => {
                format!("`{node}` is attached to `{to}`, because `{wished}` does not lead there")
            }
            Self::Clock(_)
            | Self::OtherProgram { .. }
            | Self::SharedLink(_)
            | Self::NotAtBoot(..)
            | Self::Memory { .. }
            | Self::Overcommit
            | Self::HugePages => String::new(),
        }
    }
}
