//! Plans one primary again where there are several, or where the only one came back empty. It uses
//! the same stages as a promotion and a return. Pure.
//!
//! Where no node is a primary, the way is an ordinary promotion.

pub mod compare;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::actions::Action;
use crate::actions::role::RoleAction;
use crate::engine::warning::change::Change;
use crate::engine::{
    Ground, Mode, Operation, Plan, Refusal, Rejoin, Repair, Stage, Step, Undo, Warning,
};
use crate::plan::divergence::Own;
use crate::plan::follow::{follow_step, in_sync, loose, persist, write_roles};
use crate::plan::repoint::{below, wait_for};
use crate::plan::{gather, returning, roles, versions};
use crate::topology::sentinel::watched;
use crate::topology::situation::{Situation, situation};
use crate::topology::{Node, NodeName, Role, State, Topology};
use std::collections::BTreeMap;

/// What the first node of a pair has and the second does not have.
pub type Owns = BTreeMap<(NodeName, NodeName), Own>;

/// Plans `operation` for a deployment with several primaries, or with an emptied one.
pub fn plan(operation: &Repair, owns: &Owns, topology: &Topology) -> Result<Plan, Vec<Refusal>> {
    let mut plan = Plan {
        operation: Operation::Repair(operation.clone()),
        stages: Vec::new(),
        warnings: Vec::new(),
        may_lose: None,
    };
    let situation = situation(topology);
    let keep = chosen(operation, &situation, topology)?;
    match &situation {
        Situation::Several(primaries) => {
            let others = primaries.iter().filter(|n| n.name != keep.name);
            let others: Vec<&Node> = others.copied().collect();
            let moved = under(&others, keep, topology);
            let along = moved.iter().copied().chain(loose(keep, None, topology));
            take_copies(along, keep, &mut plan)?;
            let after = afterwards(topology, keep, &moved);
            returns(operation, &others, keep, owns, &after, &mut plan)?;
            plan.stages.extend(follow_along(keep, &moved, topology));
            plan.stages.extend(gather::stages(keep, topology));
        }
        Situation::Emptied { primary, .. } => {
            let moved = under(&[primary], keep, topology);
            take_copies(moved.iter().copied(), keep, &mut plan)?;
            emptied(keep, primary, &moved, topology, &mut plan)?;
            let after = afterwards(topology, keep, &moved);
            returns(operation, &[primary], keep, owns, &after, &mut plan)?;
            plan.stages.push(in_sync(keep, &moved));
        }
        Situation::Sound(_) | Situation::Headless | Situation::Circle(_) | Situation::Silent => {}
    }
    plan.stages.retain(|s| !s.steps.is_empty());
    Ok(plan)
}

/// The future primary. It must be one of the nodes that can be chosen.
fn chosen<'a>(
    operation: &Repair,
    situation: &Situation<'a>,
    topology: &'a Topology,
) -> Result<&'a Node, Vec<Refusal>> {
    let choice = situation.choice(topology);
    let found = choice.iter().find(|n| n.name == operation.keep);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = choice.iter().map(|n| n.name.0.as_str()).collect();
        vec![Refusal::new(
            Ground::Role,
            format!(
                "`{}` is none of the nodes that can be kept as the primary",
                operation.keep
            ),
            format!("those are {}", names.join(", ")),
        )]
    })
}

