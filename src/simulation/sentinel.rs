//! The same for promotions through Sentinel: every tree of 1 to 4 nodes whose replicas it knows, a
//! death at every journal line, a failure of every step.

mod deaf;
pub mod model;

use super::run::Run;
use super::world::{Injected, Nobody, World};
use super::{NEVER, topologies};
use crate::actions::Action;
use crate::engine::execute::Act;
use crate::engine::journal::{At, Outcome};
use crate::engine::{Plan, Promote};
use crate::operations::promote::plan::sentinel::plan;
use crate::plan::info_period::left;
use crate::topology::sentinel::{KnownReplica, Sees, View, ViewState, Watch};
use crate::topology::{Address, NodeName, Topology};
use futures::executor::block_on;
use std::cell::Cell;

/// How often each of them reads `INFO`, ms: one as by default, two as their operator wants it.
const PERIODS: [(u16, u64); 3] = [(1, 10_000), (2, 7_000), (3, 400)];

/// What three Sentinels say of that deployment: they know the replicas of its primary, and nothing
/// of theirs.
pub(super) fn watch(topology: &Topology, primary: &Address) -> Watch {
    let alive = topology.at(primary).is_some_and(|n| n.server().is_some());
    let flags = if alive {
        vec!["master"]
    } else {
        vec!["master", "s_down"]
    };
    let known = topology
        .nodes
        .iter()
        .filter(|n| n.upstream().is_some_and(|u| u.address == *primary));
    let sees = Sees {
        primary: Some(primary.clone()),
        flags: flags.into_iter().map(str::to_owned).collect(),
        down_after_ms: 4_000,
        failover_timeout_ms: 60_000,
        replicas: known
            .map(|n| KnownReplica {
                address: n.announced.clone(),
                flags: vec!["slave".to_owned()],
                priority: 100,
            })
            .collect(),
        ..Sees::default()
    };
    let views = PERIODS.iter().map(|(port, ms)| View {
        address: Address::new("10.0.0.9", *port),
        state: ViewState::Up(Box::new(Sees {
            info_period_ms: Some(*ms),
            ..sees.clone()
        })),
    });
    Watch {
        name: "m".to_owned(),
        other_names: Vec::new(),
        hosts: std::collections::BTreeMap::new(),
        counted: 3,
        views: views.collect(),
    }
}

struct Case {
    operation: Promote,
    topology: Topology,
    plan: Plan,
}

/// The Sentinels that do not read `INFO` as often as before.
fn changed(world: &World) -> Vec<u16> {
    let inner = world.0.lock().unwrap();
    let now = |port: &u16| {
        inner
            .sentinels
            .periods
            .get(&Address::new("10.0.0.9", *port))
    };
    let other = PERIODS.iter().filter(|(port, ms)| now(port) != Some(ms));
    other.map(|(port, _)| *port).collect()
}

impl Case {
    fn world(&self) -> World {
        let world = World::new(&self.topology);
        let mut inner = world.0.lock().unwrap();
        inner.first = Some(self.topology.nodes[0].announced.clone());
        let periods = PERIODS
            .iter()
            .map(|(port, ms)| (Address::new("10.0.0.9", *port), *ms));
        inner.sentinels.periods = periods.collect();
        drop(inner);
        world
    }

    fn run<'a>(&'a self, world: &'a World) -> Run<'a, World, World, Nobody> {
        Run {
            plan: &self.plan,
            act: world,
            journal: world,
            watch: &Nobody,
            concurrency: 4,
            interrupted: &NEVER,
        }
    }

    fn reached(&self, world: &World, what: &str) {
        let now = world.observe();
        let target = &self.operation.node;
        let primaries: Vec<&NodeName> = now.primaries().map(|n| &n.name).collect();
        assert_eq!(primaries, [target], "{what} {:#?}", self.plan);
        if self.plan.may_lose.is_none() {
            assert_eq!(
                world.lost(target),
                0,
                "{what}: writes were lost {:#?}",
                self.plan
            );
        }
        let inner = world.0.lock().unwrap();
        assert!(inner.violations.is_empty(), "{what} {:?}", inner.violations);
        assert!(
            inner.sims.iter().all(|s| !s.fenced),
            "{what}: a fence was left"
        );
    }

    fn restored(&self, world: &World, what: &str) {
        let inner = world.0.lock().unwrap();
        let left = inner.priorities.get(&self.operation.node);
        assert!(
            left.is_none_or(|p| p == "100"),
            "{what}: the priority stays {left:?}"
        );
        drop(inner);
        assert_eq!(
            changed(world),
            Vec::<u16>::new(),
            "{what}: INFO-PERIOD stays"
        );
    }

    /// What an operation that was cut short has left at Sentinels is known, and is put back where
    /// it is abandoned or rolled back.
    fn is_abandoned(&self, world: &World, what: &str) {
        let progress = world.0.lock().unwrap().progress.clone();
        let began = |stage, step| progress.started.contains(&At { stage, step });
        let known = left(&self.plan, &began);
        assert!(
            known.is_some() || changed(world).is_empty(),
            "{what}: left and not known"
        );
        if let Some((node, back)) = known {
            let done = block_on(world.act(node, &Action::Sentinel(back.clone())));
            assert!(done.is_ok(), "{what}: {done:?}");
        }
        assert_eq!(changed(world), Vec::<u16>::new(), "{what}, abandoned");
    }

