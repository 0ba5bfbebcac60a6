//! Every tree of 1 to 4 nodes × up or down × operation × a death at every journal line × a failure
//! of every step, in memory. `harness` is what all simulations share; promotions are below. An
//! operation may have its simulation in its own folder, as `detach` has.

pub(crate) mod adopt;
mod clients;
pub mod harness;
mod hooks;
mod leaky;
mod members;
mod moves;
mod others;
pub mod plans;
mod rejoin;
mod sentinel;
mod sentinel_setup;
pub mod world;

use crate::engine::journal::Outcome;
use crate::engine::{Accept, Mode, Plan, Promote};
use crate::operations::promote;
use crate::plan::case::Access;
use crate::topology::{NodeName, Topology, sample};
use harness::{Case, Counts};
use std::cell::Cell;
use std::collections::BTreeMap;
use world::{Servers, World};

/// The name of a node of [`topologies`].
pub fn name(i: usize) -> NodeName {
    NodeName(format!("n{i}"))
}

/// All trees over `n` nodes (each node's upstream has a lower number; node 0 is the root), each
/// node up or down.
pub fn topologies(n: usize) -> Vec<Topology> {
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

/// A promotion in one deployment.
struct Promotion<'a> {
    operation: &'a Promote,
    topology: &'a Topology,
    access: &'a BTreeMap<NodeName, Access>,
    plan: Plan,
    /// How many deaths were rolled back.
    rollbacks: &'a Cell<usize>,
}

impl Promotion<'_> {
    /// The plan for the present state; it must not be refused.
    fn planned_again(&self, world: &World) -> Plan {
        let again = promote::plan::plan(self.operation, &world.observe(), self.access);
        again.unwrap_or_else(|r| panic!("refused after it ran: {r:?} {:#?}", self.topology))
    }

    /// Plans again after a rollback or an open end, and asserts the goal.
    fn runs_again(&self, world: &World, how: &str) {
        let again = self.planned_again(world);
        assert_eq!(world.start(&again), Outcome::Completed, "{how}");
        self.reached(world, how);
    }

    /// Rolls back the death, if possible. Then everything that can be restored is as before.
    fn rolled_back(&self, world: &World, how: &str) {
        let Ok(outcome) = world.roll_back(&self.plan) else {
            return;
        };
        assert!(matches!(outcome, Outcome::RolledBack { .. }));
        let index = world.progress().started.last().map_or(0, |at| at.stage);
        let mut begun = self.plan.stages[..=index].iter();
        if begun.all(|s| matches!(s.mode, Mode::Atomic | Mode::Gate)) {
            let before = self.fresh().shape();
            assert_eq!(
                world.shape(),
                before,
                "{how}, rolled back: {:#?}",
                self.plan
            );
        }
        assert!(world.lock().violations.is_empty());
        self.rollbacks.set(self.rollbacks.get() + 1);
    }
}

impl Case<Servers> for Promotion<'_> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn fresh(&self) -> World {
        World::new(self.topology)
    }

    /// Asserts that the promoted node is the only primary. No acknowledged write is lost if the old
    /// primary was alive, no fence is left, and there is nothing left to do.
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
        if self.plan.may_lose.is_none() {
            let lost = world.lost(&self.operation.node);
            assert_eq!(lost, 0, "acknowledged writes were lost: {}", case());
        }
        let servers = world.lock();
        let violations = &servers.violations;
        assert!(violations.is_empty(), "{violations:?} {}", case());
        let fenced = servers.sims.iter().any(|s| s.fenced);
        assert!(!fenced, "a fence was left: {}", case());
        drop(servers);
        let again = self.planned_again(world);
        assert!(again.is_empty(), "{} is not done: {again:#?}", case());
    }

    fn died(&self, dead: &dyn Fn() -> World, how: &str) {
        self.resumed(&dead(), &format!("{how}, resumed"));
        self.rolled_back(&dead(), how);
    }

    fn failed(&self, world: &World, outcome: Outcome, how: &str) {
        match outcome {
            Outcome::RolledBack { .. } | Outcome::Halted { .. } => {
                let before = self.fresh().shape();
                assert_eq!(world.shape(), before, "{how} {:#?}", self.plan);
                assert!(world.lock().sims.iter().all(|s| !s.fenced), "{how}");
                self.runs_again(world, how);
            }
            Outcome::Stopped { .. } => {
                world.crash();
                self.resumed(world, how);
            }
            Outcome::Incomplete { .. } => {
                world.crash();
                self.runs_again(world, how);
            }
            Outcome::Completed => panic!("{how}: a failed step was not noticed"),
        }
    }
}

/// After an undisturbed run, every role is in its server's file.
fn roles_outlive_a_restart(plan: &Plan, topology: &Topology) {
    let world = World::new(topology);
    assert_eq!(world.start(plan), Outcome::Completed, "{plan:#?}");
    let servers = world.lock();
    let other = servers.sims.iter().find(|s| s.up && s.persisted_of != s.of);
    assert_eq!(other, None, "the role would not outlive a restart");
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
            let outcome = world.start_and_stop(&plan);
            assert!(plan.is_empty() || outcome != Outcome::Completed);
            assert_eq!(world.shape(), before);
            assert_eq!(world.calls(), 0);
        }
    }
}

#[test]
fn every_death_is_resumed_and_every_failure_put_back() {
    let (mut counts, rollbacks) = (Counts::default(), Cell::new(0));
    for topology in &(1..=4).flat_map(topologies).collect::<Vec<_>>() {
        for operation in &operations(topology.nodes.len()) {
            for ssh in [true, false] {
                let access = access(topology, ssh);
                let Ok(plan) = promote::plan::plan(operation, topology, &access) else {
                    counts.refused += 1;
                    continue;
                };
                roles_outlive_a_restart(&plan, topology);
                let case = Promotion {
                    operation,
                    topology,
                    access: &access,
                    plan,
                    rollbacks: &rollbacks,
                };
                case.exhaust(&mut counts);
            }
        }
    }
    counts.are_more_than(Counts {
        plans: 200,
        refused: 1,
        deaths: 5_000,
        failures: 5_000,
    });
    assert!(rollbacks.get() > 500, "{} rollbacks", rollbacks.get());
}
