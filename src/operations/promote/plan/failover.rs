//! Plans a promotion when the primary is dead. Pure.
//!
//! replctl confirms the death itself (no answer) and by the replicas (they hear nothing). It stops
//! the old server if the host can be reached. The candidate must have no less data than any other
//! replica that answers.

use super::compared::{estimate, never_synced};
use crate::actions::Action;
use crate::actions::local::LocalAction;
use crate::actions::role::RoleAction;
use crate::actions::server::ServerAction;
use crate::actions::service::ServiceAction;
use crate::engine::warning::change::Change;
use crate::engine::{Accept, Ground, Mode, Plan, Promote, Refusal, Stage, Step, Undo, Warning};
use crate::plan::case::{Access, Lost};
use crate::plan::follow::{follow_step, in_sync, loose, write_roles};
use crate::plan::root::{Root, walk};
use crate::plan::{preflight, roles};
use crate::topology::{Link, Node, NodeName, State, Topology};
use std::collections::BTreeMap;

/// How long the replicas' offsets must stand still, ms at most.
const QUIET_MS: u64 = 5_000;
/// A live primary sends a PING at least every this many seconds (`repl-ping-replica-period`). A
/// replica that heard nothing for one second longer has no live primary.
const PING_SECONDS: u64 = 10;

/// Fills in the stages for promoting `target` in place of what was lost.
pub fn plan(
    operation: &Promote,
    target: &Node,
    lost: &Lost<'_>,
    topology: &Topology,
    access: &BTreeMap<NodeName, Access>,
    plan: &mut Plan,
) -> Result<(), Vec<Refusal>> {
    let Some(new) = target.server() else {
        return preflight::answers(target);
    };
    let old = lost.node();
    let can_stop = old.is_some_and(|o| access.get(&o.name) == Some(&Access::Yes));
    let mut refusals = Vec::new();
    preflight::readiness(target, new, None, &mut refusals);
    preflight::watched(target, new, &mut refusals);
    preflight::beside_sentinels(operation, target, new, &mut refusals);
    preflight::drift(
        operation,
        target,
        new,
        new,
        topology,
        &mut refusals,
        &mut plan.warnings,
    );
    if !matches!(lost, Lost::Nobody) {
        death(
            operation,
            target,
            old,
            can_stop,
            topology,
            access,
            &mut refusals,
            &mut plan.warnings,
        );
    }
    never_synced(operation, target, new, &mut refusals, &mut plan.warnings);
    let told = (&mut refusals, &mut plan.warnings);
    let may_lose = estimate(operation, target, new, lost, topology, told);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    plan.may_lose = may_lose;
    plan.stages = stages(operation, target, old, can_stop, topology);
    Ok(())
}

fn stages(
    operation: &Promote,
    target: &Node,
    old: Option<&Node>,
    can_stop: bool,
    topology: &Topology,
) -> Vec<Stage> {
    let others: Vec<&Node> = loose(target, old, topology).collect();
    // In a circle, some nodes follow the target already. They may have as much data, and they are
    // linked anew.
    let under = |n: &&Node| {
        topology
            .upstream_of(n)
            .is_some_and(|up| up.name == target.name && n.name != target.name)
    };
    let in_circle = matches!(walk(target, topology), Root::Loop);
    let below = topology.nodes.iter().filter(|_| in_circle).filter(under);
    let moved: Vec<&Node> = others
        .iter()
        .copied()
        .chain(below.filter(|n| !others.iter().any(|o| o.name == n.name)))
        .collect();
    let mut stages: Vec<Stage> = old.filter(|_| can_stop).map(stopped).into_iter().collect();
    let quiet = std::iter::once(&target).chain(&moved).map(|n| {
        let within_ms = QUIET_MS;
        let quiet = Action::Server(ServerAction::AwaitQuiet { within_ms });
        Step::new(&n.name, quiet, Undo::Nothing)
    });
    stages.push(Stage {
        title: "let arrive what is in flight".to_owned(),
        mode: Mode::Gate,
        steps: quiet.collect(),
    });
    stages.push(promoted(operation, target, &moved, topology));
    let mut repoint: Vec<Step> = others.iter().map(|n| follow_step(n, target)).collect();
    repoint.extend(
        old.into_iter()
            .flat_map(|old| fenced(old, target, can_stop)),
    );
    repoint.extend(write_roles(target, &moved));
    stages.push(Stage {
        title: "repoint the others before the old primary can come back, and make the roles outlive a restart".to_owned(),
        mode: Mode::KeepGoing,
        steps: repoint,
    });
    stages.push(in_sync(target, &moved));
    stages
}

/// Makes sure that the old primary does not run. An undo does not start it again: it gave no answer
/// before, and a second primary is worse than none.
fn stopped(old: &Node) -> Stage {
    let stop = Action::Service(ServiceAction::StopServer);
    Stage {
        title: format!("make sure that {} is stopped", old.name),
        mode: Mode::Atomic,
        steps: vec![Step::new(&old.name, stop, Undo::Nothing)],
    }
}

