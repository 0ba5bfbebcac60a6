//! `setup`: bare hosts, or hosts with something on them, to a running and proved deployment.
//!
//! Live roles win: the inventory says only how nodes begin. The plan leaves out what already holds,
//! so that a second run has nothing to do.

mod headless;
mod hosts;
mod names;
pub mod password;
mod roles;
mod settings;
#[cfg(test)]
pub mod tests;

use super::checks;
use crate::actions::Action;
use crate::actions::host::PayloadInfo;
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::engine::{Add, Mode, Operation, Plan, Properties, Refusal, Setup, Stage, Step, Undo};
use crate::inventory::{Inventory, NodeSpec};
use crate::plan::facts::{HostFacts, StoredData, Unseen};
use crate::plan::hosts::HostLook;
use crate::plan::root::{Root, walk};
use crate::topology::{Link, NodeName, Product, Topology, phrases};
pub use roles::Wiring;
use std::collections::BTreeMap;
use std::ops::Deref;

/// A server that loads its data answers at once, so this is about starting only.
const ANSWER_MS: u64 = 30_000;

/// How long a replica may make no progress before it counts as stuck. A resync that makes progress
/// may take longer.
const IN_SYNC_MS: u64 = 30_000;

/// Everything the planner looks at.
pub struct Look<'a> {
    pub op: &'a Setup,
    /// The inventory, the nodes and their hosts.
    pub at: HostLook<'a>,
    /// A node without an upstream goes where the inventory says, whichever node is the primary.
    pub insists: bool,
    /// The operation that brings the one node into the inventory.
    pub adding: Option<&'a Add>,
}

impl<'a> Deref for Look<'a> {
    type Target = HostLook<'a>;

    fn deref(&self) -> &HostLook<'a> {
        &self.at
    }
}

impl<'a> Look<'a> {
    /// The nodes to work on, in inventory order.
    pub fn scope(&self) -> impl Iterator<Item = &'a NodeSpec> {
        self.inventory
            .nodes
            .iter()
            .filter(|n| self.op.nodes.is_empty() || self.op.nodes.contains(&n.name))
    }

    fn in_scope(&self, name: &NodeName) -> bool {
        self.scope().any(|n| n.name == *name)
    }

    fn discards(&self, name: &NodeName) -> bool {
        self.op.discard_data.contains(name)
    }

    /// The command that discards a node's data. `setup` does not know a node that is not in the
    /// inventory yet, so such a node needs `add`.
    fn discarding(&self, name: &NodeName) -> String {
        let line = match self.adding {
            Some(add) if add.node == *name => add.line(),
            Some(_) | None => "setup".to_owned(),
        };
        format!("replctl {line} --discard-data {name}")
    }
}

/// Plans `setup`. `hosts` has an entry for every node that is worked on; its error is one phrase.
/// All refusals come at once.
pub fn plan(
    op: &Setup,
    inventory: &Inventory,
    topology: &Topology,
    hosts: &BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    payload: &[PayloadInfo],
) -> Result<Plan, Vec<Refusal>> {
    planned(&Look {
        op,
        at: HostLook::new(inventory, topology, hosts, payload),
        insists: false,
        adding: None,
    })
}

/// Plans `setup` of the one node that `add` brings. If `add` names an upstream, the node goes where
/// the inventory says, whichever node is the primary.
pub fn of_one(add: &Add, at: &HostLook<'_>) -> Result<Plan, Vec<Refusal>> {
    let discarded = Some(add.node.clone()).filter(|_| add.discard_data);
    let op = Setup {
        nodes: vec![add.node.clone()],
        discard_data: discarded.into_iter().collect(),
    };
    planned(&Look {
        op: &op,
        at: *at,
        insists: add.replicaof.is_some(),
        adding: Some(add),
    })
}

