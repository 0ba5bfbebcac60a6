//! Old primaries that return, in every small deployment with two primaries: each death resumed,
//! each failure put back, and no write of theirs gone that was neither on the present primary nor
//! in a backup.

use super::world::{Injected, Inner, World};
use super::{name, run};
use crate::actions::rescue::RescueAction;
use crate::engine::execute::Failure;
use crate::engine::journal::Outcome;
use crate::engine::{Plan, Rejoin, Repair};
use crate::operations::rejoin::checks::pair;
use crate::operations::rejoin::plan::plan;
use crate::operations::repair;
use crate::operations::repair::plan::Owns;
use crate::plan::divergence::Own;
use crate::topology::{Topology, sample};
use futures::executor::block_on;

/// What the two steps that only such plans have do to node `i`.
pub(super) fn apply(inner: &mut Inner, i: usize, action: &RescueAction) -> Result<(), Failure> {
    let is_replica = inner.sims[i].of.is_some();
    let log = inner.sims[i].log.clone();
    match action {
        RescueAction::GiveUp { address, .. } => {
            if !is_replica && !log.iter().all(|w| inner.backed_up.contains(w)) {
                return Err(Failure::none("it was written to since"));
            }
            inner.sims[i].of = Some(address.clone());
        }
        RescueAction::BackUp { .. } => {
            if is_replica {
                return Err(Failure::none("it is no primary any more"));
            }
            inner.backed_up.extend(log);
        }
        RescueAction::BackUpFiles { .. } | RescueAction::Replay { .. } => {
            return Err(Failure::none(format!("not simulated: {action}")));
        }
    }
    Ok(())
}

/// n0 took over from n1; the others follow one of the two, in every way.
pub(super) fn split(n: usize) -> Vec<Topology> {
    let ways = 1usize << (n - 2);
    let of = |way: usize, i: usize| sample::address(way >> (i - 2) & 1);
    let nodes =
        |way: usize| (0..n).map(move |i| sample::node(&name(i).0, i, (i > 1).then(|| of(way, i))));
    (0..ways)
        .map(|way| Topology {
            nodes: nodes(way).collect(),
        })
        .collect()
}

pub(super) fn world(topology: &Topology) -> World {
    let world = World::new(topology);
    let mut inner = world.0.lock().unwrap();
    inner.parted = true;
    // Each has written by itself since.
    inner.traffic();
    inner.traffic();
    drop(inner);
    world
}

fn planned(operation: &Rejoin, world: &World) -> Plan {
    let topology = world.observe();
    let pair = pair(operation, &topology, &[], false).unwrap();
    let own = Own::Unknown("it is simulated".to_owned());
    plan(operation, pair, &own, &topology).unwrap()
}

/// It follows, its file says so, nothing is fenced, and nothing that was acknowledged is nowhere.
fn reached(operation: &Rejoin, world: &World, how: &str) {
    nothing_gone(world, how);
    assert!(planned(operation, world).is_empty(), "{how}");
}

/// The old primary follows the other, and all that was acknowledged is there or in the backup.
fn nothing_gone(world: &World, how: &str) {
    let inner = world.0.lock().unwrap();
    let of = |i: usize| inner.sims.iter().find(|s| s.name == name(i)).unwrap();
    let (successor, old) = (of(0), of(1));
    assert_eq!(old.of.as_ref(), Some(&successor.address), "{how}");
    assert_eq!(old.persisted_of, old.of, "{how}");
    assert!(inner.sims.iter().all(|s| !s.fenced), "{how}");
    assert!(inner.violations.is_empty(), "{how}: {:?}", inner.violations);
    let gone: Vec<&u32> = inner
        .acked
        .iter()
        .filter(|w| !successor.log.contains(w) && !inner.backed_up.contains(w))
        .collect();
    assert!(gone.is_empty(), "{how}: {gone:?} are nowhere");
}

fn resumed(plan: &Plan, world: &World) -> Outcome {
    world.crash();
    let progress = world.0.lock().unwrap().progress.clone();
    let now = world.observe();
    block_on(run(plan, world).resume(&progress, &now))
}