/// The promotion, and the checks right before it.
fn promoted(operation: &Promote, target: &Node, moved: &[&Node], topology: &Topology) -> Stage {
    let mut steps = Vec::new();
    if !operation.accept.contains(&Accept::DataLoss) {
        let same = |n: &&&Node| {
            let history = |n: &Node| n.server().map(|s| s.replication.replid.clone());
            history(n) == history(target)
        };
        let others: Vec<NodeName> = moved.iter().filter(same).map(|n| n.name.clone()).collect();
        if !others.is_empty() {
            let check = Action::Server(ServerAction::CheckMostAdvanced { others });
            steps.push(Step::new(&target.name, check, Undo::Nothing));
        }
    }
    // The old primary may have come back during the wait for data in flight.
    steps.push(roles::check(target, topology));
    let promote = Action::Role(RoleAction::Promote);
    steps.push(Step::new(&target.name, promote, Undo::Impossible));
    Stage {
        title: format!("fail over to {}", target.name),
        mode: Mode::Atomic,
        steps,
    }
}

/// Makes the old primary return as a replica. If its host cannot be reached, its demotion is noted
/// as pending.
fn fenced(old: &Node, target: &Node, can_stop: bool) -> Vec<Step> {
    let address = target.source_for(old.server());
    let remember = Action::Local(LocalAction::RememberDemotion {
        address: address.clone(),
    });
    let fence = Action::Service(ServiceAction::FenceFile { address });
    let actions = if can_stop {
        vec![fence, remember]
    } else {
        vec![remember]
    };
    actions
        .into_iter()
        .map(|action| Step::new(&old.name, action, Undo::Nothing))
        .collect()
}

/// Checks that the primary is dead and stays dead.
#[allow(clippy::too_many_arguments)]
fn death(
    operation: &Promote,
    target: &Node,
    old: Option<&Node>,
    can_stop: bool,
    topology: &Topology,
    access: &BTreeMap<NodeName, Access>,
    refusals: &mut Vec<Refusal>,
    warnings: &mut Vec<Warning>,
) {
    let accepted = operation.accept.contains(&Accept::SplitBrain);
    let go_on = format!("replctl promote {} --accept-split-brain", target.name);
    let hears = topology
        .nodes
        .iter()
        .filter(|n| follows_dead(n, old, topology))
        .find(|n| hears_from_upstream(n));
    let Some(old) = old else {
        refusals.extend(stranger(hears, accepted, go_on));
        return;
    };
    if let State::Down(trouble) = &old.state
        && trouble.kind.is_alive()
    {
        refusals.push(Refusal::new(
            Ground::Unreachable,
            format!(
                "`{}` is alive, so its writes can be saved, and only replctl cannot use it: {}",
                old.name, trouble.detail
            ),
            "repair that, then promote again",
        ));
        return;
    }
    if let Some(hearer) = hears.filter(|_| !can_stop && !accepted) {
        refusals.push(Refusal::new(
            Ground::SplitBrain,
            format!("`{}` does not answer replctl, but `{}` heard from it a moment ago: it may be alive", old.name, hearer.name),
            format!("look again in {PING_SECONDS} s, or accept that writes it still takes are lost: {go_on}"),
        ).about(&hearer.name).unless(Accept::SplitBrain));
    }
    let reason = match access.get(&old.name) {
        Some(Access::Yes) => return,
        Some(Access::No(reason)) => reason.as_str(),
        None => "it was not tried",
    };
    let meaning = Warning::of(&old.name, Change::OldPrimaryLives(reason.to_owned()));
    if accepted {
        warnings.push(meaning);
    } else {
        let refusal = Refusal::new(Ground::SplitBrain, meaning.text(), go_on);
        refusals.push(refusal.unless(Accept::SplitBrain));
    }
}

/// The old primary is in no inventory, and cannot be stopped.
fn stranger(hears: Option<&Node>, accepted: bool, go_on: String) -> Option<Refusal> {
    if let Some(hearer) = hears {
        let alive = Refusal::new(
            Ground::Topology,
            format!(
                "`{}` replicates from a primary that is alive and not in the inventory",
                hearer.name
            ),
            "add that primary to the inventory as a node of its own",
        );
        return Some(alive.about(&hearer.name));
    }
    let lost = || {
        Refusal::new(
            Ground::SplitBrain,
            "the old primary is no node of the inventory, so it cannot be stopped: if it lives, it goes on taking writes that are lost later",
            go_on,
        )
    };
    (!accepted).then(|| lost().unless(Accept::SplitBrain))
}

fn follows_dead(node: &Node, old: Option<&Node>, topology: &Topology) -> bool {
    if node.upstream().is_none() {
        return false;
    }
    match (topology.upstream_of(node), old) {
        (Some(above), Some(old)) => above.name == old.name,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// A frozen primary still shows as `up`; only the time since the last byte grows.
fn hears_from_upstream(node: &Node) -> bool {
    node.upstream()
        .is_some_and(|u| u.link == Link::Up && u.last_io_seconds.is_some_and(|s| s <= PING_SECONDS))
}