/// The others return under `keep`, each after a backup of what only it has. `topology`: as it will
/// be then.
fn returns(
    operation: &Repair,
    others: &[&Node],
    keep: &Node,
    owns: &Owns,
    topology: &Topology,
    plan: &mut Plan,
) -> Result<(), Vec<Refusal>> {
    let (mut refusals, mut losses) = (Vec::new(), Vec::new());
    let successor = topology.get(&keep.name).unwrap_or(keep);
    for node in others {
        let folder = format!("{}-{}", operation.backup, node.name);
        let discarded = operation.discard_data.contains(&node.name);
        let rejoin = Rejoin {
            node: node.name.clone(),
            under: Some(keep.name.clone()),
            backup: Some(folder).filter(|_| !discarded),
        };
        let unknown = || Own::Unknown("it was not looked at".to_owned());
        let pair = (node.name.clone(), keep.name.clone());
        let own = owns.get(&pair).cloned().unwrap_or_else(unknown);
        match returning::returns(&rejoin, (node, successor), &own, topology) {
            Ok(part) => {
                plan.stages.extend(part.stages);
                plan.warnings.extend(part.warnings);
                losses.extend(part.may_lose);
            }
            Err(more) => refusals.extend(more),
        }
    }
    plan.may_lose = Some(losses.join(", and ")).filter(|l| !l.is_empty());
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

/// Checks the nodes that will follow `keep` and are not checked one by one: they must be able to
/// load its full copies.
fn take_copies<'a>(
    nodes: impl Iterator<Item = &'a Node>,
    keep: &Node,
    plan: &mut Plan,
) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    let mut asked: Vec<&NodeName> = Vec::new();
    for node in nodes {
        if !asked.contains(&&node.name) {
            asked.push(&node.name);
            versions::follows(node, keep, &mut refusals, &mut plan.warnings);
        }
    }
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(refusals)
    }
}

/// The nodes directly under one of `above`.
fn under<'a>(above: &[&Node], keep: &Node, topology: &'a Topology) -> Vec<&'a Node> {
    let follows = |n: &&Node| {
        let up = topology.upstream_of(n);
        n.name != keep.name && up.is_some_and(|up| above.iter().any(|a| a.name == up.name))
    };
    topology.nodes.iter().filter(follows).collect()
}

/// What will be seen once `keep` is a primary and these nodes follow it.
fn afterwards(topology: &Topology, keep: &Node, moved: &[&Node]) -> Topology {
    let mut after = topology.clone();
    for node in &mut after.nodes {
        let State::Up(server) = &mut node.state else {
            continue;
        };
        if node.name == keep.name {
            server.replication.role = Role::Primary;
        } else if moved.iter().any(|m| m.name == node.name)
            && let Role::Replica(link) = &mut server.replication.role
        {
            link.address = keep.announced.clone();
        }
    }
    after
}

/// The replicas of the returned nodes follow `keep` itself.
fn follow_along(keep: &Node, moved: &[&Node], topology: &Topology) -> Vec<Stage> {
    let follow = Stage {
        title: format!("let their replicas follow {}", keep.name),
        mode: Mode::KeepGoing,
        steps: moved.iter().map(|n| follow_step(n, keep)).collect(),
    };
    let further = moved.iter().flat_map(|n| below(n, topology)).collect();
    vec![
        follow,
        persist(moved),
        in_sync(keep, moved),
        wait_for(further, topology),
    ]
}

/// Takes `keep` away from the empty primary at once, before `keep` loses its data too. The others
/// follow `keep`.
fn emptied(
    keep: &Node,
    primary: &Node,
    others: &[&Node],
    topology: &Topology,
    plan: &mut Plan,
) -> Result<(), Vec<Refusal>> {
    if let Some(count) = watched(topology) {
        let (s, es) = if count == 1 { ("", "es") } else { ("s", "") };
        return Err(vec![Refusal::new(
            Ground::Sentinel,
            format!(
                "{count} Sentinel{s} watch{es}, and would make `{}` follow `{}` again",
                keep.name, primary.name
            ),
            format!(
                "stop `{0}` on its host, and they fail over; then: replctl rejoin {0}",
                primary.name
            ),
        )]);
    }
    let name = &keep.name;
    plan.stages = vec![
        Stage {
            title: format!(
                "take {name} away from {} while it has its data",
                primary.name
            ),
            mode: Mode::Atomic,
            steps: vec![
                roles::check(keep, topology),
                Step::new(name, Action::Role(RoleAction::Promote), Undo::Impossible),
            ],
        },
        Stage {
            title: format!("let the others follow {name}"),
            mode: Mode::KeepGoing,
            steps: others
                .iter()
                .map(|n| follow_step(n, keep))
                .chain(write_roles(keep, others))
                .collect(),
        },
    ];
    let meanwhile = Change::TwoMeanwhile(name.clone());
    plan.warnings.push(Warning::of(&primary.name, meanwhile));
    Ok(())
}
