//! Every tree of 1 to 4 nodes × up or down × operation × a death at every journal line × a failure
//! of every step, in memory.

mod clients;
mod detach;
mod hooks;
mod leaky;
mod members;
mod moves;
mod others;
mod plans;
mod rejoin;
mod run;
mod sentinel;
mod sentinel_setup;
mod world;

use self::run::Run;
use crate::engine::journal::Outcome;
use crate::engine::{Accept, Mode, Plan, Promote};
use crate::operations::promote;
use crate::plan::case::Access;
use crate::topology::{NodeName, Topology, sample};
use futures::executor::block_on;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use world::{Injected, Nobody, World};

static NEVER: AtomicBool = AtomicBool::new(false);

/// A run of a plan in the model, that nobody watches.
fn run<'a>(plan: &'a Plan, world: &'a World) -> Run<'a, World, World, Nobody> {
    stoppable(plan, world, &NEVER)
}

/// The same, where somebody may want to stop it.
fn stoppable<'a>(
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

static ALWAYS: AtomicBool = AtomicBool::new(true);

fn name(i: usize) -> NodeName {
    NodeName(format!("n{i}"))
}

/// All trees over `n` nodes (each node's upstream has a lower number; node 0 is the root), each
/// node up or down.
fn topologies(n: usize) -> Vec<Topology> {
    let trees: usize = (1..n).product::<usize>().max(1);
    let mut out = Vec::new();
    for tree in 0..trees {
        for mask in 0..1usize << n {
            let mut k = tree;
            let nodes = (0..n).map(|i| {
                let parent = k.checked_rem(i).unwrap_or(0);
                k = k.checked_div(i).unwrap_or(k);
                if mask & (1 << i) != 0 {
                    return sample::down(&name(i).0, i);
                }
                sample::node(&name(i).0, i, (i > 0).then(|| sample::address(parent)))
            });
            let topology = Topology {
                nodes: nodes.collect(),
            };
            // The links as they would be seen.
            out.push(World::new(&topology).observe());
        }
    }
    out
}

fn operations(n: usize) -> Vec<Promote> {
    let accepts = [vec![], vec![Accept::DataLoss, Accept::SplitBrain]];
    (0..n)
        .flat_map(|i| {
            accepts.iter().map(move |a| Promote {
                node: name(i),
                accept: a.clone(),
            })
        })
        .collect()
}

fn access(topology: &Topology, ssh: bool) -> BTreeMap<NodeName, Access> {
    let answer = if ssh {
        Access::Yes
    } else {
        Access::No("no route".to_owned())
    };
    topology
        .nodes
        .iter()
        .filter(|n| n.server().is_none())
        .map(|n| (n.name.clone(), answer.clone()))
        .collect()
}

