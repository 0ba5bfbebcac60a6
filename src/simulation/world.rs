//! A world in memory that behaves as measured servers do where it matters: replicas lag until they
//! are waited for, clients write to every primary that is not fenced, a fence outlives nobody, and
//! an answer may be lost before or after its effect.

mod afterwards;
mod around;
mod nobody;
mod roles;

pub use around::Called;
pub use nobody::Nobody;

use super::sentinel::model::{self, Sentinels};
use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::server::ServerAction;
use crate::actions::service::ServiceAction;
use crate::engine::execute::{Act, Failure};
use crate::engine::journal::{Entry, Journal, Progress, Seen};
use crate::topology::{Address, Link, Node, NodeName, Role, State, Topology, sample};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io;
use std::sync::Mutex;

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

/// How the next failure goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Injected {
    /// Nothing was done, and that is known.
    Nothing,
    /// Nothing was done, and that is not known.
    Lost,
    /// It was done, and that is not known.
    Answer,
}

#[derive(Debug, Clone)]
pub struct Inner {
    pub sims: Vec<Sim>,
    pub acked: Vec<u32>,
    pub next: u32,
    pub calls: usize,
    pub fail_at: Option<(usize, Injected)>,
    /// Calls and journal lines left before the process dies; after that nothing it does has any
    /// effect.
    pub life: Option<usize>,
    pub progress: Progress,
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
    /// What somebody else does in the midst of it.
    pub by_hand: Option<super::others::ByHand>,
    /// The writes that somebody else gave up by that.
    pub given_up: BTreeSet<u32>,
    /// Whether each node was a replica when it was last looked at.
    pub seen_replica: Vec<bool>,
    /// The nodes that the plan which is run took for replicas.
    pub planned: Vec<NodeName>,
    /// Right before that call a script writes past every fence, as on servers before 6.2.
    pub script_at: Option<usize>,
}

pub struct World(pub Mutex<Inner>);

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
        let inner = Inner {
            sims: sims.collect(),
            acked: vec![1, 2, 3],
            next: 4,
            calls: 0,
            fail_at: None,
            life: None,
            progress: Progress::default(),
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
        };
        Self(Mutex::new(inner))
    }

    /// What an observer sees.
    pub fn observe(&self) -> Topology {
        let mut inner = self.0.lock().unwrap();
        inner.seen_replica = inner.sims.iter().map(|s| s.up && s.of.is_some()).collect();
        let nodes = inner.sims.iter().enumerate().map(|(i, sim)| {
            if !sim.up {
                return sample::down(&sim.name.0, i);
            }
            let mut node = sample::node(&sim.name.0, i, sim.of.clone());
            let offset = sim.log.len() as u64;
            let link = if inner.upstream(sim).is_some() {
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

impl Inner {
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
        let script = self.script_at == Some(self.calls);
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

    fn apply(&mut self, node: &NodeName, action: &Action) -> Result<Seen, Failure> {
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
        Ok(Seen::default())
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
            LocalAction::RememberDebt { .. } => {}
            LocalAction::ForgetDebt | LocalAction::EditInventory(_) => {
                return Err(not_simulated(action));
            }
        }
        Ok(())
    }

    fn alive(&mut self) -> bool {
        match &mut self.life {
            None => true,
            Some(0) => false,
            Some(n) => {
                *n -= 1;
                true
            }
        }
    }
}

fn not_simulated(action: &impl Display) -> Failure {
    Failure::none(format!("not simulated: {action}"))
}

impl Act for World {
    async fn act(&self, node: &NodeName, action: &Action) -> Result<Seen, Failure> {
        let mut inner = self.0.lock().unwrap();
        if inner.life == Some(0) {
            return Err(Failure::unknown("dead"));
        }
        inner.traffic();
        inner.intrude();
        let before = inner.reigning();
        let call = inner.calls;
        let injected = inner
            .fail_at
            .and_then(|(at, how)| (at == inner.calls).then_some(how));
        inner.calls += 1;
        let result = match injected {
            Some(Injected::Nothing) => Err(Failure::none("injected")),
            Some(Injected::Lost) => Err(Failure::unknown("injected, no answer")),
            Some(Injected::Answer) => inner
                .apply(node, action)
                .and(Err(Failure::unknown("injected, after its effect"))),
            None => inner.apply(node, action),
        };
        let writable = inner
            .sims
            .iter()
            .filter(|s| s.up && s.of.is_none() && !s.fenced && !inner.alone.contains(&s.name))
            .count();
        inner.weigh(&before, call, node, action);
        if writable > 1 && !inner.parted && inner.by_hand.is_none() {
            let text = format!("{writable} writable primaries after `{node}`: {action}");
            inner.violations.push(text);
        }
        inner.traffic();
        result
    }
}

impl Journal for World {
    fn record(&self, entry: &Entry, _durable: bool) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        if !inner.alive() {
            return Err(io::Error::other("dead"));
        }
        inner.progress.take(entry);
        Ok(())
    }
}
