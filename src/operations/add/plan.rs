//! `add`: takes a new node into the inventory and into the deployment, completely or not at all.
//! The plan writes the node down, sets it up as `setup` sets up one node, and proves it by a write
//! that is read on it. Pure.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::actions::Action;
use crate::actions::host::PayloadInfo;
use crate::actions::local::LocalAction;
use crate::actions::server::ServerAction;
use crate::config::Paths;
use crate::engine::warning::inventory::Inventory as Members;
use crate::engine::{Add, Ground, Mode, Operation, Plan, Refusal, Stage, Step, Undo, Warning};
use crate::inventory::Inventory;
use crate::inventory::edit::Edit;
use crate::plan::facts::{HostFacts, Listener, Unseen};
use crate::plan::follow::IN_SYNC_MS;
use crate::plan::hosts::{HostLook, apart};
use crate::plan::root::{Root, walk};
use crate::plan::versions;
use crate::topology::candidate::{primaries, same_process};
use crate::topology::{Link, NodeName, Topology, sentinel};
use std::collections::BTreeMap;

/// The input of the plan.
pub struct AddInput<'a> {
    /// The inventory with the node in it.
    pub inventory: &'a Inventory,
    /// All nodes except detached ones. The new node is among them.
    pub topology: &'a Topology,
    /// The new node's host.
    pub hosts: &'a BTreeMap<NodeName, Result<HostFacts, Unseen>>,
    /// The server programs that replctl can install there.
    pub payload: &'a [PayloadInfo],
    /// How `setup` plans one node.
    pub set_up: SetUpOne,
}

