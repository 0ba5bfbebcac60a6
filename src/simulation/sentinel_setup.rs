//! Setting up three Sentinels from every beginning each can have: a death at every journal line, a
//! failure of every step.

pub(super) mod boxes;
pub(super) mod host;

use super::run::Run;
use super::world::{Injected, Nobody};
use super::{ALWAYS, NEVER};
use crate::engine::Plan;
use crate::engine::journal::Outcome;
use boxes::World;
use futures::executor::block_on;
use host::Begin;
use std::sync::atomic::AtomicBool;

fn run<'a>(
    plan: &'a Plan,
    world: &'a World,
    stop: &'a AtomicBool,
) -> Run<'a, World, World, Nobody> {
    Run {
        plan,
        act: world,
        journal: world,
        watch: &Nobody,
        concurrency: 4,
        interrupted: stop,
    }
}

/// All run, watch the primary with the rules of the inventory, are who they were, and there is
/// nothing left to do.
fn reached(world: &World, what: &str) {
    world.assert_well(what);
    let again = world.plan().unwrap();
    assert!(again.is_empty(), "{what}: {again:#?}");
}

fn resumed(plan: &Plan, world: &World, what: &str) {
    world.live_on();
    let progress = world.progress();
    let now = world.topology();
    let outcome = block_on(run(plan, world, &NEVER).resume(&progress, &now));
    assert_eq!(outcome, Outcome::Completed, "{what} {plan:#?}");
    reached(world, what);
}

fn fails_at(begins: [Begin; 3], plan: &Plan, call: usize, how: Injected) {
    let world = World::new(begins);
    world.fail_at(call, how);
    let outcome = block_on(run(plan, &world, &NEVER).start());
    world.live_on();
    let what = format!("{begins:?}, call {call} fails ({how:?})");
    match outcome {
        Outcome::Halted { failed } => {
            for failure in &failed {
                assert_eq!(failure.put_back, Some(true), "{what}");
                world.assert_put_back(&failure.node, &what);
            }
        }
        // Only the proof: what was done stays.
        Outcome::RolledBack { .. } => world.assert_well(&what),
        other => panic!("{what}: {other:?}"),
    }
    let again = world.plan().unwrap();
    let outcome = block_on(run(&again, &world, &NEVER).start());
    assert_eq!(outcome, Outcome::Completed, "{what} {again:#?}");
    reached(&world, &what);
}

/// Every beginning of three hosts, whatever their order.
fn beginnings() -> Vec<[Begin; 3]> {
    let all = Begin::ALL;
    let mut found = Vec::new();
    for i in 0..all.len() {
        for j in i..all.len() {
            found.extend((j..all.len()).map(|k| [all[i], all[j], all[k]]));
        }
    }
    found
}

#[test]
fn sentinels_come_to_watch_whatever_there_is_and_whatever_happens() {
    let (mut plans, mut deaths, mut failures) = (0, 0, 0);
    for begins in beginnings() {
        let world = World::new(begins);
        let plan = world.plan().unwrap_or_else(|r| panic!("{begins:?}: {r:?}"));
        plans += 1;
        let outcome = block_on(run(&plan, &world, &NEVER).start());
        assert_eq!(outcome, Outcome::Completed, "{begins:?} {plan:#?}");
        reached(&world, &format!("{begins:?}"));
        let calls = world.calls();
        for line in 0..2 * plan.steps().count() {
            deaths += 1;
            let world = World::new(begins);
            world.dies_after(line);
            block_on(run(&plan, &world, &NEVER).start());
            let what = format!("{begins:?}, died after {line} lines");
            resumed(&plan, &world, &what);
        }
        for call in 0..calls {
            for how in [Injected::Nothing, Injected::Lost, Injected::Answer] {
                failures += 1;
                fails_at(begins, &plan, call, how);
            }
        }
    }
    assert!(
        plans > 80 && deaths > 2_000 && failures > 3_000,
        "the simulation shrank: {plans} plans, {deaths} deaths, {failures} failures"
    );
    println!("{plans} plans, {deaths} deaths, {failures} failures");
}

#[test]
fn an_operator_who_wants_to_stop_finds_no_sentinel_begun() {
    let begins = [Begin::Bare, Begin::Stopped, Begin::Idle];
    let world = World::new(begins);
    let plan = world.plan().unwrap();
    let outcome = block_on(run(&plan, &world, &ALWAYS).start());
    assert!(matches!(outcome, Outcome::Halted { .. }), "{outcome:?}");
    for step in plan.steps() {
        world.assert_put_back(&step.node, "interrupted");
    }
}

/// What a failure of one step of a removal leaves, and that another run ends it.
fn removal_fails_at(begins: [Begin; 3], plan: &Plan, purge: bool, call: usize, how: Injected) {
    let world = World::new(begins);
    world.fail_at(call, how);
    let outcome = block_on(run(plan, &world, &NEVER).start());
    world.live_on();
    let what = format!("{begins:?}, purge {purge}, call {call} fails ({how:?})");
    match outcome {
        Outcome::Halted { failed } => {
            for failure in &failed {
                assert_eq!(failure.put_back, Some(true), "{what}");
                world.assert_put_back(&failure.node, &what);
            }
        }
        Outcome::RolledBack { .. } => world.assert_gone(false, &what),
        Outcome::Incomplete { .. } => assert!(purge, "{what}"),
        other => panic!("{what}: {other:?}"),
    }
    let again = world.plan_removal(purge).unwrap();
    let outcome = block_on(run(&again, &world, &NEVER).start());
    assert_eq!(outcome, Outcome::Completed, "{what} {again:#?}");
    world.assert_gone(purge, &what);
}

#[test]
fn sentinels_go_whatever_there_is_and_whatever_happens() {
    let (mut deaths, mut failures) = (0, 0);
    for begins in beginnings() {
        for purge in [false, true] {
            let world = World::new(begins);
            let plan = world.plan_removal(purge).unwrap();
            let outcome = block_on(run(&plan, &world, &NEVER).start());
            assert_eq!(outcome, Outcome::Completed, "{begins:?} {plan:#?}");
            world.assert_gone(purge, &format!("{begins:?}"));
            let again = world.plan_removal(purge).unwrap();
            assert!(again.is_empty(), "{begins:?}: {again:#?}");
            for call in 0..world.calls() {
                for how in [Injected::Nothing, Injected::Lost, Injected::Answer] {
                    failures += 1;
                    removal_fails_at(begins, &plan, purge, call, how);
                }
            }
            for line in 0..2 * plan.steps().count() {
                deaths += 1;
                let world = World::new(begins);
                world.dies_after(line);
                block_on(run(&plan, &world, &NEVER).start());
                world.live_on();
                let (progress, now) = (world.progress(), world.topology());
                let outcome = block_on(run(&plan, &world, &NEVER).resume(&progress, &now));
                let what = format!("{begins:?}, died after {line} lines");
                assert_eq!(outcome, Outcome::Completed, "{what} {plan:#?}");
                world.assert_gone(purge, &what);
            }
        }
    }
    assert!(
        deaths > 2_000 && failures > 3_000,
        "the simulation shrank: {deaths} deaths, {failures} failures"
    );
}
