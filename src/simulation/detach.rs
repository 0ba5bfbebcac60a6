//! Detaching in every tree: each death resumed, each failure put back or gone on with.

use super::world::{Injected, World};
use super::{name, run, topologies};
use crate::engine::journal::Outcome;
use crate::engine::{Detach, Plan, Promote};
use crate::operations::{detach, promote};
use crate::topology::detached::Observed;
use crate::topology::{NodeName, Topology};
use futures::executor::block_on;
use std::collections::BTreeMap;

fn noted(world: &World) -> Vec<NodeName> {
    world.0.lock().unwrap().alone.iter().cloned().collect()
}

/// It stands alone, is noted, its file says so; nothing else moved; and promoting among the rest
/// leaves it alone.
fn reached(operation: &Detach, before: &Topology, world: &World, how: &str) {
    let now = world.observe();
    let seen = Observed::new(now, &noted(world));
    assert_eq!(
        seen.detached_but(&[]),
        std::slice::from_ref(&operation.node),
        "{how} {before:#?}"
    );
    {
        let inner = world.0.lock().unwrap();
        assert!(inner.violations.is_empty(), "{how} {:?}", inner.violations);
        for sim in inner.sims.iter().filter(|s| s.up) {
            let was = before.get(&sim.name).and_then(|n| n.upstream());
            if sim.name == operation.node {
                assert!(sim.of.is_none() && sim.persisted_of.is_none(), "{how}");
            } else {
                assert_eq!(sim.of.as_ref(), was.map(|u| &u.address), "{how}");
            }
        }
    }
    assert!(detach::plan::plan(operation, &seen).unwrap().is_empty());
    let rest = seen.deployment();
    let again = Promote {
        node: name(0),
        accept: Vec::new(),
    };
    let again = promote::plan::plan(&again, &rest, &BTreeMap::new()).unwrap();
    assert!(
        again.steps().all(|s| s.node != operation.node),
        "{how} {again:#?}"
    );
    assert_eq!(world.lost(&name(0)), 0);
}

fn resumed(plan: &Plan, world: &World) {
    world.crash();
    let progress = world.0.lock().unwrap().progress.clone();
    let now = world.observe();
    let outcome = block_on(run(plan, world).resume(&progress, &now));
    assert_eq!(outcome, Outcome::Completed, "{plan:#?}");
}

#[test]
fn a_detached_node_is_noted_whatever_happens() {
    let (mut plans, mut refused) = (0, 0);
    for n in 1..=4 {
        for topology in &topologies(n) {
            for node in 0..n {
                let operation = &Detach { node: name(node) };
                let Ok(plan) = detach::plan::plan(operation, &Observed::new(topology.clone(), &[]))
                else {
                    refused += 1;
                    continue;
                };
                plans += 1;
                let world = World::new(topology);
                assert_eq!(block_on(run(&plan, &world).start()), Outcome::Completed);
                reached(operation, topology, &world, "straight");
                let calls = world.0.lock().unwrap().calls;
                for line in 0..=2 * plan.steps().count() + 1 {
                    let world = World::new(topology);
                    world.0.lock().unwrap().life = Some(line);
                    block_on(run(&plan, &world).start());
                    resumed(&plan, &world);
                    reached(operation, topology, &world, &format!("died at {line}"));
                }
                for call in 0..calls {
                    for how in [Injected::Nothing, Injected::Lost, Injected::Answer] {
                        let world = World::new(topology);
                        let before = world.shape();
                        world.0.lock().unwrap().fail_at = Some((call, how));
                        let outcome = block_on(run(&plan, &world).start());
                        world.heal();
                        match outcome {
                            Outcome::RolledBack { .. } => {
                                assert_eq!(world.shape(), before);
                                assert!(noted(&world).is_empty());
                            }
                            Outcome::Stopped { .. } => {
                                resumed(&plan, &world);
                                reached(operation, topology, &world, "stopped, resumed");
                            }
                            Outcome::Incomplete { .. } => {
                                let alone = world.observe().still_alone(&noted(&world));
                                assert_eq!(alone, std::slice::from_ref(&operation.node));
                            }
                            other => panic!("call {call} fails ({how:?}): {other:?}"),
                        }
                    }
                }
            }
        }
    }
    assert!(
        plans > 20 && refused > 100,
        "{plans} plans, {refused} refusals"
    );
}
