//! The steps on one host: user, directories, server, files, unit; and the start. Each has what puts
//! it back, limited to what this run makes.

mod certificates;
mod directories;
mod program;

use super::{ANSWER_MS, Look, Wiring};
use crate::actions::Action;
use crate::actions::host::{HostAction, Launch};
use crate::actions::server::ServerAction;
use crate::config::server::{Rendered, Supervision, render};
use crate::config::{Paths, block, unit};
use crate::engine::{Step, Undo};
use crate::inventory::NodeSpec;
use crate::inventory::address::is_literal;
use crate::plan::facts::{ConfigFile, HostFacts};
use crate::topology::{Address, NodeName, PersistedRole};
use HostAction as Do;

/// The steps of one host, with the facts they come from.
pub struct Host<'a> {
    look: &'a Look<'a>,
    node: &'a NodeSpec,
    facts: &'a HostFacts,
    paths: Paths,
    /// In order.
    pub steps: Vec<Step>,
}

/// Who the server runs as.
pub(super) fn owner<'a>(look: &'a Look<'_>, facts: &'a HostFacts) -> &'a str {
    if facts.root {
        &look.inventory.server.user
    } else {
        &facts.login
    }
}

/// How the server is kept running there.
pub fn supervision(facts: &HostFacts) -> Supervision {
    if facts.systemd && facts.root {
        Supervision::Systemd
    } else {
        Supervision::Daemon
    }
}

/// Where all of a node lies as it is now: what runs by the link that all had together keeps it
/// until it is started anew.
pub(super) fn paths(look: &Look<'_>, node: &NodeSpec, facts: &HostFacts) -> Paths {
    let paths = Paths::of(look.inventory, node);
    if facts.by_shared_link(node.address.port) {
        paths.by_shared_link()
    } else {
        paths
    }
}

/// The file this node is to have, with the role it has or gets.
pub(super) fn wanted_config(
    look: &Look<'_>,
    wiring: &Wiring,
    node: &NodeSpec,
    facts: &HostFacts,
) -> (Rendered, Option<Address>) {
    let upstream = wiring
        .upstream
        .get(&node.name)
        .and_then(|u| look.inventory.get(u))
        .map(|u| u.announced().clone());
    let rendered = render(look.inventory, node, supervision(facts), upstream.as_ref());
    (rendered, upstream)
}

/// Everything before the start; of a running node only what does not touch its server.
pub(super) fn prepare(look: &Look<'_>, wiring: &Wiring, node: &NodeSpec) -> Vec<Step> {
    let Some(facts) = look.facts(&node.name) else {
        return Vec::new();
    };
    let mut host = Host::new(look, node, facts);
    if wiring.starts.contains(&node.name) {
        host.program();
        host.certificates();
        host.config(wiring);
    } else {
        host.protect();
        host.new_certificates();
    }
    host.at_boot();
    host.names();
    host.steps
}

/// What has to be built for a node that is started.
pub(super) fn build(look: &Look<'_>, name: &NodeName) -> Vec<Step> {
    let (Some(node), Some(facts)) = (look.inventory.get(name), look.facts(name)) else {
        return Vec::new();
    };
    let mut host = Host::new(look, node, facts);
    host.build();
    host.steps
}

/// The start of one node.
pub(super) fn start(look: &Look<'_>, name: &NodeName) -> Vec<Step> {
    let Some(node) = look.inventory.get(name) else {
        return Vec::new();
    };
    vec![
        start_step(look, node),
        Step::new(
            name,
            Action::Server(ServerAction::AwaitAnswer {
                within_ms: ANSWER_MS,
            }),
            Undo::Nothing,
        ),
    ]
}

/// The start alone.
pub fn start_step(look: &Look<'_>, node: &NodeSpec) -> Step {
    let launch = Launch::new(look.inventory, node);
    Step::new(
        &node.name,
        Action::Host(Do::StartServer(launch.clone())),
        Undo::By(Action::Host(Do::StopServer(launch))),
    )
}

impl<'a> Host<'a> {
    /// No step yet.
    pub fn new(look: &'a Look<'a>, node: &'a NodeSpec, facts: &'a HostFacts) -> Self {
        Self {
            look,
            node,
            facts,
            paths: paths(look, node, facts),
            steps: Vec::new(),
        }
    }
}

