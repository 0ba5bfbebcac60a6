//! A primary with two replicas on loopback, without any SSH.

use super::await_that;
use super::inventory::{InventoryText, NodeText};
use super::program::Replctl;
use super::server::{Family, LocalServer};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Their names: those of the tutorial, which are no roles.
pub const NAMES: [&str; 3] = ["master", "slave1", "slave2"];
/// Enough for the replicas to stay partial while the test machine is busy with other things.
pub const BACKLOG: &str = "repl-backlog-size 64mb";

/// A primary with two replicas on loopback, without any SSH.
pub struct Trio {
    /// In the order of their names.
    pub servers: Vec<LocalServer>,
    folder: TempDir,
}

impl Trio {
    /// Starts them; the first is the primary.
    pub fn start(family: &Family, directives: &[&str]) -> Self {
        let servers: Vec<LocalServer> = NAMES.iter().map(|_| family.start(directives)).collect();
        for replica in &servers[1..] {
            replica.follow(&servers[0]);
        }
        let this = Self {
            servers,
            folder: TempDir::new().unwrap(),
        };
        this.await_in_sync();
        this
    }

    /// The first acknowledgement of a fresh replica comes a second after its link; a hand-over does
    /// not need it, writers that are compared do.
    pub fn await_in_sync(&self) {
        await_that("two online replicas", Duration::from_secs(20), || {
            let primary = self
                .servers
                .iter()
                .find(|s| s.client().info("replication")["role"] == "master");
            primary.is_some_and(|p| {
                let info = p.client().info("replication");
                info["connected_slaves"] == "2"
                    && ["slave0", "slave1"]
                        .iter()
                        .all(|s| info[*s].contains("state=online"))
            })
        });
    }

    /// Their inventory, written anew.
    pub fn inventory(&self) -> PathBuf {
        self.inventory_of(InventoryText::new("orders"))
    }

    /// An inventory that says something of the deployment, with the three nodes added.
    pub fn inventory_of(&self, text: InventoryText) -> PathBuf {
        let mut text = text.without_sudo();
        for (name, server) in NAMES.iter().zip(&self.servers) {
            // Nothing listens on port 1: these nodes have no SSH.
            let node = NodeText::new(name, "127.0.0.1")
                .port(server.port)
                .ssh_port(1);
            text = text.node(if *name == NAMES[0] {
                node
            } else {
                node.replicaof(NAMES[0])
            });
        }
        text.write(self.folder.path())
    }

    /// Who works on them.
    pub fn operator(&self) -> Replctl<'static> {
        Replctl::new().inventory(&self.inventory())
    }

    /// Where inventories and password files of theirs are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Their ports.
    pub fn ports(&self) -> Vec<u16> {
        self.servers.iter().map(|s| s.port).collect()
    }

    /// What one says it is: `master` or `slave`.
    pub fn role(&self, i: usize) -> String {
        self.servers[i].client().info("replication")["role"].clone()
    }

    /// One primary, and the others follow it with their links up.
    pub fn assert_primary(&self, i: usize) {
        assert_eq!(self.role(i), "master", "{} is not the primary", NAMES[i]);
        for other in (0..3).filter(|o| *o != i) {
            await_that("the replicas to be linked", Duration::from_secs(10), || {
                let info = self.servers[other].client().info("replication");
                info["role"] == "slave"
                    && info["master_port"] == self.servers[i].port.to_string()
                    && info["master_link_status"] == "up"
            });
        }
    }
}
