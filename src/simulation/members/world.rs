//! A deployment in memory, for `add` and `remove`: its hosts, its inventory file, and the notes on
//! the operator's machine.

mod server;

use super::host::{Host, InitialHost, Keys, payload};
use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::server::ServerAction;
use crate::engine::execute::Failure;
use crate::engine::journal::Evidence;
use crate::engine::{Add, Plan, Refusal, Remove, Setup};
use crate::inventory::edit::{self, Edit, NewNode};
use crate::inventory::parse::parse;
use crate::inventory::{Inventory, NodeSpec};
use crate::operations::remove::plan::Notes;
use crate::operations::{add, remove, setup};
use crate::plan::facts::{HostFacts, Unseen};
use crate::simulation::harness::{Model, Simulated};
use crate::topology::detached::Observed;
use crate::topology::{
    Address, Link, Node, NodeName, PersistedRole, ReplicaLine, Role, State, Topology, sample,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub const FILE: &str = "/ops/inventory.toml";
/// What somebody else writes into the file.
pub const MINE: &str = "# mine\n";

/// The deployment.
#[derive(Clone)]
pub struct Members {
    /// With the node that comes or goes.
    pub inventory: Arc<Inventory>,
    pub text: String,
    pub hosts: BTreeMap<NodeName, Arc<Host>>,
    pub pending_demotions: Vec<NodeName>,
    pub alone: Vec<NodeName>,
    /// Somebody else edits the inventory just before that call.
    pub edited_at: Option<usize>,
}

/// A deployment on which plans are run.
pub type World = Simulated<Members>;

pub fn address(i: usize) -> Address {
    Address::new(format!("10.0.0.{}", i + 1), 6379)
}

pub fn name(i: usize) -> NodeName {
    NodeName(format!("n{i}"))
}

/// An inventory of nodes with these upstreams; `None`: the first primary.
pub fn text(follow: &[Option<usize>]) -> String {
    let mut out =
        "[deployment]\nname = \"orders\"\nauth = \"none\"\n\n# Who is where.\n".to_owned();
    for (i, of) in follow.iter().enumerate() {
        let table = format!(
            "[[node]]\nname = \"n{i}\"\naddress = \"10.0.0.{}\"\n",
            i + 1
        );
        let wish = of.map_or_else(String::new, |of| {
            format!("replicaof = \"n{of}\"   # at first\n")
        });
        out = format!("{out}{table}{wish}\n");
    }
    out + "[hooks]\ntimeout = 9\n"
}

impl World {
    /// `text`: the file; `with`: the same with the new node; each node with how it is found and
    /// what it follows.
    pub fn new(text: &str, with: &str, found: &[(InitialHost, Option<usize>)]) -> Self {
        let inventory = parse(Path::new(FILE), with).unwrap_or_else(|p| panic!("{p:?}"));
        let hosts = inventory
            .nodes
            .iter()
            .zip(found)
            .map(|(spec, (begin, of))| {
                let host = Host::new(&inventory, spec, *begin, of.map(address));
                (spec.name.clone(), Arc::new(host))
            });
        Self::on(Members {
            text: text.to_owned(),
            hosts: hosts.collect(),
            pending_demotions: Vec::new(),
            alone: Vec::new(),
            edited_at: None,
            inventory: Arc::new(inventory),
        })
    }
}

impl Members {
    /// What an observer sees.
    pub fn topology(&self) -> Topology {
        let nodes = self.inventory.nodes.iter().enumerate();
        let mut nodes: Vec<Node> = nodes.map(|(i, spec)| self.node(i, spec)).collect();
        for i in 0..nodes.len() {
            let above = nodes[i].announced.clone();
            let under = nodes
                .iter()
                .filter(|n| n.upstream().is_some_and(|u| u.address == above));
            let lines: Vec<ReplicaLine> = under.map(|n| line(&n.announced)).collect();
            if let State::Up(server) = &mut nodes[i].state {
                server.replication.replicas = lines;
            }
        }
        Topology {
            nodes: nodes.into(),
        }
    }

    fn facts(&self, node: &NodeName) -> BTreeMap<NodeName, Result<HostFacts, Unseen>> {
        let host = &self.hosts[node];
        let seen = if host.dead {
            Err(Unseen::from("no route".to_owned()))
        } else {
            Ok(host.facts.clone())
        };
        [(node.clone(), seen)].into()
    }

    pub fn plan_add(&self, op: &Add, edit: &Edit) -> Result<Plan, Vec<Refusal>> {
        let around = add::plan::AddInput {
            inventory: &self.inventory,
            topology: &self.topology(),
            hosts: &self.facts(&op.node),
            payload: &[payload()],
            set_up: setup::plan::of_one,
        };
        add::plan::plan(op, edit, &around)
    }

    /// What `setup` would do for a node.
    pub fn plan_setup(&self, node: &NodeName) -> Result<Plan, Vec<Refusal>> {
        let op = Setup {
            nodes: vec![node.clone()],
            discard_data: Vec::new(),
        };
        let (topology, facts) = (self.topology(), self.facts(node));
        setup::plan::plan(&op, &self.inventory, &topology, &facts, &[payload()])
    }

    pub fn plan_remove(&self, op: &Remove) -> Result<Plan, Vec<Refusal>> {
        let topology = self.topology();
        let facts = self.facts(&op.node);
        let noted = |notes: &[NodeName]| notes.contains(&op.node).then(|| address(0));
        let around = remove::plan::RemoveInput {
            inventory: &self.inventory,
            text: &self.text,
            seen: &Observed::new(topology, &self.alone),
            notes: Notes {
                pending: noted(&self.pending_demotions),
                alone: noted(&self.alone),
            },
            host: facts.get(&op.node).filter(|_| !op.leave_running),
            watch: None,
        };
        remove::plan::plan(op, &around)
    }

    /// As `crate::world::inventory::write` does it.
    fn edit(&mut self, edit: &Edit) -> Result<Evidence, Failure> {
        if !edit.holds(&self.text) {
            let new = edit.apply(&self.text);
            self.text = new.ok_or_else(|| Failure::none("it was changed since"))?;
        }
        Ok(Evidence::default())
    }
}

fn line(address: &Address) -> ReplicaLine {
    ReplicaLine {
        address: address.clone(),
        state: "online".to_owned(),
        offset: Some(100),
        ack_age_seconds: Some(0),
    }
}

impl Members {
    fn node(&self, i: usize, spec: &NodeSpec) -> Node {
        let host = &self.hosts[&spec.name];
        let mut node = if host.runs() {
            sample::node(&spec.name.0, i, host.of.clone())
        } else {
            sample::down(&spec.name.0, i)
        };
        node.address = spec.address.clone();
        node.announced = spec.address.clone();
        node.persisted = host.facts.config.as_ref().map(|c| c.role.clone());
        if host.dead {
            node.persisted = Some(PersistedRole::Unknown("no route".to_owned()));
        }
        if let State::Up(server) = &mut node.state {
            if host.keys != Keys::None {
                server.keys.insert(0, 10);
            }
            if let Role::Replica(up) = &mut server.replication.role {
                let above = self.hosts.iter().find(|(n, _)| {
                    let i: usize = n.0[1..].parse().unwrap();
                    address(i) == up.address
                });
                if above.is_none_or(|(_, h)| !h.runs()) {
                    up.link = Link::Down;
                }
            }
        }
        node
    }

    /// Everything that an operation may change, for a comparison.
    pub fn all(
        &self,
    ) -> (
        String,
        BTreeMap<NodeName, Arc<Host>>,
        Vec<NodeName>,
        Vec<NodeName>,
    ) {
        (
            self.text.clone(),
            self.hosts.clone(),
            self.pending_demotions.clone(),
            self.alone.clone(),
        )
    }
}

/// The edit that lets node `i` come, as `add` makes it.
pub fn coming(text: &str, i: usize, of: usize) -> Edit {
    let node = NewNode {
        name: name(i),
        address: address(i),
        replicaof: name(of),
        announce: None,
        priority: None,
        ssh: None,
    };
    edit::add(FILE, text, &node).unwrap()
}

impl Model for Members {
    /// Somebody else edits the inventory.
    fn before(&mut self, call: usize) {
        if self.edited_at == Some(call) {
            self.text.push_str(MINE);
        }
    }

    fn apply(&mut self, node: &NodeName, action: &Action) -> Result<Evidence, Failure> {
        let list = |notes: &mut Vec<NodeName>, noted: bool| {
            notes.retain(|n| n != node);
            if noted {
                notes.push(node.clone());
            }
        };
        match action {
            Action::Local(LocalAction::EditInventory(edit)) => return self.edit(edit),
            Action::Local(see @ LocalAction::SeeInventory { .. }) => {
                return Err(crate::simulation::harness::not_simulated(see));
            }
            Action::Local(LocalAction::ForgetDemotion) => list(&mut self.pending_demotions, false),
            Action::Local(LocalAction::RememberDemotion { .. }) => {
                list(&mut self.pending_demotions, true);
            }
            Action::Local(LocalAction::ForgetAlone) => list(&mut self.alone, false),
            Action::Local(LocalAction::NoteAlone { .. }) => list(&mut self.alone, true),
            Action::Host(action) => {
                let host = Arc::make_mut(self.hosts.get_mut(node).unwrap());
                if host.dead {
                    return Err(Failure::none("no route"));
                }
                host.on_host(action);
            }
            Action::Server(ServerAction::AwaitUnlisted { gone, optional, .. }) => {
                let listed = self.hosts[gone].runs();
                if listed && !optional {
                    return Err(Failure::none("it still lists it"));
                }
            }
            Action::Server(_)
            | Action::Role(_)
            | Action::Rescue(_)
            | Action::Service(_)
            | Action::Password(_)
            | Action::Sentinel(_)
            | Action::Hook(_) => return self.on_server(node, action),
        }
        Ok(Evidence::default())
    }

    fn observe(&mut self) -> Topology {
        self.topology()
    }
}
