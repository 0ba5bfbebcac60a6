//! The steps on one host: user, directories, server, files, unit; and the start. The undo of each
//! step covers only what this run makes. Servers and Sentinels are set up by these steps. Pure.

mod certificates;
pub mod checks;
mod directories;
mod program;
mod tls;

pub use directories::apart;

use crate::actions::Action;
use crate::actions::host::{HostAction, Launch, PayloadInfo};
use crate::config::server::Supervision;
use crate::config::{Paths, block, unit};
use crate::engine::{Step, Undo};
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::{ConfigFile, HostFacts, Unseen};
use crate::topology::{NodeName, Topology};
use HostAction as Do;
use std::collections::BTreeMap;

/// The facts about the hosts, and the servers that replctl can bring to them.
#[derive(Clone, Copy)]
pub struct HostLook<'a> {
    /// The wanted state.
    pub inventory: &'a Inventory,
    /// The nodes as they are.
    pub topology: &'a Topology,
    /// The hosts; or why one cannot be looked at.
    pub hosts: &'a BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    /// The servers that replctl can bring.
    pub payload: &'a [PayloadInfo],
}

impl<'a> HostLook<'a> {
    /// All of it.
    pub fn new(
        inventory: &'a Inventory,
        topology: &'a Topology,
        hosts: &'a BTreeMap<NodeName, Result<HostFacts, Unseen>>,
        payload: &'a [PayloadInfo],
    ) -> Self {
        Self {
            inventory,
            topology,
            hosts,
            payload,
        }
    }

    /// What was seen of the host of a node.
    pub fn facts(&self, name: &NodeName) -> Option<&'a HostFacts> {
        self.hosts.get(name)?.as_ref().ok()
    }

    /// Whether its server answers.
    pub fn runs(&self, name: &NodeName) -> bool {
        self.topology
            .get(name)
            .is_some_and(|n| n.server().is_some())
    }

    /// The server for machines of this kind.
    pub fn payload_for(&self, arch: &str) -> Option<&'a PayloadInfo> {
        self.payload.iter().find(|p| p.arch == arch)
    }

    /// Whether replctl itself brings the server program.
    pub fn brings_server(&self) -> bool {
        self.inventory.server.source.is_sent()
    }

    /// The words before the program that is brought, and those for a machine without one.
    pub fn brought(&self) -> (&'static str, &'static str) {
        if self.inventory.server.source.is_embedded() {
            ("this replctl carries", "this replctl carries no server for")
        } else {
            (
                "the program that the inventory gives is",
                "the program that the inventory gives is not for",
            )
        }
    }
}

/// The steps of one host, with the facts they come from.
pub struct Host<'a> {
    /// What was seen of all hosts.
    pub look: &'a HostLook<'a>,
    /// The node.
    pub node: &'a NodeSpec,
    /// What was seen of its host.
    pub facts: &'a HostFacts,
    /// The paths on the host.
    pub paths: Paths,
    /// In order.
    pub steps: Vec<Step>,
}

/// The user of the server.
pub fn owner<'a>(look: &'a HostLook<'_>, facts: &'a HostFacts) -> &'a str {
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

/// The present paths of a node. A server that runs through the old shared link keeps that link
/// until its next start.
pub fn paths(look: &HostLook<'_>, node: &NodeSpec, facts: &HostFacts) -> Paths {
    let paths = Paths::of(look.inventory, node);
    if facts.by_shared_link(node.address.port) {
        paths.by_shared_link()
    } else {
        paths
    }
}

/// The start alone.
pub fn start_step(look: &HostLook<'_>, node: &NodeSpec) -> Step {
    let launch = Launch::new(look.inventory, node);
    Step::new(
        &node.name,
        Action::Host(Do::StartServer(launch.clone())),
        Undo::By(Action::Host(Do::StopServer(launch))),
    )
}

impl<'a> Host<'a> {
    /// No step yet.
    pub fn new(look: &'a HostLook<'a>, node: &'a NodeSpec, facts: &'a HostFacts) -> Self {
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
    /// The user, the directories and the program, for a server that is about to start. From now on
    /// it starts through its own link.
    pub fn program(&mut self) {
        self.paths = Paths::of(self.look.inventory, self.node);
        self.user();
        self.directories();
        self.server();
    }

    /// A configuration file that does not exist yet.
    pub fn first_config(&mut self, text: String) {
        let path = self.paths.config();
        let owner = self.owner();
        let undo = Do::RemoveConfig { path: path.clone() };
        self.add(Do::WriteConfig { path, text, owner }, Some(undo));
    }

    /// One more step.
    pub fn add(&mut self, action: HostAction, undo: Option<HostAction>) {
        let undo = undo.map_or(Undo::Nothing, |u| Undo::By(Action::Host(u)));
        let step = Step::new(&self.node.name, Action::Host(action), undo);
        self.steps.push(step);
    }

    /// The user of the server.
    pub fn owner(&self) -> String {
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

    /// Whether other users may read or write the file with the password, or the server may not.
    pub fn is_open(&self, file: &ConfigFile) -> bool {
        file.ownership.mode & 0o027 != 0 || Some(file.ownership.uid) != self.facts.owner_uid
    }

    /// Restricts a file that others can read.
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

    /// A block of replctl's lines in a file of others.
    pub fn block(&mut self, path: &str, owner: String, lines: Vec<String>, file: &str) {
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