/// Plans the setup of the one node that is added.
pub type SetUpOne = fn(&Add, &HostLook<'_>) -> Result<Plan, Vec<Refusal>>;

/// Plans it. `edit` writes the node into the inventory. All refusals come at once.
pub fn plan(op: &Add, edit: &Edit, around: &AddInput<'_>) -> Result<Plan, Vec<Refusal>> {
    let topology = around.topology;
    let primary = primaries(topology).into_iter().find(|p| p.name != op.node);
    let mut refusals = against(op, topology);
    if let (Some(primary), Some(upstream)) = (primary, runs_already(op, around)) {
        refusals.extend(follows_another(op, &upstream));
        return if refusals.is_empty() {
            let mut plan = taken_in(op, edit, &primary.name, &upstream);
            plan.warnings.extend(unsure_copies(op, &upstream, topology));
            Ok(plan)
        } else {
            Err(refusals)
        };
    }
    if !around.inventory.accounts.is_plain() {
        refusals.push(Refusal::new(
            Ground::Unsupported,
            "`add` makes no users of access lists, and `[deployment]` of the inventory names `user`, `masteruser` or `masterauth`",
            format!("set up the server of `{}` with those users by hand and let it replicate; then run this again, and it is written into the inventory", op.node),
        ));
    } else if refusals.is_empty() {
        let set_up = set_up(op, around)?;
        let upstream = upstream(op, &set_up, topology)?;
        let proved = primary.map(|primary| proof(&op.node, &primary.name, &upstream));
        let mut warnings = set_up.warnings;
        warnings.extend(names_of_others(op, around.inventory));
        return Ok(Plan {
            operation: Operation::Add(op.clone()),
            stages: vec![together(
                &op.node,
                steps(edit, around, set_up.stages, proved),
            )],
            warnings,
            may_lose: set_up.may_lose,
        });
    }
    Err(refusals)
}

/// As `setup` plans it for one node.
fn set_up(op: &Add, around: &AddInput<'_>) -> Result<Plan, Vec<Refusal>> {
    let look = HostLook {
        inventory: around.inventory,
        topology: around.topology,
        hosts: around.hosts,
        payload: around.payload,
    };
    (around.set_up)(op, &look)
}

/// The refusals that do not depend on its host.
fn against(op: &Add, topology: &Topology) -> Vec<Refusal> {
    let mut out: Vec<Refusal> = beside_sentinels(op, topology).into_iter().collect();
    let Some(node) = topology.get(&op.node) else {
        return out;
    };
    let mut others = topology.nodes.iter().filter(|n| n.name != node.name);
    if let Some(same) = others.find(|other| same_process(node, other)) {
        out.push(Refusal::new(
            Ground::Inventory,
            format!(
                "at {} answers the server of `{}`: they would be one and the same",
                node.address, same.name
            ),
            "check --address",
        ));
    } else if node.is_primary() {
        out.push(Refusal::new(
            Ground::Role,
            format!("`{}` runs, as a primary of its own", op.node),
            "stop its server first, and run this again",
        ));
    }
    out
}

/// Refuses another upstream for a node that already runs.
fn follows_another(op: &Add, upstream: &NodeName) -> Option<Refusal> {
    let node = &op.node;
    let wanted = op.replicaof.as_ref().filter(|w| *w != upstream)?;
    Some(Refusal::new(
        Ground::Topology,
        format!("`{node}` runs and replicates from `{upstream}`, not from `{wanted}`"),
        format!("leave out --replicaof, and then: replctl move {node} --under {wanted}"),
    ))
}

/// Refuses a replica of a replica where Sentinels watch: Sentinel would put it under the primary.
fn beside_sentinels(op: &Add, topology: &Topology) -> Option<Refusal> {
    let count = sentinel::watched(topology)?;
    let under = topology.get(op.replicaof.as_ref()?)?;
    let (s, es) = if count == 1 { ("", "es") } else { ("s", "") };
    (!under.is_primary()).then(|| {
        Refusal::new(
            Ground::Sentinel,
            format!("{count} Sentinel{s} watch{es}, and put a replica of the replica `{}` under the primary", under.name),
            "leave out --replicaof",
        )
    })
}

/// The upstream of a node that is already a good replica of this deployment. Only for a node that
/// replctl has not set up, or whose host it cannot look at.
fn runs_already(op: &Add, around: &AddInput<'_>) -> Option<NodeName> {
    let ours = match around.hosts.get(&op.node) {
        Some(Ok(facts)) => {
            let port = around.inventory.get(&op.node).map(|n| n.address.port);
            facts.listener == Listener::Ours && port.is_some_and(|p| facts.made(p))
        }
        Some(Err(_)) | None => false,
    };
    let node = around.topology.get(&op.node).filter(|_| !ours)?;
    let linked = node.upstream().is_some_and(|up| up.link == Link::Up);
    let leads = matches!(walk(node, around.topology), Root::Primary(_));
    let above = around.topology.upstream_of(node)?;
    (linked && leads).then(|| above.name.clone())
}

/// The plan for a node that only has to be written into the inventory.
fn taken_in(op: &Add, edit: &Edit, primary: &NodeName, upstream: &NodeName) -> Plan {
    let node = &op.node;
    let mut steps = vec![write(edit)];
    steps.extend(proof(node, primary, upstream));
    Plan {
        operation: Operation::Add(op.clone()),
        stages: vec![together(node, steps)],
        warnings: vec![Warning::of(node, Members::TakenIn)],
        may_lose: None,
    }
}

/// The node replicates already. Warns of full copies that its version may not be able to load at
/// its next full resync.
fn unsure_copies(op: &Add, upstream: &NodeName, topology: &Topology) -> Option<Warning> {
    versions::warning(topology.get(&op.node)?, topology.get(upstream)?)
}

fn write(edit: &Edit) -> Step {
    let back = Action::Local(LocalAction::EditInventory(Box::new(edit.reversed())));
    Step::new(
        &edit.node,
        Action::Local(LocalAction::EditInventory(Box::new(edit.clone()))),
        Undo::By(back),
    )
}

fn together(node: &NodeName, steps: Vec<Step>) -> Stage {
    Stage {
        title: format!("add {node}"),
        mode: Mode::Atomic,
        steps,
    }
}

fn proof(node: &NodeName, primary: &NodeName, upstream: &NodeName) -> [Step; 2] {
    let in_sync = Action::Server(ServerAction::AwaitInSync {
        with: upstream.clone(),
        within_ms: IN_SYNC_MS,
    });
    let written = Action::Server(ServerAction::ProveWrite {
        replicas: vec![node.clone()],
    });
    [
        Step::new(node, in_sync, Undo::Nothing),
        Step::new(primary, written, Undo::Nothing),
    ]
}

/// The steps of `setup` for one node, in one stage with the edit. If a step fails, all steps before
/// it are put back too.
fn steps(
    edit: &Edit,
    around: &AddInput<'_>,
    set_up: Vec<Stage>,
    proved: Option<[Step; 2]>,
) -> Vec<Step> {
    let mut steps = vec![write(edit)];
    for step in set_up.into_iter().flat_map(|stage| stage.steps) {
        if !matches!(step.action, Action::Server(ServerAction::ProveWrite { .. })) {
            let spec = around.inventory.get(&step.node);
            let data = spec.map(|spec| Paths::of(around.inventory, spec).data());
            match data {
                Some(data) => steps.extend(apart(&data, step)),
                None => steps.push(step),
            }
        }
    }
    let waits = steps
        .iter()
        .any(|s| matches!(s.action, Action::Server(ServerAction::AwaitInSync { .. })));
    if let Some([in_sync, written]) = proved {
        steps.extend((!waits).then_some(in_sync));
        steps.push(written);
    }
    steps
}

/// The node that it will follow. Refuses if the operator named another one.
fn upstream(op: &Add, set_up: &Plan, topology: &Topology) -> Result<NodeName, Vec<Refusal>> {
    let node = &op.node;
    let planned = set_up.steps().find_map(|step| {
        if let Action::Server(ServerAction::AwaitInSync { with, .. }) = &step.action {
            (step.node == *node).then_some(with)
        } else {
            None
        }
    });
    let now = topology.get(node).and_then(|n| topology.upstream_of(n));
    let Some(upstream) = planned.or(now.map(|up| &up.name)) else {
        let why = format!("`{node}` runs, and replicates from no node of this deployment");
        return Err(vec![Refusal::new(
            Ground::Topology,
            why,
            "stop its server first, or give the new node another address",
        )]);
    };
    match &op.replicaof {
        Some(wanted) if wanted != upstream => Err(vec![Refusal::new(
            Ground::Topology,
            format!("`{node}` cannot follow `{wanted}`, which does not lead to the primary now"),
            format!("leave out --replicaof: it then follows `{upstream}`"),
        )]),
        Some(_) | None => Ok(upstream.clone()),
    }
}

/// Warns that the name tables of the other hosts do not have the new node.
fn names_of_others(op: &Add, inventory: &Inventory) -> Option<Warning> {
    let lack = || Warning::of(&op.node, Members::HostsLackName);
    inventory.server.hostnames.then(lack)
}
