//! The servers of one case, on loopback, and the operators who work on them: each has a home and a
//! state folder of its own and logs in as a user of its own, so that the servers' logs tell who
//! changed a role.

use crate::support::inventory::{InventoryText, NodeText, write_password};
use crate::support::program::Replctl;
use crate::support::redis::{RawRedis, Reply};
use crate::support::server::{Family, LocalServer, families};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The families that are raced on; what cannot be had is told by `families`.
pub const RACED: [&str; 6] = [
    "redis-6.0",
    "debian",
    "redis-8.0",
    "valkey",
    "valkey-9.1",
    "valkey-8.1",
];

/// Those that can be had. Valkey 8.1 stands in where 8.0 cannot be had.
pub fn raced() -> Vec<&'static Family> {
    let found: Vec<&Family> = RACED
        .iter()
        .filter_map(|name| families().iter().find(|f| f.name == *name))
        .collect();
    let has_8_0 = found.iter().any(|f| f.name == "valkey");
    let kept = found
        .into_iter()
        .filter(|f| !(has_8_0 && f.name == "valkey-8.1"));
    kept.collect()
}

/// Who logs in by which name at the servers.
pub const FIRST: &str = "first";
/// The other one.
pub const SECOND: &str = "second";
/// What operators log in with.
const SECRET: &str = "hush-operators";
/// What replicas log in with.
const LINK_SECRET: &str = "hush-replicas";

/// A node's name.
pub fn name(i: usize) -> String {
    format!("n{i}")
}

/// What a server says it is, by ROLE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A primary.
    Primary,
    /// A replica of the server at that port.
    Of(u16),
}

/// The servers.
pub struct Field {
    /// In the order of their names.
    pub servers: Vec<LocalServer>,
    /// What each followed at first; of node i + 1.
    pub parents: Vec<usize>,
    /// The program that they run.
    pub family: Family,
    folder: TempDir,
}

impl Field {
    /// Starts them: `parents[i]` is what node i + 1 follows.
    pub fn start(family: &Family, parents: &[usize]) -> Self {
        let channels = if family.name == "redis-6.0" {
            ""
        } else {
            " &*"
        };
        let users = [FIRST, SECOND].map(|u| format!("user {u} on >{SECRET} ~*{channels} +@all"));
        let link = format!("user repl on >{LINK_SECRET} -@all +ping +psync +replconf");
        let auth = format!("masterauth {LINK_SECRET}");
        let mut directives = vec!["repl-backlog-size 64mb", &users[0], &users[1], &link];
        directives.extend(["masteruser repl", &auth]);
        // Valkey keeps the user's name out of its log otherwise.
        if family.name.starts_with("valkey") {
            directives.push("hide-user-data-from-log no");
        }
        if family.name != "redis-6.0" {
            directives.push("enable-debug-command yes");
        }
        let start = |_| family.start(&directives);
        let servers: Vec<LocalServer> = (0..=parents.len()).map(start).collect();
        for (i, parent) in parents.iter().enumerate() {
            servers[i + 1].follow(&servers[*parent]);
        }
        for server in &servers {
            server.client().command(&["CONFIG", "REWRITE"]);
        }
        let this = Self {
            servers,
            parents: parents.to_vec(),
            family: family.clone(),
            folder: TempDir::new().unwrap(),
        };
        this.whole(Duration::from_secs(20)).unwrap();
        this
    }

