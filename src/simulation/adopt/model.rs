//! Hosts with a server of somebody's, and later one of replctl's, in memory. Clients write all the
//! while.

mod look;
mod old;
mod service;
mod steps;

pub use look::at_boot;
pub use old::Old;

use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::config::Paths;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::inventory::parse::parse;
use crate::inventory::{Inventory, edit};
use crate::plan::facts::boot::AtBoot;
use crate::plan::facts::{Holder, Listener};
use crate::simulation::harness::{Model, Simulated};
use crate::simulation::members::host::{Host as Base, InitialHost};
use crate::simulation::members::world::{FILE, address as address_of, text};
use crate::topology::service::access::Access;
use crate::topology::service::whole::Stated;
use crate::topology::service::{Arguments, Writable};
use crate::topology::{Address, Node, NodeName, ReplicaLine, State, Topology, sample};
use std::collections::BTreeMap;
use std::path::Path;

/// The directory of the data of all former servers.
const FORMER: &str = "/var/lib/redis";
const UNIT: &str = "redis-server.service";
/// The process of a former server, and that of replctl's.
const FORMER_PID: u32 = 7;
const OWN_PID: u32 = 8;

/// One host.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// Its files, and replctl's server with its role.
    pub base: Base,
    /// `None`: replctl made its server.
    pub old: Option<Old>,
    /// Writes that the server which runs has.
    pub has: u64,
    /// Writes in replctl's directory.
    pub saved: u64,
    /// It refuses writes, and its file says so.
    pub closed: (bool, bool),
    /// Its writes are paused.
    pub paused: bool,
}

impl Host {
    fn runs_old(&self) -> bool {
        self.old.as_ref().is_some_and(|old| old.runs)
    }

    fn runs_new(&self) -> bool {
        self.base.facts.listener == Listener::Ours
    }

    fn runs(&self) -> bool {
        self.runs_old() || self.runs_new()
    }

    pub fn is_adopted(&self) -> bool {
        self.runs_new()
    }

    /// One server runs, what starts it is started at boot, and nothing else is.
    pub fn is_whole(&self) -> bool {
        let new = self.base.facts.unit.is_some() && self.base.facts.unit_enabled;
        let Some(old) = &self.old else {
            return self.runs_new() && new;
        };
        let files = self.base.facts.config.is_some() || self.base.facts.directories.len() > 3;
        if self.runs_new() {
            return new
                && !old.runs
                && !old.enabled
                && !old.held
                && !self.closed.0
                && !self.closed.1;
        }
        old.runs && old.enabled == old.unit && !old.held && !new && !files
    }
}

/// The deployment.
#[derive(Clone)]
pub struct Adopting {
    pub text: String,
    pub hosts: BTreeMap<NodeName, Host>,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    pub violations: Vec<String>,
    /// What the former configurations say.
    pub stated: Vec<Stated>,
    /// What the former servers run with, beside what they need.
    pub live: BTreeMap<String, String>,
    /// The version of all servers, where it is not the one that is brought.
    pub version: Option<(u16, u16, u16)>,
    /// What has the former units started at boot, where it is not the usual link.
    pub boot: Option<Result<AtBoot, String>>,
    /// What the former servers tell of their users, modules and commands.
    pub access: Access,
    /// The former servers were started with arguments that their processes do not show.
    pub hides: bool,
    /// Whether the former servers may replace their files.
    pub writable: Writable,
    /// `min-replicas-to-write` of all servers.
    pub min_replicas: u64,
    /// Sentinels watch.
    pub watched: bool,
    /// Replicas of the first node that no inventory has.
    pub strangers: Vec<Address>,
    /// Before this call somebody makes that node a primary.
    pub promoted_before: Option<(usize, NodeName)>,
    /// Before this call somebody changes that setting of the former servers.
    pub changed_before: Option<(usize, &'static str, &'static str)>,
    /// Before this call somebody starts the former server of that node, and ends it again.
    pub ran_before: Option<(usize, NodeName)>,
}

/// A deployment on which plans are run.
pub type World = Simulated<Adopting>;

