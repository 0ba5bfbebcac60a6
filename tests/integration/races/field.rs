//! The servers of one case, on loopback, and their operators. Each operator has its own home and
//! state folder, and logs in as its own user, so the servers' logs tell who changed a role.

use crate::support::Deployment;
use crate::support::inventory::{InventoryText, write_password};
use crate::support::program::Replctl;
use crate::support::redis::Reply;
use crate::support::server::{Family, families};
use std::ops::Deref;
use std::time::Duration;

/// The families of the races; `families` reports missing ones.
pub const RACED: [&str; 6] = [
    "redis-6.0",
    "debian",
    "redis-8.0",
    "valkey",
    "valkey-9.1",
    "valkey-8.1",
];

/// The available families. Valkey 8.1 replaces 8.0 if that is missing.
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
    deployment: Deployment,
    /// The program that they run.
    pub family: Family,
}

impl Deref for Field {
    type Target = Deployment;

    fn deref(&self) -> &Deployment {
        &self.deployment
    }
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
        let all = Deployment::of(family).tree(parents);
        let deployment = all.directives(&directives).start();
        for server in &deployment.servers {
            server.client().command(&["CONFIG", "REWRITE"]);
        }
        deployment.whole(Duration::from_secs(20)).unwrap();
        Self {
            deployment,
            family: family.clone(),
        }
    }

    /// An operator on a separate machine. `hooked`: its copy of the inventory has a hook that
    /// sleeps for two seconds.
    pub fn operator(&self, user: &str, hooked: bool) -> Replctl<'static> {
        let folder = self.folder().join(user);
        std::fs::create_dir_all(&folder).unwrap();
        let secret = write_password(&folder, SECRET);
        let text = InventoryText::new("race")
            .password_file(&secret)
            .deployment(&format!("user = {user:?}"))
            .deployment("masteruser = \"repl\"")
            .deployment("masterauth = { env = \"LINK_SECRET\" }");
        let mut text = self.with_nodes(text);
        if hooked {
            text = text.raw("\n[hooks]\nbefore_promote = [\"sleep\", \"2\"]\n");
        }
        let operator = Replctl::new().inventory(&text.write(&folder));
        let state = operator.home().join("state");
        operator
            .env("XDG_STATE_HOME", state.to_str().unwrap())
            .env("LINK_SECRET", LINK_SECRET)
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

    /// The top of a node's chain; nothing in a circle or at a stranger.
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
