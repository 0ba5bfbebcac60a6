//! The servers of one case: a random tree on loopback that keeps what it acknowledged on its disk.

use crate::support::inventory::{InventoryText, NodeText};
use crate::support::redis::RawRedis;
use crate::support::server::{Family, LocalServer};
use crate::support::wire::{OPERATOR, Wire};
use crate::support::{Replctl, await_that};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Servers in a tree; names are n0, n1, …; n0 is the first primary.
pub struct Crew<'a> {
    /// In the order of their names.
    pub servers: Vec<LocalServer>,
    /// Where they are, if it is a network that can be cut.
    pub wire: Option<&'a Wire>,
    folder: TempDir,
}

impl<'a> Crew<'a> {
    /// Starts a tree: `parents[i]` is what node i + 1 follows.
    pub fn start(family: &Family, parents: &[usize], wire: Option<&'a Wire>) -> Self {
        // A killed server comes back with every write it acknowledged: it is in the file before the
        // answer is sent. Not `everysec`, which holds a write back while the one before it is being
        // synced.
        let directives = [
            "repl-backlog-size 32mb",
            "appendonly yes",
            "appendfsync no",
            "auto-aof-rewrite-percentage 0",
            // Links that are silent are seen to be down after this many seconds; a host that lost
            // power takes longer to be back, as it does beside the default of a minute.
            "repl-timeout 4",
            "repl-ping-replica-period 1",
        ];
        let servers: Vec<LocalServer> = (0..=parents.len())
            .map(|_| match wire {
                Some(wire) => family.start_on(wire, &directives),
                None => family.start(&directives),
            })
            .collect();
        for (i, parent) in parents.iter().enumerate() {
            servers[i + 1].follow(&servers[*parent]);
        }
        for server in &servers {
            server.client().command(&["CONFIG", "REWRITE"]);
        }
        let crew = Self {
            servers,
            wire,
            folder: TempDir::new().unwrap(),
        };
        // A replica that got a copy writes nothing to its disk until it has begun its file anew.
        crew.rest();
        crew
    }

    /// Who operates it.
    pub fn operator(&self, parents: &[usize]) -> Replctl<'a> {
        let operator = self.wire.map_or_else(Replctl::new, Replctl::on_wire);
        operator.inventory(&self.inventory(parents))
    }

    /// The address of a node; that of the operator and the clients beyond the last.
    pub fn ip(&self, i: usize) -> Ipv4Addr {
        match self.servers.get(i).map(LocalServer::ip) {
            Some(IpAddr::V4(ip)) => ip,
            Some(IpAddr::V6(_)) | None => OPERATOR,
        }
    }

    /// Their inventory.
    fn inventory(&self, parents: &[usize]) -> PathBuf {
        let mut text = InventoryText::new("soak").without_sudo();
        for (i, server) in self.servers.iter().enumerate() {
            // Nothing listens on port 1: these nodes have no SSH.
            let node = NodeText::new(&name(i), &server.ip().to_string())
                .port(server.port)
                .ssh_port(1);
            text = text.node(match i.checked_sub(1) {
                None => node,
                Some(before) => node.replicaof(&name(parents[before])),
            });
        }
        text.write(self.folder.path())
    }

    /// A connection, or nothing where it does not answer.
    pub fn client(&self, i: usize) -> Option<RawRedis> {
        self.servers[i].connect(Duration::from_secs(2)).ok()
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

    /// Those that say they are primaries.
    pub fn primaries(&self) -> Vec<usize> {
        let is = |i: &usize| self.look(*i).get("role").is_some_and(|r| r == "master");
        (0..self.servers.len()).filter(is).collect()
    }

    /// Whom each follows, by its own word; `None` for a primary.
    pub fn upstreams(&self) -> Vec<Option<usize>> {
        let of = |i: usize| {
            let look = self.look(i);
            let port = look.get("master_port")?.parse::<u16>().ok()?;
            (look.get("role")? == "slave")
                .then(|| self.servers.iter().position(|s| s.port == port))?
        };
        (0..self.servers.len()).map(of).collect()
    }

    /// One primary, all links up, every way up ends at it, every offset the primary's; else what is
    /// wrong after `within`.
    pub fn whole(&self, within: Duration) -> Result<usize, String> {
        let end = Instant::now() + within;
        loop {
            let wrong = match self.whole_now() {
                Ok(primary) => return Ok(primary),
                Err(wrong) => wrong,
            };
            if Instant::now() > end {
                return Err(wrong);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn whole_now(&self) -> Result<usize, String> {
        let primaries = self.primaries();
        let [primary] = primaries[..] else {
            return Err(format!(
                "primaries: {primaries:?}, upstreams {:?}",
                self.upstreams()
            ));
        };
        let upstreams = self.upstreams();
        let offset = |i: usize, key: &str| {
            let look = self.look(i);
            look.get(key)
                .and_then(|v| v.parse::<u64>().ok())
                .unwrap_or(0)
        };
        let wanted = offset(primary, "master_repl_offset");
        for i in (0..self.servers.len()).filter(|i| *i != primary) {
            let mut at = i;
            for _ in 0..self.servers.len() {
                at = upstreams[at].unwrap_or(at);
            }
            if at != primary {
                return Err(format!(
                    "n{i} does not hang under n{primary}: {upstreams:?}"
                ));
            }
            if self
                .look(i)
                .get("master_link_status")
                .is_none_or(|l| l != "up")
            {
                return Err(format!("the link of n{i} is not up"));
            }
            if offset(i, "slave_repl_offset") < wanted {
                return Err(format!("n{i} is behind n{primary}"));
            }
        }
        Ok(primary)
    }

    /// Whether a server writes its data anew: killed in the midst of that, some versions do not
    /// start from what they left.
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

    /// Waits until no server writes its data anew.
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