struct Case<'a> {
    operation: &'a Promote,
    topology: &'a Topology,
    access: BTreeMap<NodeName, Access>,
    plan: Plan,
    /// The primary was alive: nothing may be lost.
    planned: bool,
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

    fn reached(&self, world: &World, how: &str) {
        let case = || {
            format!(
                "{how}\n{:?}\n{:#?}\n{:#?}",
                self.operation, self.topology, self.plan
            )
        };
        let now = world.observe();
        let primaries: Vec<&NodeName> = now.primaries().map(|n| &n.name).collect();
        assert_eq!(primaries, [&self.operation.node], "{}", case());
        if self.planned {
            assert_eq!(
                world.lost(&self.operation.node),
                0,
                "acknowledged writes were lost: {}",
                case()
            );
        }
        let inner = world.0.lock().unwrap();
        assert!(
            inner.violations.is_empty(),
            "{:?} {}",
            inner.violations,
            case()
        );
        assert!(
            inner.sims.iter().all(|s| !s.fenced),
            "a fence was left: {}",
            case()
        );
    }

    fn planning_again_is_empty(&self, world: &World) {
        let again = promote::plan::plan(self.operation, &world.observe(), &self.access);
        let again =
            again.unwrap_or_else(|r| panic!("refused after it ran: {r:?} {:#?}", self.topology));
        assert!(
            again.is_empty(),
            "{:?} on {:#?} is not done: {again:#?}",
            self.operation,
            self.topology
        );
    }

    fn straight(&self) -> usize {
        let world = World::new(self.topology);
        assert_eq!(
            block_on(self.run(&world).start()),
            Outcome::Completed,
            "{:#?}",
            self.plan
        );
        self.reached(&world, "straight");
        self.planning_again_is_empty(&world);
        let inner = world.0.lock().unwrap();
        for sim in inner.sims.iter().filter(|s| s.up) {
            assert!(
                sim.persisted_of == sim.of,
                "the role of {} would not outlive a restart",
                sim.name
            );
        }
        inner.calls
    }

    fn dies_at(&self, lines: usize) {
        let world = World::new(self.topology);
        world.0.lock().unwrap().life = Some(lines);
        block_on(self.run(&world).start());
        world.crash();
        let progress = world.0.lock().unwrap().progress.clone();
        let now = world.observe();
        let outcome = block_on(self.run(&world).resume(&progress, &now));
        assert_eq!(
            outcome,
            Outcome::Completed,
            "died after {lines} lines: {:#?}",
            self.plan
        );
        self.reached(&world, &format!("died after {lines} lines, resumed"));
        self.planning_again_is_empty(&world);
    }

    fn rolled_back_at(&self, lines: usize) -> bool {
        let world = World::new(self.topology);
        let before = world.shape();
        world.0.lock().unwrap().life = Some(lines);
        block_on(self.run(&world).start());
        world.crash();
        let progress = world.0.lock().unwrap().progress.clone();
        let now = world.observe();
        let Ok(outcome) = block_on(self.run(&world).roll_back(&progress, &now)) else {
            return false;
        };
        assert!(matches!(outcome, Outcome::RolledBack { .. }));
        let index = progress.started.last().map_or(0, |at| at.stage);
        if self.plan.stages[..=index]
            .iter()
            .all(|s| matches!(s.mode, Mode::Atomic | Mode::Gate))
        {
            assert_eq!(
                world.shape(),
                before,
                "died after {lines} lines, rolled back: {:#?}",
                self.plan
            );
        }
        assert!(world.0.lock().unwrap().violations.is_empty());
        true
    }

    fn fails_at(&self, call: usize, how: Injected) {
        let world = World::new(self.topology);
        let before = world.shape();
        world.0.lock().unwrap().fail_at = Some((call, how));
        let outcome = block_on(self.run(&world).start());
        world.heal();
        let what = format!("call {call} fails ({how:?}): {outcome:?}");
        match outcome {
            Outcome::RolledBack { .. } | Outcome::Halted { .. } => {
                assert_eq!(world.shape(), before, "{what} {:#?}", self.plan);
                assert!(
                    world.0.lock().unwrap().sims.iter().all(|s| !s.fenced),
                    "{what}"
                );
                let again =
                    promote::plan::plan(self.operation, &world.observe(), &self.access).unwrap();
                let again = Case {
                    plan: again,
                    access: self.access.clone(),
                    ..*self
                };
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
            }
            Outcome::Incomplete { .. } => {
                world.crash();
                let again =
                    promote::plan::plan(self.operation, &world.observe(), &self.access).unwrap();
                let again = Case {
                    plan: again,
                    access: self.access.clone(),
                    ..*self
                };
                assert_eq!(
                    block_on(again.run(&world).start()),
                    Outcome::Completed,
                    "{what}"
                );
                again.reached(&world, &what);
            }
            Outcome::Completed => panic!("{what}: a failed step was not noticed"),
        }
    }
}

#[test]
fn an_operator_who_wants_to_stop_finds_nothing_changed() {
    for topology in &topologies(3) {
        for operation in &operations(3) {
            let access = access(topology, true);
            let Ok(plan) = promote::plan::plan(operation, topology, &access) else {
                continue;
            };
            let world = World::new(topology);
            let before = world.shape();
            let run = Run {
                plan: &plan,
                act: &world,
                journal: &world,
                watch: &Nobody,
                concurrency: 4,
                interrupted: &ALWAYS,
            };
            let outcome = block_on(run.start());
            assert!(plan.is_empty() || outcome != Outcome::Completed);
            assert_eq!(world.shape(), before);
            assert_eq!(world.0.lock().unwrap().calls, 0);
        }
    }
}

#[test]
fn every_death_is_resumed_and_every_failure_put_back() {
    let (mut plans, mut refused, mut deaths, mut failures, mut rollbacks) = (0, 0, 0, 0, 0);
    for n in 1..=4 {
        for topology in &topologies(n) {
            for operation in &operations(n) {
                for ssh in [true, false] {
                    let access = access(topology, ssh);
                    let Ok(plan) = promote::plan::plan(operation, topology, &access) else {
                        refused += 1;
                        continue;
                    };
                    plans += 1;
                    let planned = plan.may_lose.is_none();
                    let lines = 2 * plan.steps().count() + 1;
                    let case = Case {
                        operation,
                        topology,
                        access,
                        plan,
                        planned,
                    };
                    let calls = case.straight();
                    if case.plan.is_empty() {
                        continue;
                    }
                    for line in 0..=lines {
                        deaths += 1;
                        case.dies_at(line);
                        rollbacks += usize::from(case.rolled_back_at(line));
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
    }
    assert!(
        plans > 200 && deaths > 5_000 && failures > 5_000 && rollbacks > 500,
        "the simulation shrank"
    );
    assert!(refused > 0);
    println!(
        "{plans} plans, {refused} refusals, {deaths} deaths, {failures} failures, {rollbacks} rollbacks"
    );
}
