//! Deployments of servers that a test starts itself, each a replica of an earlier one: on loopback
//! or on a network that can be cut, without SSH. This file has everything that tests share about
//! them. `deployed.rs` has deployments that the program under test sets up on hosts.

use super::inventory::{InventoryText, NodeText};
use super::program::Replctl;
use super::redis::RawRedis;
use super::server::{Family, LocalServer};
use super::wire::Wire;
use super::{allowing_for_load, await_that};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The servers to start, and the upstream of each.
pub struct Wanted<'a> {
    family: &'a Family,
    names: Vec<String>,
    parents: Vec<usize>,
    directives: Box<dyn Fn(usize) -> Vec<&'a str> + 'a>,
    wire: Option<&'a Wire>,
    reached: Option<Vec<u16>>,
}

impl<'a> Wanted<'a> {
    /// Nodes with these names, which all follow the first.
    pub fn named(mut self, names: &[&str]) -> Self {
        self.names = names.iter().map(|n| (*n).to_owned()).collect();
        self.parents = vec![0; names.len() - 1];
        self
    }

    /// Nodes n0, n1, …: `parents[i]` is what node i + 1 follows.
    pub fn tree(mut self, parents: &[usize]) -> Self {
        self.names = (0..=parents.len()).map(|i| format!("n{i}")).collect();
        self.parents = parents.to_vec();
        self
    }

    /// Further directives of all.
    pub fn directives(self, lines: &'a [&'a str]) -> Self {
        self.directives_of(move |_| lines.to_vec())
    }

    /// Further directives of each.
    pub fn directives_of(mut self, of: impl Fn(usize) -> Vec<&'a str> + 'a) -> Self {
        self.directives = Box::new(of);
        self
    }

    /// Each at an address of its own in that network, if there is one.
    pub fn on(mut self, wire: Option<&'a Wire>) -> Self {
        self.wire = wire;
        self
    }

    /// The ports at which the others and the operator reach each: a TLS port, or one that leads to
    /// its own.
    pub fn reached_at(mut self, ports: &[u16]) -> Self {
        self.reached = Some(ports.to_vec());
        self
    }

    /// Starts them, and waits until every link is up.
    pub fn start(self) -> Deployment {
        let start = |i| match self.wire {
            Some(wire) => self.family.start_on(wire, &(self.directives)(i)),
            None => self.family.start(&(self.directives)(i)),
        };
        let servers: Vec<LocalServer> = (0..self.names.len()).map(start).collect();
        let own = servers.iter().map(|s| s.port).collect();
        let this = Deployment {
            servers,
            names: self.names,
            parents: self.parents,
            reached: self.reached.unwrap_or(own),
            folder: TempDir::new().unwrap(),
        };
        for (i, parent) in this.parents.iter().enumerate() {
            this.follow(i + 1, *parent);
        }
        this
    }
}

/// Servers of which each but the first replicates from one before it, and their inventory.
pub struct Deployment {
    /// In the order of their names; the first is the primary at the beginning.
    pub servers: Vec<LocalServer>,
    names: Vec<String>,
    /// What each followed at first; of node i + 1.
    pub parents: Vec<usize>,
    /// At which port each is reached.
    reached: Vec<u16>,
    folder: TempDir,
}