    /// An operator with a machine of its own. `hooked`: its copy of the inventory has a hook that
    /// sleeps for two seconds.
    pub fn operator(&self, user: &str, hooked: bool) -> Replctl<'static> {
        let folder = self.folder.path().join(user);
        std::fs::create_dir_all(&folder).unwrap();
        let secret = write_password(&folder, SECRET);
        let mut text = InventoryText::new("race")
            .without_sudo()
            .password_file(&secret)
            .deployment(&format!("user = {user:?}"))
            .deployment("masteruser = \"repl\"")
            .deployment("masterauth = { env = \"LINK_SECRET\" }");
        for (i, server) in self.servers.iter().enumerate() {
            // Nothing listens on port 1: these nodes have no SSH.
            let node = NodeText::new(&name(i), "127.0.0.1")
                .port(server.port)
                .ssh_port(1);
            text = text.node(match i.checked_sub(1) {
                None => node,
                Some(before) => node.replicaof(&name(self.parents[before])),
            });
        }
        if hooked {
            text = text.raw("\n[hooks]\nbefore_promote = [\"sleep\", \"2\"]\n");
        }
        let operator = Replctl::new().inventory(&text.write(&folder));
        let state = operator.home().join("state");
        operator
            .env("XDG_STATE_HOME", state.to_str().unwrap())
            .env("LINK_SECRET", LINK_SECRET)
    }

    /// A connection, or nothing where it does not answer.
    pub fn client(&self, i: usize) -> Option<RawRedis> {
        self.servers[i].connect(Duration::from_secs(5)).ok()
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

    /// The role of one by ROLE.
    ///
    /// # Panics
    /// When it does not answer: nothing here ends a server.
    pub fn role(&self, i: usize) -> Role {
        let told = self.servers[i].client().command(&["ROLE"]).items();
        if told[0].text() == "master" {
            return Role::Primary;
        }
        let Reply::Integer(port) = told[2] else {
            panic!("no port in {told:?}")
        };
        Role::Of(u16::try_from(port).unwrap_or(0))
    }

    /// The roles of all.
    pub fn roles(&self) -> Vec<Role> {
        (0..self.servers.len()).map(|i| self.role(i)).collect()
    }

    /// Which node has that port.
    pub fn at(&self, port: u16) -> Option<usize> {
        self.servers.iter().position(|s| s.port == port)
    }

    /// Those that say they are primaries.
    pub fn primaries(&self) -> Vec<usize> {
        let roles = self.roles();
        let all = roles.iter().enumerate();
        all.filter(|(_, role)| **role == Role::Primary)
            .map(|(i, _)| i)
            .collect()
    }

    /// One primary, all links up, every way up ends at it, every offset the primary's; else what is
    /// wrong after `within`.
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
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    fn whole_now(&self, apart: &[usize]) -> Result<usize, String> {
        let roles = self.roles();
        let counts = |i: &usize| !apart.contains(i);
        let primaries: Vec<usize> = (0..roles.len())
            .filter(|i| roles[*i] == Role::Primary)
            .filter(counts)
            .collect();
        let [primary] = primaries[..] else {
            return Err(format!("primaries {primaries:?}, roles {roles:?}"));
        };
        let offset = |i: usize, key: &str| -> u64 {
            let look = self.look(i);
            look.get(key).and_then(|v| v.parse().ok()).unwrap_or(0)
        };
        let wanted = offset(primary, "master_repl_offset");
        for i in (0..roles.len()).filter(counts).filter(|i| *i != primary) {
            if self.root(&roles, i) != Some(primary) {
                return Err(format!("n{i} does not hang under n{primary}: {roles:?}"));
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

    /// Where the way up from a node ends; nothing in a circle or at a stranger.
    pub fn root(&self, roles: &[Role], i: usize) -> Option<usize> {
        let mut at = i;
        for _ in 0..=roles.len() {
            match roles[at] {
                Role::Primary => return Some(at),
                Role::Of(port) => at = self.at(port)?,
            }
        }
        None
    }

    /// The role that a node's file gives it.
    pub fn written(&self, i: usize) -> Role {
        let text = std::fs::read_to_string(self.servers[i].config_file()).unwrap();
        let line = text.lines().find_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [key, _, port] = words[..] else {
                return None;
            };
            (key == "replicaof" || key == "slaveof").then(|| port.parse().unwrap_or(0))
        });
        line.map_or(Role::Primary, Role::Of)
    }
}
