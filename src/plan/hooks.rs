//! The operator's own commands around a promotion, as ordinary steps of its plan. Pure.

use super::case::{Case, find_case};
use crate::actions::Action;
use crate::actions::hook::{Change, Hook, Party};
use crate::actions::server::ServerAction;
use crate::engine::warning::change::Change as Roles;
use crate::engine::{Mode, Plan, Promote, Stage, Step, Undo, Warning};
use crate::inventory::hooks::{HookPoint, Hooks};
use crate::topology::{Address, Topology};

/// The operator's choice about the hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    All,
    /// A repeated attempt: `before_promote` has agreed already.
    Again,
    /// `--no-hooks`.
    None,
}

/// Adds the hooks of the inventory to a plan that changes the primary.
pub fn add(
    plan: &mut Plan,
    operation: &Promote,
    topology: &Topology,
    hooks: &Hooks,
    wanted: Wanted,
) {
    let target = topology.get(&operation.node);
    let Some(target) = target.filter(|_| plan.changes_roles() && hooks.points().next().is_some())
    else {
        return;
    };
    if wanted == Wanted::None {
        let names = hooks.points().map(HookPoint::key).collect();
        let left_out = Roles::HooksLeftOut(names);
        plan.warnings.push(Warning::of_all(left_out));
        return;
    }
    let (change, old) = match find_case(target, topology) {
        Ok(Case::HandOver { old }) => (Change::HandOver, Some(party(old))),
        Ok(Case::FailOver { lost }) => {
            let stranger = || {
                let address = target.upstream().map(|up| up.address.clone());
                let known = |a: &Address| topology.at(a).is_some();
                address.filter(|a| !known(a)).map(|address| Party {
                    name: None,
                    address,
                })
            };
            (Change::FailOver, lost.node().map(party).or_else(stranger))
        }
        Ok(Case::Already) | Err(_) => return,
    };
    let step = |point: HookPoint| {
        let command = hooks.get(point)?;
        let hook = Hook {
            point,
            command: command.to_string(),
            within_ms: u64::from(hooks.timeout) * 1000,
            change,
            old: old.clone(),
            new: party(target),
        };
        let action = Action::Hook(Box::new(hook));
        Some(Step::new(&operation.node, action, Undo::Nothing))
    };
    let stage = |title: &str, mode: Mode, step: Step| Stage {
        title: title.to_owned(),
        mode,
        steps: vec![step],
    };
    if let Some(step) = step(HookPoint::AfterPromote) {
        let stage = stage("tell of the new primary", Mode::KeepGoing, step);
        plan.stages.insert(after_promote_index(plan), stage);
    }
    if let Some(step) = step(HookPoint::BeforePromote).filter(|_| wanted == Wanted::All) {
        let stage = stage("ask whether it may be done", Mode::Gate, step);
        plan.stages.insert(0, stage);
    }
    if let Some(step) = step(HookPoint::OnFailure) {
        plan.stages
            .push(stage("only if it fails", Mode::OnFailure, step));
    }
}

fn party(node: &crate::topology::Node) -> Party {
    Party {
        name: Some(node.name.clone()),
        address: node.announced.clone(),
    }
}

/// The place of `after_promote` in the plan: after the promotion and after the other nodes got
/// their new upstream. Their resync may take long, and clients must not wait for it.
fn after_promote_index(plan: &Plan) -> usize {
    let promotes = |s: &Stage| s.steps.iter().any(|s| s.action.promotes());
    let after = plan.stages.iter().position(promotes).map_or(0, |i| i + 1);
    let waits = |s: &Stage| {
        s.steps.iter().any(|s| {
            matches!(
                s.action,
                Action::Server(
                    ServerAction::AwaitInSync { .. } | ServerAction::SetDirective { .. }
                )
            )
        })
    };
    let next = plan.stages.iter().skip(after).position(waits);
    next.map_or(plan.stages.len(), |i| after + i)
}

/// The hooks of a plan, each with its place: stage, step.
pub fn of(plan: &Plan) -> impl Iterator<Item = ((usize, usize), &Hook)> {
    plan.numbered().filter_map(|(place, step)| {
        if let Action::Hook(hook) = &step.action {
            Some((place, hook.as_ref()))
        } else {
            None
        }
    })
}

/// Fills in the commands of a plan from a journal, which does not store them.
pub fn name_commands(plan: &mut Plan, hooks: &Hooks) {
    for step in plan.stages.iter_mut().flat_map(|s| &mut s.steps) {
        if let Action::Hook(hook) = &mut step.action {
            hook.command = hooks
                .get(hook.point)
                .map(ToString::to_string)
                .unwrap_or_default();
        }
    }
}
