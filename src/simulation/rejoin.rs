//! The return of old primaries, in every small deployment with two primaries: each death is
//! resumed, each failure rolled back. No write of an old primary is lost: the present primary has
//! it, or a backup.

use super::harness::{Case, Counts, not_simulated};
use super::name;
use super::world::{Servers, World};
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

/// The effect of the two steps that only such plans have on node `i`.
pub(super) fn apply(servers: &mut Servers, i: usize, action: &RescueAction) -> Result<(), Failure> {
    let is_replica = servers.sims[i].of.is_some();
    let log = servers.sims[i].log.clone();
    match action {
        RescueAction::GiveUp { address, .. } => {
            if !is_replica && !log.iter().all(|w| servers.backed_up.contains(w)) {
                return Err(Failure::none("it was written to since"));
            }
            servers.sims[i].of = Some(address.clone());
        }
        RescueAction::BackUp { .. } => {
            if is_replica {
                return Err(Failure::none("it is no primary any more"));
            }
            servers.backed_up.extend(log);
        }
        RescueAction::BackUpFiles { .. } | RescueAction::Replay { .. } => {
            return Err(not_simulated(action));
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
    let mut servers = world.lock();
    servers.parted = true;
    // Each primary has its own writes since then.
    servers.traffic();
    servers.traffic();
    drop(servers);
    world
}

fn planned(operation: &Rejoin, world: &World) -> Plan {
    let topology = world.observe();
    let pair = pair(operation, &topology, &[], false).unwrap();
    let own = Own::Unknown("it is simulated".to_owned());
    plan(operation, pair, &own, &topology).unwrap()
}

/// Asserts that the node follows, its file says so, no fence is left, and no acknowledged write is
/// lost.
fn reached(operation: &Rejoin, world: &World, how: &str) {
    nothing_gone(world, how);
    assert!(planned(operation, world).is_empty(), "{how}");
}

/// Asserts that the old primary follows the other one, and that every acknowledged write is there
/// or in the backup.
fn nothing_gone(world: &World, how: &str) {
    let servers = world.lock();
    let of = |i: usize| servers.sims.iter().find(|s| s.name == name(i)).unwrap();
    let (successor, old) = (of(0), of(1));
    assert_eq!(old.of.as_ref(), Some(&successor.address), "{how}");
    assert_eq!(old.persisted_of, old.of, "{how}");
    assert!(servers.sims.iter().all(|s| !s.fenced), "{how}");
    assert!(
        servers.violations.is_empty(),
        "{how}: {:?}",
        servers.violations
    );
    let gone: Vec<&u32> = servers
        .acked
        .iter()
        .filter(|w| !successor.log.contains(w) && !servers.backed_up.contains(w))
        .collect();
    assert!(gone.is_empty(), "{how}: {gone:?} are nowhere");
}

/// A change of two primaries into one.
struct Union<'a> {
    topology: &'a Topology,
    plan: Plan,
    planned: &'a dyn Fn(&World) -> Plan,
    reached: &'a dyn Fn(&World, &str),
}

impl Union<'_> {
    fn runs_again(&self, world: &World, how: &str) {
        let again = (self.planned)(world);
        assert_eq!(world.start(&again), Outcome::Completed, "{how}");
    }
}

impl Case<Servers> for Union<'_> {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn fresh(&self) -> World {
        world(self.topology)
    }

    fn reached(&self, world: &World, how: &str) {
        (self.reached)(world, how);
    }

    fn died(&self, dead: &dyn Fn() -> World, how: &str) {
        let world = dead();
        match world.resume(&self.plan) {
            Outcome::Completed => {}
            // The plan finds the writes after the backup, and everything is done again.
            Outcome::RolledBack { .. } => self.runs_again(&world, how),
            other => panic!("{how}: {other:?}"),
        }
        self.reached(&world, how);
    }

    /// Rolls back, resumes or plans anew what it left.
    fn failed(&self, world: &World, outcome: Outcome, how: &str) {
        match outcome {
            Outcome::RolledBack { .. } => assert_eq!(world.shape(), self.fresh().shape(), "{how}"),
            Outcome::Incomplete { .. } => {}
            Outcome::Stopped { .. } => {
                world.crash();
                let again = world.resume(&self.plan);
                assert!(
                    matches!(again, Outcome::Completed | Outcome::RolledBack { .. }),
                    "{how}: {again:?}"
                );
            }
            other => panic!("{how}: {other:?}"),
        }
        // A fence that could not be lifted ends by itself.
        world.crash();
        if !(self.planned)(world).is_empty() {
            self.runs_again(world, how);
            self.reached(world, how);
        }
    }
}

/// Exhausts what is planned in every such deployment.
fn exhaust(planned: &dyn Fn(&World) -> Plan, reached: &dyn Fn(&World, &str)) -> Counts {
    let mut counts = Counts::default();
    for topology in &(2..=4).flat_map(split).collect::<Vec<_>>() {
        let case = Union {
            topology,
            plan: planned(&world(topology)),
            planned,
            reached,
        };
        case.exhaust(&mut counts);
    }
    counts
}

#[test]
fn an_old_primary_returns_and_nothing_of_it_is_gone() {
    let operation = &Rejoin {
        node: name(1),
        under: Some(name(0)),
        backup: Some("/b".to_owned()),
    };
    let counts = exhaust(&|world| planned(operation, world), &|world, how| {
        reached(operation, world, how);
    });
    counts.are_more_than(Counts {
        plans: 6,
        refused: 0,
        deaths: 90,
        failures: 100,
    });
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
        let servers = world.lock();
        let keep = servers.sims.iter().find(|s| s.name == name(0)).unwrap();
        for sim in servers.sims.iter().filter(|s| s.name != name(0)) {
            assert_eq!(sim.of.as_ref(), Some(&keep.address), "{how}: {}", sim.name);
            assert_eq!(sim.persisted_of, sim.of, "{how}: {}", sim.name);
        }
        drop(servers);
        assert!(planned(world).is_empty(), "{how}");
    };
    exhaust(&planned, &reached).are_more_than(Counts {
        plans: 6,
        refused: 0,
        deaths: 120,
        failures: 150,
    });
}
