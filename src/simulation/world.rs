//! A world in memory that behaves like measured servers in the important points: replicas lag until
//! a step waits for them, clients write to every primary without a fence, a fence ends with its
//! process, and an answer may be lost before or after its effect.

mod afterwards;
mod around;
mod roles;

pub use around::Called;

use super::harness::{Model, Simulated, not_simulated};
use super::sentinel::model::{self, Sentinels};
use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::server::ServerAction;
use crate::actions::service::ServiceAction;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::topology::{Address, Link, Node, NodeName, Role, State, Topology, sample};
use std::collections::{BTreeMap, BTreeSet};

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sim {
    pub name: NodeName,
    pub address: Address,
    pub up: bool,
    pub of: Option<Address>,
    pub fenced: bool,
    pub persisted_of: Option<Address>,
    /// The writes it has, in order.
    pub log: Vec<u32>,
}

/// The servers of a deployment, and who uses them.
#[derive(Debug, Clone)]
pub struct Servers {
    pub sims: Vec<Sim>,
    pub acked: Vec<u32>,
    pub next: u32,
    /// The number of the next call.
    pub call: usize,
    pub violations: Vec<String>,
    pub stopped: BTreeSet<NodeName>,
    /// Noted as detached on purpose.
    pub alone: BTreeSet<NodeName>,
    /// `replica-priority`, where it was set.
    pub priorities: BTreeMap<NodeName, String>,
    /// The Sentinels that watch.
    pub sentinels: Sentinels,
    /// The hooks that were run.
    pub hooks: Vec<Called>,
    /// There are two primaries from the beginning.
    pub parted: bool,
    /// The writes that are in a backup.
    pub backed_up: BTreeSet<u32>,
    /// The primary at the beginning, whose replicas Sentinel knows.
    pub first: Option<Address>,
    /// A change by another person during the run.
    pub by_hand: Option<super::others::ByHand>,
    /// The writes that were lost by that change.
    pub given_up: BTreeSet<u32>,
    /// Whether each node was a replica when it was last looked at.
    pub seen_replica: Vec<bool>,
    /// The nodes that were replicas in the present plan.
    pub planned: Vec<NodeName>,
    /// The call right before which a script writes past every fence, as on servers before 6.2.
    pub script_at: Option<usize>,
    /// The nodes that were primaries right before the last call.
    reigned: Vec<usize>,
}

/// Servers on which plans are run.
pub type World = Simulated<Servers>;

impl World {
    pub fn new(topology: &Topology) -> Self {
        let sims = topology.nodes.iter().map(|n| Sim {
            name: n.name.clone(),
            address: n.announced.clone(),
            up: n.server().is_some(),
            of: n.upstream().map(|u| u.address.clone()),
            fenced: false,
            persisted_of: n.upstream().map(|u| u.address.clone()),
            log: vec![1, 2, 3],
        });
        Self::on(Servers {
            sims: sims.collect(),
            acked: vec![1, 2, 3],
            next: 4,
            call: 0,
            violations: Vec::new(),
            stopped: BTreeSet::new(),
            alone: BTreeSet::new(),
            priorities: BTreeMap::new(),
            sentinels: Sentinels::default(),
            parted: false,
            backed_up: BTreeSet::new(),
            first: None,
            by_hand: None,
            given_up: BTreeSet::new(),
            planned: Vec::new(),
            script_at: None,
            seen_replica: topology
                .nodes
                .iter()
                .map(|n| n.upstream().is_some())
                .collect(),
            hooks: Vec::new(),
            reigned: Vec::new(),
        })
    }
}

impl Servers {
    fn upstream(&self, sim: &Sim) -> Option<&Sim> {
        let of = sim.of.as_ref()?;
        self.sims.iter().find(|s| s.address == *of && s.up)
    }

    pub(super) fn index(&self, name: &NodeName) -> usize {
        self.sims.iter().position(|s| s.name == *name).unwrap()
    }

    /// One write to every primary that takes writes. Replicas get nothing by themselves: the worst
    /// case.
    pub fn traffic(&mut self) {
        let script = self.script_at == Some(self.call);
        for i in 0..self.sims.len() {
            let fenced = self.sims[i].fenced && !script;
            if self.sims[i].up && self.sims[i].of.is_none() && !fenced {
                let write = self.next;
                self.next += 1;
                self.sims[i].log.push(write);
                if !self.alone.contains(&self.sims[i].name) {
                    self.acked.push(write);
                }
            }
        }
    }

    /// The data of the root flows down to `i`, unless the way up is a loop or ends at a dead node.
    fn catch_up(&mut self, i: usize) {
        let mut path = vec![i];
        let mut at = i;
        while let Some(of) = self.sims[at].of.clone() {
            let Some(next) = self.sims.iter().position(|s| s.address == of && s.up) else {
                break;
            };
            if path.contains(&next) {
                return;
            }
            path.push(next);
            at = next;
        }
        let log = self.sims[at].log.clone();
        if self.sims[at].of.is_none() {
            for i in path {
                self.sims[i].log.clone_from(&log);
            }
        }
    }