impl World {
    /// `tree`: whom each node follows; `foreign`: a bit for each that somebody else made; `unit`: a
    /// unit starts those.
    pub fn new(tree: &[Option<usize>], foreign: usize, unit: bool) -> Self {
        let mut said = text(tree);
        for i in (0..tree.len()).filter(|i| foreign & (1 << i) != 0) {
            let line = format!("address = \"10.0.0.{}\"\n", i + 1);
            said = said.replace(&line, &format!("{line}managed = false\n"));
        }
        let inventory = read(&said);
        let hosts = inventory.nodes.iter().zip(tree).enumerate();
        let hosts = hosts.map(|(i, (spec, of))| {
            let of = of.map(address_of);
            let is_foreign = foreign & (1 << i) != 0;
            let begin = if is_foreign {
                InitialHost::Foreign
            } else {
                InitialHost::Runs
            };
            let mut base = Base::new(&inventory, spec, begin, of.clone());
            base.of.clone_from(&of);
            if is_foreign {
                base.facts.holder = Some(Holder {
                    pid: 7,
                    user: Some("redis".to_owned()),
                    program: Some("/usr/bin/redis-server".to_owned()),
                    parent: None,
                });
            }
            let host = Host {
                base,
                old: is_foreign.then(|| Old::running(unit, of)),
                has: 5,
                saved: 0,
                closed: (false, false),
                paused: false,
            };
            (spec.name.clone(), host)
        });
        assert!(tree.contains(&None));
        Self::on(Adopting {
            hosts: hosts.collect(),
            text: said,
            acknowledged: 5,
            violations: Vec::new(),
            stated: Vec::new(),
            live: BTreeMap::new(),
            version: None,
            boot: None,
            access: Access::plain(),
            hides: false,
            writable: Writable::Yes,
            min_replicas: 0,
            watched: false,
            strangers: Vec::new(),
            promoted_before: None,
            changed_before: None,
            ran_before: None,
        })
    }
}

fn read(text: &str) -> Inventory {
    parse(Path::new(FILE), text).unwrap_or_else(|p| panic!("{p:?}\n{text}"))
}

impl Adopting {
    /// Acknowledged writes that the primary has not.
    pub fn lost(&self) -> u64 {
        let primaries = self
            .hosts
            .values()
            .filter(|h| h.runs() && h.base.of.is_none());
        let has = primaries.map(|h| h.has).max().unwrap_or(0);
        self.acknowledged.saturating_sub(has)
    }

    pub fn says_adopted(&self, node: &NodeName) -> bool {
        read(&self.text)
            .get(node)
            .is_some_and(|n| n.service.managed.is_none())
    }

    pub fn adopted(&self) -> Vec<NodeName> {
        let all = self.hosts.iter().filter(|(_, h)| h.is_adopted());
        all.map(|(n, _)| n.clone()).collect()
    }

    pub fn topology(&self) -> Topology {
        let inventory = read(&self.text);
        let specs = inventory.nodes.iter().enumerate();
        let mut nodes: Vec<Node> = specs
            .map(|(i, spec)| {
                let host = &self.hosts[&spec.name];
                let mut node = if host.runs() {
                    sample::node(&spec.name.0, i, host.base.of.clone())
                } else {
                    sample::down(&spec.name.0, i)
                };
                node.address = spec.address.clone();
                node.announced = spec.address.clone();
                if let (State::Up(server), Some((major, minor, patch))) =
                    (&mut node.state, self.version)
                {
                    server.version = sample::version(major, minor, patch);
                }
                let mut service = host.service(&Paths::of(&inventory, spec));
                if self.hides && !service.managed && service.unit().is_none() {
                    service.arguments = Arguments::Hidden(80);
                    service.writable = self.writable.clone();
                }
                node.service = Some(Box::new(service));
                node
            })
            .collect();
        for i in 0..nodes.len() {
            let above = nodes[i].announced.clone();
            let follows = |n: &&Node| n.upstream().is_some_and(|u| u.address == above);
            let lines = nodes.iter().filter(follows).map(|n| ReplicaLine {
                address: n.announced.clone(),
                state: "online".to_owned(),
                offset: Some(100),
                ack_age_seconds: Some(0),
            });
            let mut lines: Vec<ReplicaLine> = lines.collect();
            let strangers = self.strangers.iter().filter(|_| i == 0);
            lines.extend(strangers.map(|address| ReplicaLine {
                address: address.clone(),
                state: "online".to_owned(),
                offset: Some(100),
                ack_age_seconds: Some(0),
            }));
            if let State::Up(server) = &mut nodes[i].state {
                server.replication.replicas = lines;
                let name = "min-replicas-to-write".to_owned();
                server.config.insert(name, self.min_replicas.to_string());
            }
        }
        Topology {
            nodes: nodes.into(),
        }
    }