fn planned(look: &Look<'_>) -> Result<Plan, Vec<Refusal>> {
    let mut refusals = checks::refusals(look);
    let foreign = checks::foreign::refusals(look);
    if !foreign.is_empty() {
        // The upstreams of the other nodes are planned once it is known which nodes are meant.
        refusals.extend(foreign);
        return Err(refusals);
    }
    let wiring = match roles::wiring(look) {
        Ok(wiring) => wiring,
        Err(more) => {
            refusals.extend(more);
            return Err(refusals);
        }
    };
    let (refused, unsure) = checks::versions(look, &wiring);
    refusals.extend(refused);
    refusals.extend(names::refusals(look, &wiring));
    refusals.extend(password::open_primary(look, &wiring));
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let mut warnings = checks::warnings(look);
    warnings.extend(names::warnings(look));
    warnings.extend(unsure);
    warnings.extend(wiring.warnings.iter().cloned());
    let changes = settings::changes(look, &wiring);
    warnings.extend(changes.warnings);
    let mut stages = stages(look, &wiring, changes.steps);
    stages.retain(|s| !s.steps.is_empty());
    Ok(Plan {
        operation: Operation::Setup(look.op.clone()),
        stages,
        warnings,
        may_lose: may_lose(look, &wiring),
    })
}

fn stages(look: &Look<'_>, wiring: &Wiring, settings: Vec<Step>) -> Vec<Stage> {
    let primary = &wiring.primary;
    let fresh: Vec<&NodeName> = wiring.fresh().collect();
    let quick = first_sync(look, wiring, &fresh);
    // All of one host in one stage: what fails there is put back as a whole.
    let set_up = |name: &NodeName| {
        let node = look.inventory.get(name);
        let prepare = node.map_or(Vec::new(), |n| hosts::prepare(look, wiring, n));
        prepare.into_iter().chain(hosts::start(look, name))
    };
    let mut the_primary = Vec::new();
    if wiring.starts.contains(primary) {
        the_primary.extend(set_up(primary));
    }
    the_primary.extend(quick.clone().map(|off| off.0));
    let replicas = wiring.starts.iter().filter(|n| *n != primary);
    let running = look.scope().filter(|n| !wiring.starts.contains(&n.name));
    let wire = wiring.attach.iter().flat_map(|n| wire(look, wiring, n));
    let in_sync = fresh.iter().filter_map(|n| {
        let with = wiring.upstream.get(n)?.clone();
        Some(Step::new(
            n,
            Action::Server(ServerAction::AwaitInSync {
                with,
                within_ms: IN_SYNC_MS,
            }),
            Undo::Nothing,
        ))
    });
    let built = wiring.starts.iter().flat_map(|n| hosts::build(look, n));
    let proof = prove(look, wiring, &settings, &fresh);
    vec![
        Stage::new(
            "bring the hosts up to date",
            Mode::PerNode,
            running
                .flat_map(|n| hosts::prepare(look, wiring, n))
                .collect(),
        ),
        Stage::new("build the server", Mode::PerNode, built.collect()),
        Stage::new("set up the primary", Mode::PerNode, the_primary),
        Stage::new(
            "set up the replicas",
            Mode::PerNode,
            replicas.flat_map(set_up).collect(),
        ),
        Stage::new("attach the replicas", Mode::PerNode, wire.collect()),
        Stage::new("wait until in sync", Mode::Gate, in_sync.collect()),
        Stage::new(
            "apply settings",
            Mode::PerNode,
            quick.map(|on| on.1).into_iter().chain(settings).collect(),
        ),
        Stage::new("prove it", Mode::Gate, proof.into_iter().collect()),
    ]
}

/// A running node without data of its own (or whose data may go) becomes a replica, now and at its
/// next start.
fn wire(look: &Look<'_>, wiring: &Wiring, name: &NodeName) -> Vec<Step> {
    let Some(upstream) = wiring
        .upstream
        .get(name)
        .and_then(|u| look.inventory.get(u))
    else {
        return Vec::new();
    };
    let undo = if look.discards(name) {
        Undo::Impossible
    } else {
        // No data was lost, and the next run goes on from here.
        Undo::Nothing
    };
    let follow = Action::Role(RoleAction::Follow {
        upstream: upstream.name.clone(),
        address: upstream.announced().clone(),
    });
    vec![
        Step::new(name, follow, undo),
        Step::new(
            name,
            Action::Server(ServerAction::PersistRole),
            Undo::Nothing,
        ),
    ]
}

