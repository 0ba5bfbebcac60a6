//! Promotions with hooks: the state of the world when each hook runs, after any death or failure.

use super::harness::Injected;
use super::world::World;
use super::{access, operations, topologies};
use crate::engine::journal::Outcome;
use crate::engine::{Mode, Plan, Promote};
use crate::inventory::hooks::{HookCommand, HookPoint, Hooks};
use crate::operations::promote;
use crate::plan::hooks::{Wanted, add};
use crate::topology::{NodeName, Topology};

fn hooks() -> Hooks {
    let command = |word: &str| Some(HookCommand::Program(vec![word.to_owned()]));
    Hooks {
        before_promote: command("before"),
        after_promote: command("after"),
        on_failure: command("failed"),
        timeout: 30,
    }
}

/// Every plan that changes the primary of one of these, with hooks.
fn each(mut with: impl FnMut(&Promote, &Topology, &Plan)) -> usize {
    let mut plans = 0;
    for topology in &topologies(3) {
        for operation in &operations(3) {
            for ssh in [true, false] {
                let access = access(topology, ssh);
                let Ok(mut plan) = promote::plan::plan(operation, topology, &access) else {
                    continue;
                };
                let bare = plan.clone();
                add(&mut plan, operation, topology, &hooks(), Wanted::All);
                if bare.changes_roles() {
                    assert_eq!(plan.stages.len(), bare.stages.len() + 3, "{plan:#?}");
                    plans += 1;
                    with(operation, topology, &plan);
                } else {
                    assert_eq!(plan, bare, "hooks where no primary changes");
                }
            }
        }
    }
    plans
}

/// The hooks that ran. Asserts that the world was in the right state at each.
fn ran(world: &World, topology: &Topology, target: &NodeName, plan: &Plan) -> Vec<HookPoint> {
    let untouched = World::new(topology).shape();
    let servers = world.lock();
    for called in &servers.hooks {
        match called.point {
            HookPoint::BeforePromote => assert!(
                called.shape == untouched && !called.fenced && !called.stopped,
                "something was changed before before_promote: {plan:#?}"
            ),
            HookPoint::AfterPromote => assert!(
                called.primaries == [target.clone()] && !called.fenced,
                "after_promote tells of what is not: {called:?} {plan:#?}"
            ),
            HookPoint::OnFailure => panic!("it is no step on the way: {plan:#?}"),
        }
    }
    servers.hooks.iter().map(|h| h.point).collect()
}

#[test]
fn hooks_frame_the_change_and_every_death_is_resumed() {
    let (before, after) = (HookPoint::BeforePromote, HookPoint::AfterPromote);
    let mut deaths = 0;
    let plans = each(|operation, topology, plan| {
        let world = World::new(topology);
        assert_eq!(world.start(plan), Outcome::Completed);
        assert_eq!(
            ran(&world, topology, &operation.node, plan),
            [before, after]
        );
        for line in 0..=2 * plan.steps().count() {
            deaths += 1;
            let world = World::new(topology);
            world.dies(plan, line);
            let outcome = world.resume(plan);
            assert_eq!(outcome, Outcome::Completed, "died after {line}: {plan:#?}");
            let ran = ran(&world, topology, &operation.node, plan);
            let count = |point| ran.iter().filter(|p| **p == point).count();
            assert!((1..=2).contains(&count(before)), "{ran:?}");
            assert!((1..=2).contains(&count(after)), "{ran:?}");
            assert_eq!(ran.last(), Some(&after));
        }
    });
    assert!(
        plans > 50 && deaths > 1_000,
        "{plans} plans, {deaths} deaths"
    );
}

#[test]
fn a_veto_and_an_early_stop_leave_everything_as_it_was() {
    let plans = each(|_, topology, plan| {
        for how in [Injected::Nothing, Injected::Lost] {
            let world = World::new(topology);
            let before = world.shape();
            let outcome = world.fails(plan, 0, how);
            assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
            assert_eq!((world.shape(), world.calls()), (before, 1));
        }
        let world = World::new(topology);
        world.start_and_stop(plan);
        assert!(world.lock().hooks.is_empty());
    });
    assert!(plans > 50, "{plans}");
}

#[test]
fn one_that_fails_afterwards_leaves_the_primary_where_it_is() {
    each(|operation, topology, plan| {
        let told = plan.stages.iter().position(|s| {
            s.mode == Mode::KeepGoing
                && s.steps
                    .iter()
                    .any(|s| s.action.to_string() == "hook after_promote: after")
        });
        let calls = plan.stages[..told.unwrap()]
            .iter()
            .map(|s| s.steps.len())
            .sum();
        let world = World::new(topology);
        let outcome = world.fails(plan, calls, Injected::Nothing);
        let Outcome::Incomplete { failed } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((failed.len(), failed[0].at.stage), (1, told.unwrap()));
        let now = world.observe();
        let primaries: Vec<&NodeName> = now.primaries().map(|n| &n.name).collect();
        assert_eq!(primaries, [&operation.node]);
    });
}