    /// What was written arrives at all that follow.
    pub(super) fn replicate(&mut self) {
        for _ in 0..self.hosts.len() {
            let names: Vec<NodeName> = self.hosts.keys().cloned().collect();
            for node in names {
                let host = &self.hosts[&node];
                let above = host.base.of.as_ref().filter(|_| host.runs());
                let above = above.and_then(|a| self.at(a));
                let above = above.map(|a| &self.hosts[&a]).filter(|a| a.runs());
                if let Some(has) = above.map(|a| a.has) {
                    self.hosts.get_mut(&node).unwrap().has = has;
                }
            }
        }
    }

    /// Clients write wherever they may.
    fn write(&mut self) {
        let open = |h: &&mut Host| h.runs() && h.base.of.is_none() && !h.closed.0 && !h.paused;
        let mut taken = 0;
        let next = self.acknowledged + 1;
        for host in self.hosts.values_mut().filter(open) {
            host.has += 1;
            taken += 1;
            if host.has < next {
                self.violations.push(format!(
                    "a server took a write that lacks {} earlier ones",
                    next - host.has
                ));
            }
        }
        if taken > 1 {
            self.violations.push("two primaries took writes".to_owned());
        }
        if taken > 0 {
            self.acknowledged = next;
        }
        self.replicate();
    }
}

impl Model for Adopting {
    fn before(&mut self, call: usize) {
        if let Some((_, node)) = self.promoted_before.take_if(|(at, _)| *at == call) {
            self.hosts.get_mut(&node).unwrap().base.of = None;
        }
        if let Some((_, name, value)) = self.changed_before.take_if(|(at, ..)| *at == call) {
            self.live.insert(name.to_owned(), value.to_owned());
        }
        if let Some((_, node)) = self.ran_before.take_if(|(at, _)| *at == call) {
            let old = &mut self.hosts.get_mut(&node).unwrap().old;
            old.as_mut().unwrap().touched = true;
        }
        self.write();
    }

    fn apply(&mut self, node: &NodeName, action: &Action) -> Result<Evidence, Failure> {
        match action {
            Action::Local(LocalAction::EditInventory(edit)) => {
                if !edit.holds(&self.text) {
                    let new = edit.apply(&self.text);
                    self.text = new.ok_or_else(|| Failure::none("it was changed since"))?;
                }
            }
            Action::Local(LocalAction::SeeInventory { digest, .. }) => {
                if edit::digest(&self.text) != *digest {
                    return Err(Failure::none("it was changed since"));
                }
            }
            Action::Host(action) => self.on_host(node, action)?,
            other => self.on_server(node, other)?,
        }
        Ok(Evidence::default())
    }

    /// No two of one host are started at boot, and a host that boots starts nothing that would lose
    /// a write.
    fn after(&mut self, call: usize, node: &NodeName, action: &Action) {
        let host = &self.hosts[node];
        let enabled = host.old.as_ref().is_some_and(|old| old.enabled);
        if enabled && host.base.facts.unit_enabled {
            self.violations
                .push(format!("call {call}, {action}: two are started at boot"));
        }
        if host.runs_old() && host.runs_new() {
            self.violations
                .push(format!("call {call}, {action}: two run"));
        }
        self.replicate();
    }

    /// A pause ends by itself.
    fn died(&mut self) {
        for host in self.hosts.values_mut() {
            host.paused = false;
        }
    }

    fn observe(&mut self) -> Topology {
        self.topology()
    }
}
