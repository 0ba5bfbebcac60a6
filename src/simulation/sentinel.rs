//! Promotions through Sentinel: every tree of 1 to 4 nodes whose replicas it knows, a death at
//! every journal line, a failure of every step.

mod deaf;
pub mod model;

use super::harness::{Case, Counts};
use super::topologies;
use super::world::{Servers, World};
use crate::actions::Action;
use crate::engine::journal::{At, Outcome};
use crate::engine::{Plan, Promote};
use crate::operations::promote::plan::sentinel::plan;
use crate::plan::info_period::left;
use crate::topology::sentinel::{KnownReplica, Sees, View, ViewState, Watch};
use crate::topology::{Address, NodeName, Topology};
use std::cell::Cell;

/// How often each Sentinel reads `INFO`, ms: one by default, two by their operator's choice.
const PERIODS: [(u16, u64); 3] = [(1, 10_000), (2, 7_000), (3, 400)];

/// The reports of three Sentinels about that deployment: they know the replicas of its primary, and
/// no replicas of those.
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

/// A promotion through the Sentinels of one deployment.
struct ThroughSentinel<'a> {
    operation: Promote,
    topology: Topology,
    plan: Plan,
    /// How often a replica stayed at its new place when the promotion was rolled back.
    moved_first: &'a Cell<u32>,
}

/// The Sentinels that do not read `INFO` as often as before.
fn changed(world: &World) -> Vec<u16> {
    let servers = world.lock();
    let now = |port: &u16| {
        servers
            .sentinels
            .periods
            .get(&Address::new("10.0.0.9", *port))
    };
    let other = PERIODS.iter().filter(|(port, ms)| now(port) != Some(ms));
    other.map(|(port, _)| *port).collect()
}

impl ThroughSentinel<'_> {
    fn restored(&self, world: &World, what: &str) {
        let servers = world.lock();
        let left = servers.priorities.get(&self.operation.node);
        assert!(
            left.is_none_or(|p| p == "100"),
            "{what}: the priority stays {left:?}"
        );
        drop(servers);
        assert_eq!(changed(world), [0; 0], "{what}: INFO-PERIOD stays");
    }

    /// replctl knows what an interrupted operation left at Sentinels. It restores that when the
    /// operation is abandoned or rolled back.
    fn is_abandoned(&self, world: &World, what: &str) {
        let progress = world.progress();
        let began = |stage, step| progress.started.contains(&At { stage, step });
        let known = left(&self.plan, &began);
        assert!(
            known.is_some() || changed(world).is_empty(),
            "{what}: left and not known"
        );
        if let Some((node, back)) = known {
            let done = world.do_now(node, &Action::Sentinel(back.clone()));
            assert!(done.is_ok(), "{what}: {done:?}");
        }
        assert_eq!(changed(world), [0; 0], "{what}, abandoned");
    }

    /// What is planned now; it may not be refused.
    fn planned_again(&self, world: &World) -> Plan {
        let topology = world.observe();
        let primary = topology.primaries().next().map(|n| n.announced.clone());
        let primary = primary.unwrap_or_else(|| self.topology.nodes[0].announced.clone());
        let watch = watch(&topology, &primary);
        let plan = plan(&self.operation, &topology, Some(&watch));
        plan.unwrap_or_else(|r| panic!("refused after it ran: {r:?} {topology:#?}"))
    }

    fn runs_again(&self, world: &World, how: &str) {
        let again = self.planned_again(world);
        assert_eq!(world.start(&again), Outcome::Completed, "{how}: {again:#?}");
        // The first plan may have accepted a loss that this one does not.
        if again.may_lose.is_none() {
            let lost = world.lost(&self.operation.node);
            assert_eq!(lost, 0, "{how}: writes were lost {again:#?}");
        }
        self.reached(world, how);
    }

    /// Everything is as before, except that a replica of a replica which was moved directly under
    /// the primary stays there.
    fn is_put_back(&self, world: &World, at: At, how: &str) {
        let (before, after) = (self.fresh().shape(), world.shape());
        let moved = |i: &usize| after[*i] != before[*i];
        let moved: Vec<usize> = (0..before.len()).filter(moved).collect();
        if moved.is_empty() {
            return;
        }
        let mut nodes = self.topology.nodes.iter();
        let target = nodes.position(|n| n.name == self.operation.node).unwrap();
        assert_eq!(moved, [target], "{how}");
        assert_eq!(after[target].1, world.lock().first, "{how}");
        assert!(at.stage > 0, "{how}");
        self.moved_first.set(self.moved_first.get() + 1);
    }
}