/// The first sync of a primary without keys goes through the disk, which takes milliseconds. A
/// diskless sync waits for seconds, and then holds the first write back for one more. Returns the
/// step before and the step after.
fn first_sync(look: &Look<'_>, wiring: &Wiring, fresh: &[&NodeName]) -> Option<(Step, Step)> {
    let primary = &wiring.primary;
    if fresh.is_empty() || !diskless_wanted(look, primary) {
        return None;
    }
    let node = look.topology.get(primary);
    // replctl does not change the settings of foreign servers, and does not use the room on their
    // disks.
    if node.is_some_and(|n| n.service.as_ref().is_some_and(|s| !s.managed)) && look.runs(primary) {
        return None;
    }
    let live = node.and_then(|n| n.server());
    let applies = match live {
        Some(server) => {
            server.key_count() == 0
                && server
                    .config
                    .get("repl-diskless-sync")
                    .is_some_and(|v| v == "yes")
        }
        None => look
            .facts(primary)
            .is_some_and(|f| f.data != StoredData::Keys),
    };
    let set = |value: &str| {
        Action::Server(ServerAction::SetDirective {
            name: "repl-diskless-sync".to_owned(),
            value: value.to_owned(),
        })
    };
    applies.then(|| {
        (
            Step::new(primary, set("no"), Undo::By(set("yes"))),
            Step::new(primary, set("yes"), Undo::Nothing),
        )
    })
}

/// Whether the primary should send full resyncs without the disk: as the inventory says, else as
/// its server does by default.
fn diskless_wanted(look: &Look<'_>, primary: &NodeName) -> bool {
    let Some(node) = look.inventory.get(primary) else {
        return false;
    };
    if let Some(value) = node.config.get("repl-diskless-sync").and_then(|v| v.last()) {
        return value.trim().eq_ignore_ascii_case("yes");
    }
    let live = look.topology.get(primary).and_then(|n| n.server());
    let version = match live {
        Some(server) => Some((server.product, server.version.major)),
        None if look.brings_server() => look
            .facts(primary)
            .and_then(|f| look.payload_for(&f.arch))
            .map(|p| (p.product, p.version.major)),
        None => None,
    };
    version.is_some_and(|(product, major)| product == Product::Valkey || major >= 7)
}

/// A write on the primary, seen on every replica, wherever something was started, attached or set.
fn prove(look: &Look<'_>, wiring: &Wiring, settings: &[Step], fresh: &[&NodeName]) -> Option<Step> {
    let changed = !wiring.starts.is_empty() || !wiring.attach.is_empty() || !settings.is_empty();
    let live = |name: &NodeName| {
        look.topology.get(name).is_some_and(|n| {
            n.upstream().is_some_and(|u| u.link == Link::Up)
                && matches!(walk(n, look.topology), Root::Primary(top) if top.name == wiring.primary)
        })
    };
    let replicas: Vec<NodeName> = look
        .inventory
        .nodes
        .iter()
        .map(|n| &n.name)
        .filter(|n| **n != wiring.primary && (fresh.contains(n) || live(n)))
        .cloned()
        .collect();
    (changed && !replicas.is_empty()).then(|| {
        Step::new(
            &wiring.primary,
            Action::Server(ServerAction::ProveWrite { replicas }),
            Undo::Nothing,
        )
    })
}

fn may_lose(look: &Look<'_>, wiring: &Wiring) -> Option<String> {
    let lost: Vec<String> = wiring
        .fresh()
        .filter(|n| look.discards(n))
        .map(|n| match look.topology.get(n).and_then(|n| n.server()) {
            Some(server) => format!("the {} of `{n}`", phrases::keys(server.key_count())),
            None => format!("what `{n}` has on its disk"),
        })
        .collect();
    (!lost.is_empty()).then(|| {
        format!(
            "{} will be replaced by the data of `{}`",
            lost.join(" and "),
            wiring.primary
        )
    })
}