impl Host<'_> {
    /// The user, the directories and the program. It is about to be started: from now on by a link
    /// of its own.
    pub fn program(&mut self) {
        self.paths = Paths::of(self.look.inventory, self.node);
        self.user();
        self.directories();
        self.server();
    }

    /// A file that is not there yet.
    pub fn first_config(&mut self, text: String) {
        let path = self.paths.config();
        let owner = self.owner();
        let undo = Do::RemoveConfig { path: path.clone() };
        self.add(Do::WriteConfig { path, text, owner }, Some(undo));
    }

    fn add(&mut self, action: HostAction, undo: Option<HostAction>) {
        let undo = undo.map_or(Undo::Nothing, |u| Undo::By(Action::Host(u)));
        let step = Step::new(&self.node.name, Action::Host(action), undo);
        self.steps.push(step);
    }

    fn owner(&self) -> String {
        owner(self.look, self.facts).to_owned()
    }

    fn user(&mut self) {
        if self.facts.root && self.facts.owner_uid.is_none() {
            let user = self.owner();
            let undo = Do::RemoveUser {
                user: user.clone(),
                unless: self.paths.data(),
            };
            self.add(Do::MakeUser { user }, Some(undo));
        }
    }

    fn config(&mut self, wiring: &Wiring) {
        let (wanted, upstream) = wanted_config(self.look, wiring, self.node, self.facts);
        let path = self.paths.config();
        let undo = match &self.facts.config {
            Some(file) if self.is_as_wanted(file, &wanted, upstream.as_ref()) => return,
            Some(file) => Do::RestoreConfig {
                path: path.clone(),
                mode: Some(file.ownership.mode),
            },
            None => Do::RemoveConfig { path: path.clone() },
        };
        let owner = self.owner();
        let write = Do::WriteConfig {
            path,
            text: wanted.text,
            owner,
        };
        self.add(write, Some(undo));
    }

    fn is_as_wanted(
        &self,
        file: &ConfigFile,
        wanted: &Rendered,
        upstream: Option<&Address>,
    ) -> bool {
        let role = match (&file.role, upstream) {
            (PersistedRole::Primary, None) => true,
            (PersistedRole::ReplicaOf(have), Some(want)) => {
                have == want
                    || self
                        .look
                        .topology
                        .at(want)
                        .is_some_and(|n| n.answers_to(have))
            }
            (PersistedRole::Primary | PersistedRole::Unknown(_) | PersistedRole::Unwritten, _)
            | (PersistedRole::ReplicaOf(_), None) => false,
        };
        role && file.stamp.as_ref() == Some(&wanted.stamp)
            && !self.facts.stale_password
            && !self.is_open(file)
    }

    /// Whether others may read or write the file with the password, or the server may not.
    fn is_open(&self, file: &ConfigFile) -> bool {
        file.ownership.mode & 0o027 != 0 || Some(file.ownership.uid) != self.facts.owner_uid
    }

    /// Closes a file that others can read.
    pub fn protect(&mut self) {
        let open = self.facts.config.as_ref().filter(|c| self.is_open(c));
        if let Some(file) = open {
            let path = self.paths.config();
            let owner = self.owner();
            let undo = Do::OwnAgain {
                all: vec![(path.clone(), file.ownership)],
            };
            self.add(Do::ProtectConfig { path, owner }, Some(undo));
        }
    }

    /// The unit; without systemd, a line in `/etc/rc.local` where the host has one.
    pub fn at_boot(&mut self) {
        if !self.facts.root {
            return;
        }
        if self.facts.systemd {
            let text = if self.look.inventory.is_sentinel(&self.node.name) {
                unit::of_sentinel(&self.paths, self.look.inventory, self.node)
            } else {
                unit::unit(&self.paths, self.look.inventory, self.node)
            };
            if self.facts.unit.as_ref() == Some(&text) && self.facts.unit_enabled {
                return;
            }
            let name = self.paths.unit();
            let undo = match &self.facts.unit {
                Some(old) => Do::WriteUnit {
                    name: name.clone(),
                    text: old.clone(),
                },
                None => Do::RemoveUnit { name: name.clone() },
            };
            self.add(Do::WriteUnit { name, text }, Some(undo));
        } else if let Some(file) = self.facts.rc_local.clone() {
            let lines = vec![unit::boot_line(&self.paths, self.look.inventory, self.node)];
            let owner = self.node.address.port.to_string();
            self.block("/etc/rc.local", owner, lines, &file);
        }
    }

    /// The managed block of `/etc/hosts` and the host's name, in this order: a name that does not
    /// resolve makes sudo complain. A node that has a name for its address is in somebody else's
    /// table already.
    fn names(&mut self) {
        if !self.look.inventory.server.hostnames || !self.facts.root {
            return;
        }
        let nodes = &self.look.inventory.nodes;
        let addressed = nodes.iter().filter(|n| is_literal(&n.announced().host));
        let pairs = addressed.map(|n| (n.announced().host.as_str(), n.name.0.as_str()));
        let lines = block::hosts_lines(pairs);
        let owner = self.look.inventory.name.clone();
        let file = self.facts.hosts.clone();
        self.block("/etc/hosts", owner, lines, &file);
        let name = self.node.name.0.clone();
        let alone = nodes
            .iter()
            .filter(|n| n.address.host == self.node.address.host)
            .count()
            == 1;
        if alone && self.facts.host_name != name {
            let undo = Do::SetHostName {
                name: self.facts.host_name.clone(),
            };
            self.add(Do::SetHostName { name }, Some(undo));
        }
    }

    fn block(&mut self, path: &str, owner: String, lines: Vec<String>, file: &str) {
        let have = block::get(file, &owner);
        let taken = path == "/etc/hosts" && block::put_names(file, &owner, &lines) != file;
        if have.as_ref() == Some(&lines) && !taken {
            return;
        }
        let path = path.to_owned();
        let undo = match have {
            Some(lines) => Do::WriteBlock {
                path: path.clone(),
                owner: owner.clone(),
                lines,
            },
            None => Do::RemoveBlock {
                path: path.clone(),
                owner: owner.clone(),
            },
        };
        self.add(Do::WriteBlock { path, owner, lines }, Some(undo));
    }
}