impl Case<Servers> for ThroughSentinel<'_> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn fresh(&self) -> World {
        let world = World::new(&self.topology);
        let mut servers = world.lock();
        servers.first = Some(self.topology.nodes[0].announced.clone());
        let periods = PERIODS
            .iter()
            .map(|(port, ms)| (Address::new("10.0.0.9", *port), *ms));
        servers.sentinels.periods = periods.collect();
        drop(servers);
        world
    }

    fn reached(&self, world: &World, how: &str) {
        let now = world.observe();
        let target = &self.operation.node;
        let primaries: Vec<&NodeName> = now.primaries().map(|n| &n.name).collect();
        assert_eq!(primaries, [target], "{how} {:#?}", self.plan);
        if self.plan.may_lose.is_none() {
            let lost = world.lost(target);
            assert_eq!(lost, 0, "{how}: writes were lost {:#?}", self.plan);
        }
        let servers = world.lock();
        let violations = &servers.violations;
        assert!(violations.is_empty(), "{how} {violations:?}");
        let fenced = servers.sims.iter().any(|s| s.fenced);
        assert!(!fenced, "{how}: a fence was left");
    }

    fn died(&self, dead: &dyn Fn() -> World, how: &str) {
        self.is_abandoned(&dead(), how);
        let world = dead();
        if let Ok(Outcome::RolledBack { .. }) = world.roll_back(&self.plan) {
            assert_eq!(changed(&world), [0; 0], "{how}, rolled back");
        }
        let world = dead();
        self.resumed(&world, how);
        self.restored(&world, how);
    }

    fn failed(&self, world: &World, outcome: Outcome, how: &str) {
        match outcome {
            Outcome::RolledBack { at, .. } => {
                self.is_put_back(world, at, how);
                self.restored(world, how);
                self.runs_again(world, how);
            }
            Outcome::Stopped { .. } => {
                world.crash();
                self.resumed(world, how);
                self.restored(world, how);
            }
            Outcome::Incomplete { .. } => {
                world.crash();
                self.runs_again(world, how);
            }
            Outcome::Halted { .. } | Outcome::Completed => {
                panic!("{how}: a failed step was not noticed")
            }
        }
    }
}

/// Every promotion through the Sentinels of one deployment. Returns how many were refused.
fn promotions<'a>(
    topology: &Topology,
    moved_first: &'a Cell<u32>,
) -> (Vec<ThroughSentinel<'a>>, usize) {
    let watch = watch(topology, &topology.nodes[0].announced);
    let names = topology.nodes.iter().map(|n| n.name.clone());
    let cases: Vec<_> = names
        .filter_map(|node| {
            let operation = Promote {
                node,
                accept: Vec::new(),
            };
            let plan = plan(&operation, topology, Some(&watch)).ok()?;
            Some(ThroughSentinel {
                operation,
                topology: topology.clone(),
                plan,
                moved_first,
            })
        })
        .collect();
    let refused = topology.nodes.len() - cases.len();
    (cases, refused)
}

#[test]
fn through_sentinel_every_death_is_resumed_and_every_failure_put_back() {
    let (mut counts, moved_first) = (Counts::default(), Cell::new(0));
    for topology in (1..=4).flat_map(topologies) {
        let (cases, refused) = promotions(&topology, &moved_first);
        counts.refused += refused;
        for case in &cases {
            let world = case.fresh();
            world.start(&case.plan);
            case.restored(&world, "straight");
            let again = case.planned_again(&world);
            assert!(again.is_empty(), "not done: {again:#?}");
            case.exhaust(&mut counts);
        }
    }
    counts.are_more_than(Counts {
        plans: 30,
        refused: 1,
        deaths: 500,
        failures: 500,
    });
    let kept = moved_first.get();
    println!("{kept} kept where they were moved");
    assert!(kept > 50, "{kept}");
}