    fn again(&self, world: &World) -> Self {
        let topology = world.observe();
        let primary = topology.primaries().next().map(|n| n.announced.clone());
        let primary = primary.unwrap_or_else(|| self.topology.nodes[0].announced.clone());
        let plan = plan(
            &self.operation,
            &topology,
            Some(&watch(&topology, &primary)),
        );
        Self {
            operation: self.operation.clone(),
            plan: plan.unwrap_or_else(|r| panic!("refused after it ran: {r:?} {topology:#?}")),
            topology,
        }
    }

    fn straight(&self) -> usize {
        let world = self.world();
        assert_eq!(
            block_on(self.run(&world).start()),
            Outcome::Completed,
            "{:#?}",
            self.plan
        );
        self.reached(&world, "straight");
        self.restored(&world, "straight");
        let again = self.again(&world);
        assert!(again.plan.is_empty(), "not done: {:#?}", again.plan);
        world.0.lock().unwrap().calls
    }

    /// A world in which it died after so many lines.
    fn dead(&self, lines: usize) -> World {
        let world = self.world();
        world.0.lock().unwrap().life = Some(lines);
        block_on(self.run(&world).start());
        world.crash();
        world
    }

    fn dies_at(&self, lines: usize) {
        let what = format!("died after {lines} lines");
        self.is_abandoned(&self.dead(lines), &what);
        let world = self.dead(lines);
        let progress = world.0.lock().unwrap().progress.clone();
        let back = block_on(self.run(&world).roll_back(&progress, &world.observe()));
        if let Ok(Outcome::RolledBack { .. }) = back {
            assert_eq!(changed(&world), Vec::<u16>::new(), "{what}, rolled back");
        }
        let world = self.dead(lines);
        let progress = world.0.lock().unwrap().progress.clone();
        let now = world.observe();
        let outcome = block_on(self.run(&world).resume(&progress, &now));
        assert_eq!(outcome, Outcome::Completed, "{what}: {:#?}", self.plan);
        self.reached(&world, &what);
        self.restored(&world, &what);
    }

    fn fails_at(&self, call: usize, how: Injected, moved_first: &Cell<u32>) {
        let world = self.world();
        let before = world.shape();
        world.0.lock().unwrap().fail_at = Some((call, how));
        let outcome = block_on(self.run(&world).start());
        world.heal();
        let what = format!("call {call} fails ({how:?}): {outcome:?}");
        match outcome {
            Outcome::RolledBack { at, .. } => {
                let after = world.shape();
                // A replica of a replica that was brought straight under the primary stays there.
                if after != before {
                    let moved: Vec<usize> = (0..before.len())
                        .filter(|i| after[*i] != before[*i])
                        .collect();
                    let target = self.topology.nodes.iter();
                    let target = target.clone().position(|n| n.name == self.operation.node);
                    assert_eq!(moved, [target.unwrap()], "{what}");
                    let first = world.0.lock().unwrap().first.clone();
                    assert_eq!(after[moved[0]].1, first, "{what}");
                    assert!(at.stage > 0, "{what}");
                    moved_first.set(moved_first.get() + 1);
                }
                self.restored(&world, &what);
                let again = self.again(&world);
                assert_eq!(
                    block_on(again.run(&world).start()),
                    Outcome::Completed,
                    "{what}"
                );
                again.reached(&world, &what);
            }
            Outcome::Stopped { .. } => {
                world.crash();
                let progress = world.0.lock().unwrap().progress.clone();
                let now = world.observe();
                assert_eq!(
                    block_on(self.run(&world).resume(&progress, &now)),
                    Outcome::Completed,
                    "{what}"
                );
                self.reached(&world, &what);
                self.restored(&world, &what);
            }
            Outcome::Incomplete { .. } => {
                world.crash();
                let again = self.again(&world);
                let outcome = block_on(again.run(&world).start());
                assert_eq!(outcome, Outcome::Completed, "{what}: {:#?}", again.plan);
                again.reached(&world, &what);
            }
            Outcome::Halted { .. } | Outcome::Completed => {
                panic!("{what}: a failed step was not noticed")
            }
        }
    }
}

#[test]
fn through_sentinel_every_death_is_resumed_and_every_failure_put_back() {
    let (mut plans, mut refused, mut deaths, mut failures) = (0, 0, 0, 0);
    let moved_first = Cell::new(0);
    for topology in (1..=4).flat_map(topologies) {
        let watch = watch(&topology, &topology.nodes[0].announced);
        for node in topology.nodes.iter().map(|n| n.name.clone()) {
            let operation = Promote {
                node,
                accept: Vec::new(),
            };
            let Ok(plan) = plan(&operation, &topology, Some(&watch)) else {
                refused += 1;
                continue;
            };
            plans += 1;
            let topology = topology.clone();
            let case = Case {
                operation,
                topology,
                plan,
            };
            let calls = case.straight();
            if case.plan.is_empty() {
                continue;
            }
            for line in 0..=2 * case.plan.steps().count() + 1 {
                deaths += 1;
                case.dies_at(line);
            }
            for call in 0..calls {
                for how in [Injected::Nothing, Injected::Lost, Injected::Answer] {
                    failures += 1;
                    case.fails_at(call, how, &moved_first);
                }
            }
        }
    }
    assert!(
        plans > 30 && refused > 0 && deaths > 500 && failures > 500 && moved_first.get() > 50,
        "the simulation shrank: {plans} {refused} {deaths} {failures}"
    );
    let kept = moved_first.get();
    println!(
        "{kept} kept where they were moved, {plans} plans, {refused} refusals, {deaths} deaths, {failures} failures"
    );
}