    fn on_server(&mut self, i: usize, action: &ServerAction) -> Result<(), Failure> {
        let has_all = |a: &Sim, b: &Sim| b.log.iter().all(|w| a.log.contains(w));
        match action {
            ServerAction::CountClients | ServerAction::KickClients => self.clients(i, action),
            ServerAction::PauseWrites { .. } => self.sims[i].fenced = true,
            ServerAction::RequireReplicas { to_write, .. } => {
                self.sims[i].fenced = *to_write >= 1000;
            }
            ServerAction::ResumeWrites => self.sims[i].fenced = false,
            ServerAction::AwaitNear { .. } => self.catch_up(i),
            ServerAction::AwaitCaughtUp { with, .. } => {
                self.catch_up(i);
                let with = self.index(with);
                if !self.sims[with].up || !has_all(&self.sims[i], &self.sims[with]) {
                    return Err(Failure::none("still behind"));
                }
            }
            ServerAction::DrainOthers { replicas, .. } => {
                for name in replicas {
                    let r = self.index(name);
                    self.catch_up(r);
                }
            }
            ServerAction::CheckMostAdvanced { others } => {
                if others
                    .iter()
                    .any(|o| self.sims[self.index(o)].log.len() > self.sims[i].log.len())
                {
                    return Err(Failure::none("another has more"));
                }
            }
            ServerAction::SetDirective { name, value } => {
                if name == "replica-priority" {
                    let node = self.sims[i].name.clone();
                    self.priorities.insert(node, value.clone());
                }
            }
            ServerAction::AwaitInSync { with, .. } => {
                let with = self.index(with);
                if self.sims[i].of.as_ref() != Some(&self.sims[with].address) || !self.sims[with].up
                {
                    return Err(Failure::none("it follows another"));
                }
                self.catch_up(i);
            }
            ServerAction::PersistRole => self.sims[i].persisted_of = self.sims[i].of.clone(),
            ServerAction::AwaitQuiet { .. } => {}
            ServerAction::AwaitAnswer { .. }
            | ServerAction::AwaitUnlisted { .. }
            | ServerAction::SetReplicaAuth
            | ServerAction::ShutDown { .. }
            | ServerAction::AwaitLoaded { .. }
            | ServerAction::CompareKeys
            | ServerAction::SeeSettings { .. }
            | ServerAction::ProveWrite { .. } => return Err(not_simulated(action)),
        }
        Ok(())
    }

    fn on_service(&mut self, i: usize, action: &ServiceAction) -> Result<(), Failure> {
        match action {
            ServiceAction::StopServer => {
                self.stopped.insert(self.sims[i].name.clone());
            }
            ServiceAction::FenceFile { address } => {
                self.sims[i].persisted_of = Some(address.clone());
            }
            ServiceAction::StartServer => return Err(not_simulated(action)),
        }
        Ok(())
    }

    fn on_notes(&mut self, i: usize, action: &LocalAction) -> Result<(), Failure> {
        let node = &self.sims[i].name;
        match action {
            LocalAction::NoteAlone { .. } => {
                self.alone.insert(node.clone());
            }
            LocalAction::ForgetAlone => {
                self.alone.remove(node);
            }
            LocalAction::RememberDemotion { .. } => {}
            LocalAction::ForgetDemotion
            | LocalAction::EditInventory(_)
            | LocalAction::SeeInventory { .. } => {
                return Err(not_simulated(action));
            }
        }
        Ok(())
    }
}

impl Model for Servers {
    fn before(&mut self, call: usize) {
        self.call = call;
        self.traffic();
        self.intrude();
        self.reigned = self.reigning();
    }

    fn apply(&mut self, node: &NodeName, action: &Action) -> Result<Evidence, Failure> {
        self.call += 1;
        let i = self.index(node);
        let away = matches!(action, Action::Local(_) | Action::Service(_));
        if !self.sims[i].up && !away {
            return Err(Failure::none("connection refused"));
        }
        match action {
            Action::Server(action) => self.on_server(i, action)?,
            Action::Role(action) => self.on_role(i, action)?,
            Action::Rescue(action) => super::rejoin::apply(self, i, action)?,
            Action::Service(action) => self.on_service(i, action)?,
            Action::Local(action) => self.on_notes(i, action)?,
            Action::Sentinel(action) => model::apply(self, node, action)?,
            Action::Hook(hook) => self.called(hook.point),
            Action::Password(_) | Action::Host(_) => return Err(not_simulated(action)),
        }
        Ok(Evidence::default())
    }

    fn after(&mut self, call: usize, node: &NodeName, action: &Action) {
        self.call = call + 1;
        let before = std::mem::take(&mut self.reigned);
        self.weigh(&before, call, node, action);
        let writable = |s: &&Sim| s.up && s.of.is_none() && !s.fenced;
        let writable = self.sims.iter().filter(writable);
        let writable = writable.filter(|s| !self.alone.contains(&s.name)).count();
        if writable > 1 && !self.parted && self.by_hand.is_none() {
            let text = format!("{writable} writable primaries after `{node}`: {action}");
            self.violations.push(text);
        }
        self.traffic();
    }

    /// Fences run out, clients go on.
    fn died(&mut self) {
        for sim in &mut self.sims {
            sim.fenced = false;
        }
        self.traffic();
    }

    fn observe(&mut self) -> Topology {
        self.seen_replica = self.sims.iter().map(|s| s.up && s.of.is_some()).collect();
        let nodes = self.sims.iter().enumerate().map(|(i, sim)| {
            if !sim.up {
                return sample::down(&sim.name.0, i);
            }
            let mut node = sample::node(&sim.name.0, i, sim.of.clone());
            let offset = sim.log.len() as u64;
            let link = if self.upstream(sim).is_some() {
                Link::Up
            } else {
                Link::Down
            };
            if let State::Up(server) = &mut node.state {
                server.replication.offset = offset;
                if let Role::Replica(upstream) = &mut server.replication.role {
                    upstream.offset = offset;
                    upstream.link = link;
                    upstream.last_io_seconds = if link == Link::Up { Some(0) } else { None };
                }
            }
            Node {
                address: sim.address.clone(),
                announced: sim.address.clone(),
                ..node
            }
        });
        Topology {
            nodes: nodes.collect(),
        }
    }
}
