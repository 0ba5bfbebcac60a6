//! Moves in every tree: each death resumed, each death rolled back, each failure put back.

use super::run::Run;
use super::world::{Injected, Nobody, World};
use super::{NEVER, name, topologies};
use crate::engine::journal::Outcome;
use crate::engine::{Move, Plan};
use crate::topology::{Address, NodeName, Topology};
use futures::executor::block_on;

struct Case<'a> {
    operation: &'a Move,
    topology: &'a Topology,
    plan: Plan,
}

impl Case<'_> {
    fn run<'b>(&'b self, world: &'b World) -> Run<'b, World, World, Nobody> {
        Run {
            plan: &self.plan,
            act: world,
            journal: world,
            watch: &Nobody,
            concurrency: 4,
            interrupted: &NEVER,
        }
    }

    /// The node follows the other, its file says so, everybody else is where it was, and nobody
    /// goes in a circle.
    fn reached(&self, world: &World, how: &str) {
        let case = || {
            format!(
                "{how}\n{:?}\n{:#?}\n{:#?}",
                self.operation, self.topology, self.plan
            )
        };
        let inner = world.0.lock().unwrap();
        assert!(inner.violations.is_empty(), "{}", case());
        let of = |name: &NodeName| {
            let found = inner.sims.iter().find(|s| s.name == *name);
            found.unwrap_or_else(|| panic!("{}", case()))
        };
        let (moved, under) = (of(&self.operation.node), of(&self.operation.under));
        assert_eq!(moved.of.as_ref(), Some(&under.address), "{}", case());
        assert_eq!(moved.persisted_of, moved.of, "{}", case());
        for sim in &inner.sims {
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
                .and_then(|a| inner.sims.iter().find(|s| s.address == *a))
            {
                at = next;
                steps += 1;
                assert!(steps <= inner.sims.len(), "a circle: {}", case());
            }
        }
        drop(inner);
        assert_eq!(world.lost(&name(0)), 0, "{}", case());
        let again = crate::operations::moves::plan::plan(self.operation, &world.observe()).unwrap();
        assert!(again.is_empty(), "{again:#?} {}", case());
    }

    fn dies_at(&self, lines: usize) {
        let world = World::new(self.topology);
        world.0.lock().unwrap().life = Some(lines);
        block_on(self.run(&world).start());
        world.crash();
        let progress = world.0.lock().unwrap().progress.clone();
        let now = world.observe();
        let outcome = block_on(self.run(&world).resume(&progress, &now));
        assert_eq!(outcome, Outcome::Completed, "died after {lines} lines");
        self.reached(&world, &format!("died after {lines} lines, resumed"));
    }

    fn rolled_back_at(&self, lines: usize) {
        let world = World::new(self.topology);
        let (before, persisted) = (world.shape(), world.persisted());
        world.0.lock().unwrap().life = Some(lines);
        block_on(self.run(&world).start());
        world.crash();
        let progress = world.0.lock().unwrap().progress.clone();
        let now = world.observe();
        // Nothing in a move is past return.
        let outcome = block_on(self.run(&world).roll_back(&progress, &now)).unwrap();
        assert!(matches!(outcome, Outcome::RolledBack { .. }));
        assert_eq!(world.shape(), before, "died after {lines} lines");
        assert_eq!(
            world.persisted(),
            persisted,
            "died after {lines} lines: the files"
        );
    }

    fn fails_at(&self, call: usize, how: Injected) {
        let world = World::new(self.topology);
        let before = world.shape();
        world.0.lock().unwrap().fail_at = Some((call, how));
        let outcome = block_on(self.run(&world).start());
        world.heal();
        match outcome {
            Outcome::RolledBack { .. } => assert_eq!(world.shape(), before),
            Outcome::Incomplete { .. } => {}
            other => panic!("call {call} fails ({how:?}): {other:?}"),
        }
        let again = Case {
            plan: crate::operations::moves::plan::plan(self.operation, &world.observe()).unwrap(),
            ..*self
        };
        // A file that could not be written is not seen in memory; the rest is.
        if again.plan.is_empty() {
            return;
        }
        assert_eq!(block_on(again.run(&world).start()), Outcome::Completed);
        self.reached(&world, &format!("call {call} failed ({how:?})"));
    }
}

#[test]
fn every_move_ends_where_it_should_or_where_it_was() {
    let (mut plans, mut refused, mut deaths, mut failures) = (0, 0, 0, 0);
    for n in 1..=4 {
        for topology in &topologies(n) {
            for (node, under) in (0..n).flat_map(|a| (0..n).map(move |b| (a, b))) {
                let operation = &Move {
                    node: name(node),
                    under: name(under),
                    discard_data: false,
                    update_inventory: false,
                };
                let Ok(plan) = crate::operations::moves::plan::plan(operation, topology) else {
                    refused += 1;
                    continue;
                };
                plans += 1;
                let case = Case {
                    operation,
                    topology,
                    plan,
                };
                let world = World::new(topology);
                assert_eq!(block_on(case.run(&world).start()), Outcome::Completed);
                case.reached(&world, "straight");
                let calls = world.0.lock().unwrap().calls;
                if case.plan.is_empty() {
                    continue;
                }
                for line in 0..=2 * case.plan.steps().count() + 1 {
                    deaths += 1;
                    case.dies_at(line);
                    case.rolled_back_at(line);
                }
                for call in 0..calls {
                    for how in [Injected::Nothing, Injected::Lost, Injected::Answer] {
                        failures += 1;
                        case.fails_at(call, how);
                    }
                }
            }
        }
    }
    assert!(
        plans > 100 && refused > 1_000 && deaths > 500 && failures > 600,
        "the simulation shrank: {plans} plans, {refused} refusals, {deaths} deaths, {failures} failures"
    );
    println!("{plans} plans, {refused} refusals, {deaths} deaths, {failures} failures");
}
