//! `adopt`: servers that somebody else made get replctl's directories, program, file and unit, one
//! after the other, and keep their data. Pure.
//!
//! * A replica is stopped and started again with a copy of its data. Its upstream runs on.
//! * A primary first hands over to one of its replicas, as `promote` does, and is then a replica.
//! * A primary without a replica cannot hand over. It is started again and refuses writes until it
//!   has proved its data. Up to that point, everything can be put back without losing a write.
//!
//! All steps for one node are one stage, which is put back as a whole.

mod checks;
mod former;
mod later;
mod outage;
pub mod settings;
mod steps;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod way;

use crate::actions::Action;
use crate::actions::host::PayloadInfo;
use crate::actions::role::RoleAction;
use crate::engine::warning::adopt::Adopt as Say;
use crate::engine::{Adopt, Ground, Operation, Plan, Promote, Refusal, Stage, Warning};
use crate::inventory::parse::parse;
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::boot::AtBoot;
use crate::plan::facts::{HostFacts, Unseen};
use crate::plan::hosts::HostLook;
use crate::topology::service::Service;
use crate::topology::service::access::Access;
use crate::topology::service::whole::Stated;
use crate::topology::{Address, Node, NodeName, PersistedRole, Topology};
use std::collections::BTreeMap;
use steps::Adoption;
use way::{Way, way};

/// Plans a hand-over to the named node, as `promote` does.
pub type HandOver<'a> = dyn Fn(&Promote, &Topology) -> Result<Plan, Vec<Refusal>> + 'a;

/// What was read of a server that somebody else made.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its configuration in the order of a start, or why it is unknown.
    pub stated: Result<Vec<Stated>, String>,
    /// Its live settings by their present names, without secrets.
    pub live: BTreeMap<String, String>,
    /// The size of its data on the disk, bytes.
    pub data_bytes: Option<u64>,
    /// Free bytes on the disk of its data.
    pub free_bytes: Option<u64>,
    /// What starts it at boot, or why that is unknown.
    pub boot: Result<AtBoot, String>,
    /// What it tells of its users, modules and commands.
    pub access: Access,
}

#[cfg(test)]
impl Found {
    /// Nothing was read.
    pub fn unseen() -> Self {
        Self {
            stated: Ok(Vec::new()),
            live: BTreeMap::new(),
            data_bytes: None,
            free_bytes: None,
            boot: Ok(AtBoot::default()),
            access: Access::plain(),
        }
    }
}

/// The input of the planner.
pub struct AdoptInput<'a> {
    /// The inventory as it is.
    pub inventory: &'a Inventory,
    /// Its text.
    pub text: &'a str,
    /// All nodes but those that stand alone.
    pub topology: &'a Topology,
    /// The facts of their hosts, or why a host could not be reached.
    pub hosts: &'a BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    /// The server programs that replctl can install.
    pub payload: &'a [PayloadInfo],
    /// What was read of the servers that somebody else made.
    pub found: &'a BTreeMap<NodeName, Found>,
    /// Sentinels watch the deployment, or the inventory names some.
    pub watched: bool,
    /// Plans a hand-over.
    pub hand_over: &'a HandOver<'a>,
}

impl<'a> AdoptInput<'a> {
    fn facts(&self, name: &NodeName) -> Option<&'a HostFacts> {
        self.hosts.get(name)?.as_ref().ok()
    }
}

/// A node that is adopted.
#[derive(Clone, Copy)]
struct Subject<'a> {
    spec: &'a NodeSpec,
    node: &'a Node,
}

