//! `remove`: a node leaves the deployment. Its server is stopped, nothing starts it again, no other
//! server lists it, and the inventory no longer has it: all of that, or nothing. If its files are
//! to be deleted, the operation can only go forward after the first of them is gone. Then the
//! Sentinels forget the node. Pure.
//!
//! A node whose host is dead can leave too. A warning says what could not be done there.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::checks;
use crate::actions::Action;
use crate::actions::host::{HostAction as Do, Launch};
use crate::actions::local::LocalAction;
use crate::actions::server::ServerAction;
use crate::config::{Paths, block};
use crate::engine::warning::inventory::Inventory as Members;
use crate::engine::{Ground, Mode, Operation, Plan, Refusal, Remove, Stage, Step, Undo, Warning};
use crate::inventory::edit::{self, Edit};
use crate::inventory::parse::parse;
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::{HostFacts, Listener, Unseen};
use crate::plan::forget;
use crate::topology::detached::Observed;
use crate::topology::sentinel::Watch;
use crate::topology::{Address, Node, State, Topology, sentinel};
use std::collections::BTreeSet;
use std::path::Path;

/// A closed connection leaves the list at once; the rest of this time is for slow hosts.
const UNLISTED_MS: u64 = 15_000;
/// If replctl cannot close the connection, a longer wait does not help.
const LOOK_MS: u64 = 1_000;
const RC_LOCAL: &str = "/etc/rc.local";

/// The input of the plan.
pub struct RemoveInput<'a> {
    /// The inventory, the node still in it.
    pub inventory: &'a Inventory,
    /// Its text.
    pub text: &'a str,
    /// All nodes, and those that were detached.
    pub seen: &'a Observed,
    /// Notes of the node: where it should replicate from, and where it was detached from.
    pub notes: Notes,
    /// Its host; `None` where nothing has to be done there.
    pub host: Option<&'a Result<HostFacts, Unseen>>,
    /// The Sentinels that watch.
    pub watch: Option<&'a Watch>,
}

/// What is noted of a node on the operator's machine.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// The address that it should follow, if it has a pending demotion.
    pub pending: Option<Address>,
    /// The address that it was detached from.
    pub alone: Option<Address>,
}

/// Plans it. All refusals come at once.
pub fn plan(op: &Remove, around: &RemoveInput<'_>) -> Result<Plan, Vec<Refusal>> {
    let (primary, node, spec) = checks::those(op, around)?;
    let mut refusals = Vec::new();
    checks::all(op, around, primary, node, &mut refusals);
    let edit = edited(around, primary, spec);
    let edit = match edit {
        Ok(edit) if refusals.is_empty() => edit,
        Ok(_) => return Err(refusals),
        Err(refusal) => {
            refusals.push(refusal);
            return Err(refusals);
        }
    };
    let one = One {
        op,
        around,
        primary,
        node,
        spec,
        facts: around.host.and_then(|h| h.as_ref().ok()),
    };
    let (forget, of_sentinels) = one.forget();
    let mut warnings = checks::warnings(op, around, primary, node);
    warnings.extend(of_sentinels);
    let mut stages = vec![one.take_out(&edit)];
    stages.extend(forget);
    Ok(Plan {
        operation: Operation::Remove(op.clone()),
        stages,
        warnings,
        may_lose: checks::may_lose(op, around, node),
    })
}

/// The edit, checked to leave every other node as it is, except for its upstream.
fn edited(around: &RemoveInput<'_>, primary: &Node, spec: &NodeSpec) -> Result<Edit, Refusal> {
    let path = around.inventory.path.display().to_string();
    let by_hand = |why: String| {
        Refusal::new(
            Ground::Inventory,
            format!("`{}` cannot be taken out of {path}: {why}", spec.name),
            "write each node there as a table of its own that begins with `[[node]]`, and run this again",
        )
    };
    let successor = spec.replicaof.as_ref().unwrap_or(&primary.name);
    let edit = edit::remove(&path, around.text, &spec.name, Some(successor)).map_err(by_hand)?;
    let read = |text: &str| {
        parse(Path::new(&path), text).map_err(|problems| {
            let first = problems.into_iter().next().map(|p| p.what);
            by_hand(first.unwrap_or_default())
        })
    };
    let before = read(around.text)?;
    let after = read(&edit.apply(around.text).unwrap_or_default())?;
    let as_it_is = |node: &NodeSpec| NodeSpec {
        line: (0, 0),
        replicaof: None,
        ..node.clone()
    };
    let left = before.nodes.iter().filter(|n| n.name != spec.name);
    if left.map(as_it_is).ne(after.nodes.iter().map(as_it_is)) {
        return Err(by_hand(
            "its lines are not apart from those of others".to_owned(),
        ));
    }
    Ok(edit)
}

