//! The servers of one case: a random tree on loopback that keeps what it acknowledged on its disk.

use crate::support::inventory::InventoryText;
use crate::support::server::{Family, LocalServer};
use crate::support::wire::{OPERATOR, Wire};
use crate::support::{Deployment, Replctl, await_that};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

// A killed server comes back with every write it acknowledged: it is in the file before the answer
// is sent. Not `everysec`, which holds a write back while the one before it is being synced.
const DIRECTIVES: [&str; 6] = [
    "repl-backlog-size 32mb",
    "appendonly yes",
    "appendfsync no",
    "auto-aof-rewrite-percentage 0",
    // Links that are silent are seen to be down after this many seconds; a host that lost power
    // takes longer to be back, as it does beside the default of a minute.
    "repl-timeout 4",
    "repl-ping-replica-period 1",
];

/// Servers in a tree; names are n0, n1, …; n0 is the first primary.
pub struct Crew<'a> {
    deployment: Deployment,
    /// Where they are, if it is a network that can be cut.
    pub wire: Option<&'a Wire>,
}

impl Deref for Crew<'_> {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.deployment
    }
}

impl DerefMut for Crew<'_> {
    fn deref_mut(&mut self) -> &mut Deployment {
        &mut self.deployment
    }
}

impl<'a> Crew<'a> {
    /// Starts a tree: `parents[i]` is what node i + 1 follows.
    pub fn start(family: &Family, parents: &[usize], wire: Option<&'a Wire>) -> Self {
        let all = Deployment::of(family).tree(parents).directives(&DIRECTIVES);
        let deployment = all.on(wire).start();
        for server in &deployment.servers {
            server.client().command(&["CONFIG", "REWRITE"]);
        }
        let crew = Self { deployment, wire };
        // A replica that got a copy writes nothing to its disk until it has begun its file anew.
        crew.rest();
        crew
    }

    /// Who operates it.
    pub fn operator(&self) -> Replctl<'a> {
        let operator = self.wire.map_or_else(Replctl::new, Replctl::on_wire);
        operator.inventory(&self.inventory_of(InventoryText::new("soak")))
    }

    /// The address of a node; that of the operator and the clients beyond the last.
    pub fn ip(&self, i: usize) -> Ipv4Addr {
        match self.servers.get(i).map(LocalServer::ip) {
            Some(IpAddr::V4(ip)) => ip,
            Some(IpAddr::V6(_)) | None => OPERATOR,
        }
    }

    /// Whether a server rewrites its data now. Some versions do not start from the files of a
    /// rewrite that was killed.
    fn rewrites(&self, i: usize) -> bool {
        let reply = self
            .client(i)
            .and_then(|mut c| c.try_command(&["INFO", "persistence"]).ok());
        let text = reply.map(|r| r.text()).unwrap_or_default();
        [
            "aof_rewrite_in_progress:1",
            "aof_rewrite_scheduled:1",
            "rdb_bgsave_in_progress:1",
        ]
        .iter()
        .any(|sign| text.contains(sign))
    }

    /// Waits until no server rewrites its data.
    fn rest(&self) {
        await_that("all to be at rest", Duration::from_secs(20), || {
            !(0..self.servers.len()).any(|i| self.rewrites(i))
        });
    }

    /// Ends all servers at once and starts them again from their files.
    pub fn power_cycle(&mut self) {
        self.rest();
        self.servers.iter().for_each(LocalServer::kill9);
        for server in &mut self.servers {
            server.restart();
        }
        await_that("all to answer", Duration::from_secs(10), || {
            (0..self.servers.len()).all(|i| !self.look(i).is_empty())
        });
    }
}

/// A node's name.
pub fn name(i: usize) -> String {
    format!("n{i}")
}
