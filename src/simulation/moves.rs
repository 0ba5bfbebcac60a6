//! Moves in every tree: each death is resumed and rolled back, each failure rolled back.

use super::harness::{Case, Counts};
use super::world::{Servers, World};
use super::{name, topologies};
use crate::engine::journal::Outcome;
use crate::engine::{Move, Plan};
use crate::operations::moves;
use crate::topology::{Address, NodeName, Topology};

struct OneMove<'a> {
    operation: &'a Move,
    topology: &'a Topology,
    plan: Plan,
}

impl Case<Servers> for OneMove<'_> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn fresh(&self) -> World {
        World::new(self.topology)
    }

    /// The node follows the other, and its file says so. All other nodes are where they were, and
    /// there is no circle.
    fn reached(&self, world: &World, how: &str) {
        let case = || {
            format!(
                "{how}\n{:?}\n{:#?}\n{:#?}",
                self.operation, self.topology, self.plan
            )
        };
        let servers = world.lock();
        assert!(servers.violations.is_empty(), "{}", case());
        let of = |name: &NodeName| {
            let found = servers.sims.iter().find(|s| s.name == *name);
            found.unwrap_or_else(|| panic!("{}", case()))
        };
        let (moved, under) = (of(&self.operation.node), of(&self.operation.under));
        assert_eq!(moved.of.as_ref(), Some(&under.address), "{}", case());
        assert_eq!(moved.persisted_of, moved.of, "{}", case());
        for sim in &servers.sims {
            let was = self.topology.get(&sim.name).unwrap();
            let was: Option<Address> = was.upstream().map(|u| u.address.clone());
            assert!(
                sim.name == moved.name || !sim.up || sim.of == was,
                "{}",
                case()
            );
            let (mut at, mut steps) = (sim, 0);
            while let Some(next) = at
                .of
                .as_ref()
                .and_then(|a| servers.sims.iter().find(|s| s.address == *a))
            {
                at = next;
                steps += 1;
                assert!(steps <= servers.sims.len(), "a circle: {}", case());
            }
        }
        drop(servers);
        assert_eq!(world.lost(&name(0)), 0, "{}", case());
        let again = moves::plan::plan(self.operation, &world.observe()).unwrap();
        assert!(again.is_empty(), "{again:#?} {}", case());
    }

    /// Every step of a move can be undone.
    fn died(&self, dead: &dyn Fn() -> World, how: &str) {
        self.resumed(&dead(), &format!("{how}, resumed"));
        let (world, before) = (dead(), self.fresh());
        let outcome = world.roll_back(&self.plan).unwrap();
        assert!(matches!(outcome, Outcome::RolledBack { .. }));
        assert_eq!(world.shape(), before.shape(), "{how}");
        assert_eq!(world.persisted(), before.persisted(), "{how}: the files");
    }

    fn failed(&self, world: &World, outcome: Outcome, how: &str) {
        match outcome {
            Outcome::RolledBack { .. } => assert_eq!(world.shape(), self.fresh().shape()),
            Outcome::Incomplete { .. } => {}
            Outcome::Completed | Outcome::Halted { .. } | Outcome::Stopped { .. } => {
                panic!("{how}")
            }
        }
        let again = moves::plan::plan(self.operation, &world.observe()).unwrap();
        // An observer in memory does not see a file that could not be written; it sees everything
        // else.
        if !again.is_empty() {
            assert_eq!(world.start(&again), Outcome::Completed);
            self.reached(world, how);
        }
    }
}

#[test]
fn every_move_ends_where_it_should_or_where_it_was() {
    let mut counts = Counts::default();
    for topology in &(1..=4).flat_map(topologies).collect::<Vec<_>>() {
        let n = topology.nodes.len();
        for (node, under) in (0..n).flat_map(|a| (0..n).map(move |b| (a, b))) {
            let operation = &Move {
                node: name(node),
                under: name(under),
                discard_data: false,
                update_inventory: false,
            };
            let Ok(plan) = moves::plan::plan(operation, topology) else {
                counts.refused += 1;
                continue;
            };
            let case = OneMove {
                operation,
                topology,
                plan,
            };
            case.exhaust(&mut counts);
        }
    }
    counts.are_more_than(Counts {
        plans: 100,
        refused: 1_000,
        deaths: 500,
        failures: 600,
    });
}
