//! Detaching in every tree: each death resumed, each failure put back or gone on with.

use crate::engine::journal::Outcome;
use crate::engine::{Detach, Plan, Promote};
use crate::operations::{detach, promote};
use crate::simulation::harness::{Case, Counts};
use crate::simulation::world::{Servers, World};
use crate::simulation::{name, topologies};
use crate::topology::detached::Observed;
use crate::topology::{NodeName, Topology};
use std::collections::BTreeMap;

fn noted(world: &World) -> Vec<NodeName> {
    world.lock().alone.iter().cloned().collect()
}

struct Detachment<'a> {
    operation: &'a Detach,
    topology: &'a Topology,
    plan: Plan,
}

impl Case<Servers> for Detachment<'_> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn fresh(&self) -> World {
        World::new(self.topology)
    }

    /// It stands alone, is noted, its file says so; nothing else moved; and promoting among the
    /// rest leaves it alone.
    fn reached(&self, world: &World, how: &str) {
        let (operation, before) = (self.operation, self.topology);
        let now = world.observe();
        let seen = Observed::new(now, &noted(world));
        assert_eq!(
            seen.detached_but(&[]),
            std::slice::from_ref(&operation.node),
            "{how} {before:#?}"
        );
        {
            let servers = world.lock();
            assert!(
                servers.violations.is_empty(),
                "{how} {:?}",
                servers.violations
            );
            for sim in servers.sims.iter().filter(|s| s.up) {
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

    fn failed(&self, world: &World, outcome: Outcome, how: &str) {
        match outcome {
            Outcome::RolledBack { .. } => {
                assert_eq!(world.shape(), self.fresh().shape());
                assert!(noted(world).is_empty());
            }
            Outcome::Stopped { .. } => {
                world.crash();
                self.resumed(world, how);
            }
            Outcome::Incomplete { .. } => {
                let alone = world.observe().still_alone(&noted(world));
                assert_eq!(alone, std::slice::from_ref(&self.operation.node));
            }
            Outcome::Completed | Outcome::Halted { .. } => panic!("{how}"),
        }
    }
}

#[test]
fn a_detached_node_is_noted_whatever_happens() {
    let mut counts = Counts::default();
    for topology in &(1..=4).flat_map(topologies).collect::<Vec<_>>() {
        for node in 0..topology.nodes.len() {
            let operation = &Detach { node: name(node) };
            let seen = Observed::new(topology.clone(), &[]);
            let Ok(plan) = detach::plan::plan(operation, &seen) else {
                counts.refused += 1;
                continue;
            };
            let case = Detachment {
                operation,
                topology,
                plan,
            };
            case.exhaust(&mut counts);
        }
    }
    counts.are_more_than(Counts {
        plans: 20,
        refused: 100,
        deaths: 200,
        failures: 200,
    });
}