/// Runs what is planned in every such deployment: straight, died at each journal line and resumed,
/// failed at each call and planned anew. Gives how many deaths and failures that were.
fn exhaust(planned: &dyn Fn(&World) -> Plan, reached: &dyn Fn(&World, &str)) -> (usize, usize) {
    let (mut deaths, mut failures) = (0, 0);
    for topology in (2..=4).flat_map(split) {
        let straight = world(&topology);
        let plan = planned(&straight);
        assert_eq!(block_on(run(&plan, &straight).start()), Outcome::Completed);
        reached(&straight, "straight");
        let calls = straight.0.lock().unwrap().calls;
        for line in 0..=2 * plan.steps().count() + 1 {
            deaths += 1;
            let world = world(&topology);
            world.0.lock().unwrap().life = Some(line);
            block_on(run(&plan, &world).start());
            let how = format!("died after {line} lines");
            match resumed(&plan, &world) {
                Outcome::Completed => {}
                // What was written after the backup is found out, and it is all done again.
                Outcome::RolledBack { .. } => {
                    let again = planned(&world);
                    assert_eq!(block_on(run(&again, &world).start()), Outcome::Completed);
                }
                other => panic!("{how}: {other:?}"),
            }
            reached(&world, &how);
        }
        for call in 0..calls {
            for injected in [Injected::Nothing, Injected::Lost, Injected::Answer] {
                failures += 1;
                failed_at(&topology, &plan, (call, injected), planned, reached);
            }
        }
    }
    (deaths, failures)
}

/// One call fails; what it left is put back, gone on with, or planned anew.
fn failed_at(
    topology: &Topology,
    plan: &Plan,
    (call, injected): (usize, Injected),
    planned: &dyn Fn(&World) -> Plan,
    reached: &dyn Fn(&World, &str),
) {
    let world = world(topology);
    let before = world.shape();
    world.0.lock().unwrap().fail_at = Some((call, injected));
    let outcome = block_on(run(plan, &world).start());
    world.heal();
    let how = format!("call {call} failed ({injected:?}): {outcome:?}");
    match outcome {
        Outcome::RolledBack { .. } => assert_eq!(world.shape(), before, "{how}"),
        Outcome::Incomplete { .. } => {}
        Outcome::Stopped { .. } => {
            let again = resumed(plan, &world);
            assert!(
                matches!(again, Outcome::Completed | Outcome::RolledBack { .. }),
                "{how}: {again:?}"
            );
        }
        other => panic!("{how}: {other:?}"),
    }
    // A fence that could not be lifted ends by itself.
    world.crash();
    let again = planned(&world);
    if !again.is_empty() {
        assert_eq!(block_on(run(&again, &world).start()), Outcome::Completed);
        reached(&world, &how);
    }
}

#[test]
fn an_old_primary_returns_and_nothing_of_it_is_gone() {
    let operation = &Rejoin {
        node: name(1),
        under: Some(name(0)),
        backup: Some("/b".to_owned()),
    };
    let (deaths, failures) = exhaust(&|world| planned(operation, world), &|world, how| {
        reached(operation, world, how);
    });
    assert!(
        deaths > 90 && failures > 100,
        "the simulation shrank: {deaths} deaths, {failures} failures"
    );
}

#[test]
fn of_two_primaries_one_is_made_and_nothing_of_the_other_is_gone() {
    let planned = |world: &World| {
        let operation = Repair {
            keep: name(0),
            backup: "/b".to_owned(),
            discard_data: Vec::new(),
        };
        repair::plan::plan(&operation, &Owns::new(), &world.observe()).unwrap()
    };
    let reached = |world: &World, how: &str| {
        nothing_gone(world, how);
        let inner = world.0.lock().unwrap();
        let keep = inner.sims.iter().find(|s| s.name == name(0)).unwrap();
        for sim in inner.sims.iter().filter(|s| s.name != name(0)) {
            assert_eq!(sim.of.as_ref(), Some(&keep.address), "{how}: {}", sim.name);
            assert_eq!(sim.persisted_of, sim.of, "{how}: {}", sim.name);
        }
        drop(inner);
        assert!(planned(world).is_empty(), "{how}");
    };
    let (deaths, failures) = exhaust(&planned, &reached);
    assert!(
        deaths > 120 && failures > 150,
        "the simulation shrank: {deaths} deaths, {failures} failures"
    );
}