/// Plans the adoption. It returns all refusals at once.
pub fn plan(op: &Adopt, around: &AdoptInput<'_>) -> Result<Plan, Vec<Refusal>> {
    let (subjects, mut refusals) = subjects(op, around);
    let mut plan = Plan {
        operation: Operation::Adopt(op.clone()),
        stages: Vec::new(),
        warnings: Vec::new(),
        may_lose: None,
    };
    for subject in &subjects {
        refusals.extend(checks::refusals(around, *subject));
    }
    let way = way(op, around, &subjects);
    if let Err(more) = &way {
        refusals.extend(more.iter().cloned());
    }
    let outages = outage::outages(around, &subjects, way.as_ref().ok());
    if op.pause {
        plan.warnings.extend(outages);
    } else {
        refusals.extend(outage::refusals(op, &outages));
    }
    let (Ok(way), true) = (way, refusals.is_empty()) else {
        return Err(refusals);
    };
    let mut text = around.text.to_owned();
    let (replicas, primaries): (Vec<_>, Vec<_>) =
        subjects.iter().partition(|s| !s.node.is_primary());
    for subject in leaves_first(&replicas, around.topology) {
        let upstream = around.topology.upstream_of(subject.node);
        let follows = subject.node.upstream().map(|up| up.address.clone());
        let (Some(above), Some(address)) = (upstream, follows) else {
            continue;
        };
        let to = Some((above.name.clone(), address));
        adopt(around, *subject, to.as_ref(), &mut text, &mut plan)?;
    }
    for subject in primaries {
        let to = match &way {
            Way::Restart => None,
            Way::HandOver(to, stages) => {
                plan.stages.extend(stages.stages.iter().cloned());
                plan.warnings.extend(stages.warnings.iter().cloned());
                let says = Say::HandsOver {
                    to: to.clone(),
                    back: op.hand_back,
                };
                plan.warnings.push(Warning::of(&subject.spec.name, says));
                demoted_under(stages, &subject.spec.name)
            }
        };
        adopt(around, *subject, to.as_ref(), &mut text, &mut plan)?;
    }
    Ok(plan)
}

/// The nodes to adopt, in the order of the inventory, and the refusals of named nodes.
fn subjects<'a>(op: &Adopt, around: &AdoptInput<'a>) -> (Vec<Subject<'a>>, Vec<Refusal>) {
    let (mut subjects, mut refusals) = (Vec::new(), Vec::new());
    for spec in &around.inventory.nodes {
        let named = op.nodes.contains(&spec.name);
        if !named && !op.nodes.is_empty() {
            continue;
        }
        match around.topology.get(&spec.name) {
            Some(node) if is_managed(node) => {}
            Some(node) => subjects.push(Subject { spec, node }),
            None if named => refusals.push(Refusal::new(
                Ground::Topology,
                format!(
                    "`{}` was detached, and is no longer part of the deployment",
                    spec.name
                ),
                format!(
                    "bring it back first: replctl move {} --under NODE",
                    spec.name
                ),
            )),
            None => {}
        }
    }
    (subjects, refusals)
}

/// The nodes when the plan changes their roles. Adopted nodes have replctl's files then.
pub fn later(op: &Adopt, around: &AdoptInput<'_>) -> Topology {
    let (subjects, _) = subjects(op, around);
    let hands_over = |s: &Subject<'_>| {
        let mut nodes = around.topology.nodes.iter();
        s.node.is_primary() && nodes.any(|n| follows(around.topology, n, &s.spec.name))
    };
    later::adopted(around, &subjects, !subjects.iter().any(hands_over))
}

/// Whether `node` follows the node `upstream`.
fn follows(topology: &Topology, node: &Node, upstream: &NodeName) -> bool {
    topology
        .upstream_of(node)
        .is_some_and(|up| up.name == *upstream)
}

/// Whether replctl already runs it.
fn is_managed(node: &Node) -> bool {
    node.service.as_ref().is_some_and(|s| s.managed)
}

/// The node that the old primary follows after a hand-over, and its address.
fn demoted_under(plan: &Plan, old: &NodeName) -> Option<(NodeName, Address)> {
    plan.steps().find_map(|step| {
        let Action::Role(RoleAction::Demote {
            upstream, address, ..
        }) = &step.action
        else {
            return None;
        };
        (step.node == *old).then(|| (upstream.clone(), address.clone()))
    })
}

/// Sorts the replicas: a replica comes before the node that it follows.
fn leaves_first<'a, 'b>(replicas: &[&'b Subject<'a>], topology: &Topology) -> Vec<&'b Subject<'a>> {
    let depth = |subject: &Subject<'_>| {
        let mut depth = 0;
        let mut at = subject.node;
        while let Some(up) = topology.upstream_of(at) {
            depth += 1;
            if depth > topology.nodes.len() {
                break;
            }
            at = up;
        }
        depth
    };
    let mut all = replicas.to_vec();
    all.sort_by_key(|s| std::cmp::Reverse(depth(s)));
    all
}