/// The node, and all that its steps come from.
struct One<'a> {
    op: &'a Remove,
    around: &'a RemoveInput<'a>,
    primary: &'a Node,
    node: &'a Node,
    spec: &'a NodeSpec,
    facts: Option<&'a HostFacts>,
}

impl One<'_> {
    fn on_host(&self, action: Do, undo: Undo) -> Step {
        Step::new(&self.node.name, Action::Host(action), undo)
    }

    fn back(action: Do) -> Undo {
        Undo::By(Action::Host(action))
    }

    /// All steps about the node itself.
    fn take_out(&self, edit: &Edit) -> Stage {
        let name = &self.node.name;
        let mut steps = Vec::new();
        if !self.op.leave_running {
            steps.extend(self.stop());
            steps.extend(self.unlisted());
            steps.extend(self.clean());
        }
        let notes = &self.around.notes;
        steps.extend(notes.pending.clone().map(|address| {
            let undo = Undo::By(Action::Local(LocalAction::RememberDemotion { address }));
            Step::new(name, Action::Local(LocalAction::ForgetDemotion), undo)
        }));
        steps.extend(notes.alone.clone().map(|address| {
            let undo = Undo::By(Action::Local(LocalAction::NoteAlone { address }));
            Step::new(name, Action::Local(LocalAction::ForgetAlone), undo)
        }));
        // Last: the inventory has the node until all else is done.
        let undo = Action::Local(LocalAction::EditInventory(Box::new(edit.reversed())));
        let edit = Action::Local(LocalAction::EditInventory(Box::new(edit.clone())));
        steps.push(Step::new(name, edit, Undo::By(undo)));
        Stage {
            title: format!("take {name} out"),
            mode: Mode::Atomic,
            steps,
        }
    }

    /// Stops its server, and removes what would start it again.
    fn stop(&self) -> Vec<Step> {
        let Some(facts) = self.facts else {
            return Vec::new();
        };
        let inventory = self.around.inventory;
        let mut steps = Vec::new();
        if facts.listener != Listener::Nobody {
            let launch = Launch::new(inventory, self.spec);
            let start = Self::back(Do::StartServer(launch.clone()));
            steps.push(self.on_host(Do::StopServer(launch), start));
        }
        if let Some(text) = &facts.unit {
            let (name, text) = (Paths::of(inventory, self.spec).unit(), text.clone());
            let write = Self::back(Do::WriteUnit {
                name: name.clone(),
                text,
            });
            steps.push(self.on_host(Do::RemoveUnit { name }, write));
        }
        let owner = self.spec.address.port.to_string();
        let file = facts.rc_local.as_deref().unwrap_or_default();
        steps.extend(block::get(file, &owner).map(|lines| {
            let path = RC_LOCAL.to_owned();
            let write = Self::back(Do::WriteBlock {
                path: path.clone(),
                owner: owner.clone(),
                lines,
            });
            self.on_host(Do::RemoveBlock { path, owner }, write)
        }));
        steps
    }

    /// Checks that the primary, and every other server that listed it, no longer lists it.
    fn unlisted(&self) -> Vec<Step> {
        let see = |other: &Node| {
            let listed = other.server()?.replication.replicas.iter();
            let mut addresses: Vec<Address> = listed
                .map(|line| line.address.clone())
                .filter(|at| self.node.answers_to(at))
                .collect();
            if addresses.is_empty() && other.name != self.primary.name {
                return None;
            }
            addresses.push(self.node.announced.clone());
            addresses.dedup();
            let optional = self.facts.is_none();
            let action = Action::Server(ServerAction::AwaitUnlisted {
                gone: self.node.name.clone(),
                addresses,
                within_ms: if optional { LOOK_MS } else { UNLISTED_MS },
                optional,
            });
            Some(Step::new(&other.name, action, Undo::Nothing))
        };
        let others = self.around.seen.all().nodes.iter();
        others
            .filter(|o| o.name != self.node.name)
            .filter_map(see)
            .collect()
    }

    /// Deletes its files, and the program if no other node needs it. This cannot be undone.
    fn clean(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let (Some(facts), true) = (self.facts, self.op.purge) else {
            return steps;
        };
        let inventory = self.around.inventory;
        let paths = Paths::of(inventory, self.spec);
        let mut add = |action| steps.push(self.on_host(action, Undo::Impossible));
        if facts.directories.contains_key(&paths.data()) {
            add(Do::RemoveTree {
                path: paths.data(),
                bytes: facts.used_bytes,
            });
        }
        if self.shares_its_host() {
            return steps;
        }
        if inventory.server.hostnames && block::get(&facts.hosts, &inventory.name).is_some() {
            add(Do::RemoveBlock {
                path: "/etc/hosts".to_owned(),
                owner: inventory.name.clone(),
            });
        }
        // On the host, this step sees what other deployments have there, and keeps it.
        let (link, node) = (paths.current(), paths.data());
        let programs: BTreeSet<&String> = facts
            .servers
            .keys()
            .chain(&facts.current)
            .chain(&facts.shared)
            .collect();
        let shared = facts.shared.as_ref().map(|_| paths.shared_link());
        let own = facts.current.as_ref().map(|_| link.clone());
        for link in own.into_iter().chain(shared) {
            add(Do::RemoveLink {
                link,
                node: node.clone(),
            });
        }
        for program in programs {
            add(Do::RemoveServer {
                path: format!("{}/{program}", paths.servers()),
                unless: link.clone(),
                node: node.clone(),
            });
        }
        if !facts.directories.is_empty() {
            add(Do::RemoveDirectories {
                paths: vec![paths.servers(), paths.root().to_owned()],
            });
        }
        steps
    }

    /// Whether another node of the deployment, or one of its Sentinels, is on its host.
    fn shares_its_host(&self) -> bool {
        let host = |n: &NodeSpec| {
            let host = n.ssh.host.as_ref().unwrap_or(&n.address.host);
            (host.to_ascii_lowercase(), n.ssh.port)
        };
        let inventory = self.around.inventory;
        let mut all = inventory.nodes.iter().chain(inventory.sentinels());
        all.any(|other| other.name != self.spec.name && host(other) == host(self.spec))
    }

    /// Makes the Sentinels forget it, as `sentinel forget` would after the server is stopped.
    /// Returns the stages and a warning. If there are no stages, the warning says why.
    fn forget(&self) -> (Vec<Stage>, Option<Warning>) {
        let (node, topology) = (self.node, self.around.seen.all());
        let afterwards = |why: &str| {
            let not_forgotten = Members::NotForgotten {
                why: why.to_owned(),
                at: node.announced.clone(),
            };
            Warning::of(&node.name, not_forgotten)
        };
        if self.op.leave_running {
            return (Vec::new(), None);
        }
        let Some(watch) = self.around.watch else {
            let watched = sentinel::watched(topology);
            return (
                Vec::new(),
                watched.map(|_| afterwards("none of them can be asked")),
            );
        };
        let gone = self.as_it_will_be();
        let what = [node.name.0.clone()];
        match forget::plan(&what, self.around.inventory, &gone, Some(watch)) {
            Ok(plan) if plan.stages.is_empty() => (Vec::new(), None),
            Ok(plan) => (plan.stages, forget::checks::few(watch)),
            Err(refusals) => {
                let why = refusals.first().map_or("", |r| r.why.as_str());
                (Vec::new(), Some(afterwards(why)))
            }
        }
    }

    /// The deployment once it is stopped.
    fn as_it_will_be(&self) -> Topology {
        let topology = self.around.seen.deployment();
        let mut topology = topology.into_owned();
        let down = State::Down(crate::topology::Trouble {
            kind: crate::topology::TroubleKind::Refused,
            detail: "it is stopped".to_owned(),
        });
        for node in &mut topology.nodes {
            if node.name == self.node.name {
                node.state = down.clone();
            } else if let State::Up(server) = &mut node.state {
                let lines = &mut server.replication.replicas;
                lines.retain(|line| !self.node.answers_to(&line.address));
            }
        }
        topology
    }
}