impl Deployment {
    /// What is to be started.
    pub fn of(family: &Family) -> Wanted<'_> {
        let all = Wanted {
            family,
            names: Vec::new(),
            parents: Vec::new(),
            directives: Box::new(|_| Vec::new()),
            wire: None,
            reached: None,
        };
        all.named(&super::trio::NAMES)
    }

    /// One more node, which follows that one; the inventory has it under the first.
    pub fn add(&mut self, name: &str, server: LocalServer, under: usize) {
        self.reached.push(server.port);
        self.servers.push(server);
        self.names.push(name.to_owned());
        self.parents.push(0);
        self.follow(self.servers.len() - 1, under);
    }

    /// Makes one a replica of another, and waits until the link is up.
    pub fn follow(&self, node: usize, upstream: usize) {
        let (ip, port) = (self.servers[upstream].ip(), self.reached[upstream]);
        let words = ["REPLICAOF", &ip.to_string(), &port.to_string()];
        let told = self.servers[node].client().command(&words);
        assert_eq!(told.text(), "OK");
        self.assert_under(node, upstream);
    }

    /// Their inventory, written anew.
    pub fn inventory(&self) -> PathBuf {
        self.inventory_of(InventoryText::new("orders"))
    }

    /// An inventory that says something of the deployment, with the nodes added.
    pub fn inventory_of(&self, text: InventoryText) -> PathBuf {
        self.with_nodes(text).write(self.folder.path())
    }

    /// That text with the nodes added.
    pub fn with_nodes(&self, text: InventoryText) -> InventoryText {
        let mut text = text.without_sudo();
        for (i, server) in self.servers.iter().enumerate() {
            // Nothing listens on port 1: these nodes have no SSH.
            let node = NodeText::new(&self.names[i], &server.ip().to_string())
                .port(self.reached[i])
                .ssh_port(1);
            text = text.node(match i.checked_sub(1) {
                None => node,
                Some(before) => node.replicaof(&self.names[self.parents[before]]),
            });
        }
        text
    }

    /// Who works on them.
    pub fn operator(&self) -> Replctl<'static> {
        Replctl::new().inventory(&self.inventory())
    }

    /// Where inventories and password files of theirs are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The servers and the folder, for who keeps them by other names.
    pub fn into_parts(self) -> (Vec<LocalServer>, TempDir) {
        (self.servers, self.folder)
    }

    /// The ports at which they are reached.
    pub fn ports(&self) -> Vec<u16> {
        self.reached.clone()
    }

    /// A connection, or nothing where it does not answer.
    pub fn client(&self, i: usize) -> Option<RawRedis> {
        let within = allowing_for_load(Duration::from_secs(2));
        self.servers[i].connect(within).ok()
    }

    /// What one says of its replication; empty where it does not answer.
    pub fn look(&self, i: usize) -> HashMap<String, String> {
        let asked = self.client(i).and_then(|mut client| {
            let reply = client.try_command(&["INFO", "replication"]).ok()?;
            (!reply.failed()).then(|| reply.text())
        });
        let text = asked.unwrap_or_default();
        let pairs = text.lines().filter_map(|l| l.trim_end().split_once(':'));
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    /// One field of a node's INFO replication. A Sentinel that changes a role closes all client
    /// connections of that node, so the call reconnects.
    ///
    /// # Panics
    /// When none of five connections answers.
    #[track_caller]
    pub fn info(&self, i: usize, field: &str) -> String {
        let info = (0..4).map(|_| self.look(i)).find(|info| !info.is_empty());
        let info = info.unwrap_or_else(|| self.servers[i].client().info("replication"));
        info.get(field).cloned().unwrap_or_default()
    }

    /// What one says it is: `master` or `slave`.
    #[track_caller]
    pub fn role(&self, i: usize) -> String {
        self.info(i, "role")
    }

    /// Full resyncs that were served, all together.
    pub fn full_resyncs(&self) -> u64 {
        let served = |s: &LocalServer| -> u64 {
            let info = s.client().info("stats");
            info["sync_full"].parse().unwrap()
        };
        self.servers.iter().map(served).sum()
    }

    /// Waits until all replicas are online. Their first acknowledgement comes a second after the
    /// link. A hand-over does not need it; tests that compare writers do.
    pub fn await_in_sync(&self) {
        let replicas = self.servers.len() - 1;
        await_that("the replicas online", Duration::from_secs(20), || {
            let mut servers = self.servers.iter();
            let primary = servers.find(|s| s.client().info("replication")["role"] == "master");
            primary.is_some_and(|p| {
                let info = p.client().info("replication");
                let online = |i: usize| {
                    info.get(&format!("slave{i}"))
                        .is_some_and(|s| s.contains("state=online"))
                };
                info["connected_slaves"] == replicas.to_string() && (0..replicas).all(online)
            })
        });
    }

    /// Asserts that `node` follows `upstream` with its link up.
    #[track_caller]
    pub fn assert_under(&self, node: usize, upstream: usize) {
        await_that("the replica to be linked", Duration::from_secs(20), || {
            let info = self.servers[node].client().info("replication");
            info["role"] == "slave"
                && info["master_port"] == self.reached[upstream].to_string()
                && info["master_link_status"] == "up"
        });
    }

    /// One primary, and the others follow it with their links up.
    #[track_caller]
    pub fn assert_primary(&self, i: usize) {
        assert_eq!(
            self.role(i),
            "master",
            "{} is not the primary",
            self.names[i]
        );
        for other in (0..self.servers.len()).filter(|o| *o != i) {
            self.assert_under(other, i);
        }
    }

    /// Those that say they are primaries.
    pub fn primaries(&self) -> Vec<usize> {
        let is = |i: &usize| self.look(*i).get("role").is_some_and(|r| r == "master");
        (0..self.servers.len()).filter(is).collect()
    }

    /// The upstream of each, by its own report; `None` for a primary.
    pub fn upstreams(&self) -> Vec<Option<usize>> {
        let of = |i: usize| {
            let look = self.look(i);
            let port = look.get("master_port")?.parse::<u16>().ok()?;
            (look.get("role")? == "slave").then(|| self.reached.iter().position(|p| *p == port))?
        };
        (0..self.servers.len()).map(of).collect()
    }

    /// Waits until there is one primary, all links are up, every chain ends at it, and every offset
    /// is the primary's; else returns what is wrong after `within`.
    pub fn whole(&self, within: Duration) -> Result<usize, String> {
        self.whole_but(&[], within)
    }

    /// The same of all but these.
    pub fn whole_but(&self, apart: &[usize], within: Duration) -> Result<usize, String> {
        let end = Instant::now() + within;
        loop {
            let wrong = match self.whole_now(apart) {
                Ok(primary) => return Ok(primary),
                Err(wrong) => wrong,
            };
            if Instant::now() > end {
                return Err(wrong);
            }
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    fn whole_now(&self, apart: &[usize]) -> Result<usize, String> {
        let counts = |i: &usize| !apart.contains(i);
        let primaries: Vec<usize> = self.primaries().into_iter().filter(counts).collect();
        let upstreams = self.upstreams();
        let [primary] = primaries[..] else {
            return Err(format!("primaries: {primaries:?}, upstreams {upstreams:?}"));
        };
        let offset = |i: usize, key: &str| -> u64 {
            let look = self.look(i);
            look.get(key).and_then(|v| v.parse().ok()).unwrap_or(0)
        };
        let wanted = offset(primary, "master_repl_offset");
        for i in (0..upstreams.len())
            .filter(counts)
            .filter(|i| *i != primary)
        {
            let mut at = i;
            for _ in 0..upstreams.len() {
                at = upstreams[at].unwrap_or(at);
            }
            if at != primary {
                return Err(format!(
                    "n{i} does not hang under n{primary}: {upstreams:?}"
                ));
            }
            if self.look(i).get("master_link_status").map(String::as_str) != Some("up") {
                return Err(format!("the link of n{i} is not up"));
            }
            if offset(i, "slave_repl_offset") < wanted {
                return Err(format!("n{i} is behind n{primary}"));
            }
        }
        Ok(primary)
    }
}