/// Whether its next start would not make it a replica of the node that it follows when it is
/// adopted, or whether that is not known.
fn role_unwritten(topology: &Topology, node: &Node, to: &(NodeName, Address)) -> bool {
    let next = node.service.as_ref().map(|service| service.next_role());
    let Some(PersistedRole::ReplicaOf(at)) = next else {
        return true;
    };
    let meant = || topology.meant_by(node, &at).map(|node| &node.name);
    node.upstream().is_none() || at != to.1 && meant() != Some(&to.0)
}

/// Adds the steps for one node. `text`: the inventory at that point.
fn adopt(
    around: &AdoptInput<'_>,
    subject: Subject<'_>,
    follows: Option<&(NodeName, Address)>,
    text: &mut String,
    plan: &mut Plan,
) -> Result<(), Vec<Refusal>> {
    let name = &subject.spec.name;
    let (Some(facts), Some(found), Some(server)) = (
        around.facts(name),
        around.found.get(name),
        subject.node.server(),
    ) else {
        return Ok(());
    };
    let (edit, kept) = steps::edit(around, subject, (facts, found), text)?;
    let after = edit.apply(text).unwrap_or_default();
    let inventory = parse(&around.inventory.path, &after).map_err(|problems| {
        let why = problems
            .first()
            .map_or_else(String::new, |p| p.what.clone());
        vec![steps::unwritable(name, &around.inventory.path, &why)]
    })?;
    let Some(spec) = inventory.get(name) else {
        return Ok(());
    };
    let service = subject.node.service.as_deref();
    let hidden = service.filter(|service| former::is_hidden(service));
    let rewritten = hidden.and_then(|service| service.written.clone());
    let hidden = hidden.is_some();
    let adoption = Adoption {
        look: &HostLook::new(&inventory, around.topology, around.hosts, around.payload),
        spec,
        server,
        facts,
        found,
        follows,
        former: former::former(around, subject, found),
        links: found.boot.as_ref().map_or(&[], |boot| &boot.links),
        rewrites: hidden
            || follows.is_some_and(|to| role_unwritten(around.topology, subject.node, to)),
        edit: &edit,
    };
    let other = checks::other_data(name, found, server, &adoption.rendered());
    if !other.is_empty() {
        return Err(other);
    }
    plan.stages.push(Stage {
        title: format!("adopt {name}"),
        mode: crate::engine::Mode::Atomic,
        steps: adoption.steps(),
    });
    plan.warnings
        .extend(says(around, subject, &adoption, (kept.changed, rewritten)));
    *text = after;
    Ok(())
}

/// The warnings about one node. `changed`: settings that its file does not say. `rewritten`: the
/// file that its server writes, because its arguments are hidden.
fn says(
    around: &AdoptInput<'_>,
    subject: Subject<'_>,
    adoption: &Adoption<'_>,
    (changed, rewritten): (Vec<String>, Option<String>),
) -> Vec<Warning> {
    let changed = (!changed.is_empty()).then_some(Say::ChangedLive(changed));
    let used = adoption.server.used_memory.unwrap_or(0);
    let alone = adoption.follows.is_none();
    let pause = alone.then_some(Say::Pause(used));
    let watched = (around.watched && !alone).then_some(Say::Sentinels);
    let unit = subject.node.service.as_deref().and_then(Service::unit);
    let unit = unit.map(|unit| Say::UnitStays {
        unit: unit.name.clone(),
        drop_ins: unit.drop_ins.clone(),
        before: before_program(&unit.exec_start),
    });
    let stay = adoption.found.live.get("dir");
    let stay = stay.map(|dir| Say::FilesStay(dir.clone()));
    let rewritten = rewritten.map(Say::FileRewritten);
    let all = [changed, rewritten, pause, watched, unit, stay];
    let name = &subject.spec.name;
    let all = all.into_iter().flatten();
    all.map(|it| Warning::of(name, it)).collect()
}

/// The words before the program of a server in a command, such as `numactl`.
fn before_program(line: &str) -> String {
    let is_server = |word: &str| {
        let name = word.rsplit('/').next().unwrap_or(word);
        name.contains("-server")
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| is_server(word));
    words[..at.unwrap_or(0)].join(" ")
}
