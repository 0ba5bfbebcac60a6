//! The setup of three Sentinels from every initial state of each: a death at every journal line, a
//! failure of every step.

pub(super) mod boxes;
pub(super) mod host;

use super::harness::{Case, Counts};
use crate::engine::Plan;
use crate::engine::journal::{NodeFailure, Outcome};
use boxes::{Boxes, World};
use host::InitialSentinel;

/// Each node that failed is as it was.
fn are_put_back(world: &World, failed: &[NodeFailure], how: &str) {
    for failure in failed {
        assert_eq!(failure.put_back, Some(true), "{how}");
        world.lock().assert_put_back(&failure.node, how);
    }
}

/// Sentinels that are to come.
struct Coming {
    begins: [InitialSentinel; 3],
    plan: Plan,
}

impl Case<Boxes> for Coming {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn fresh(&self) -> World {
        World::new(self.begins)
    }

    /// Asserts that all run, watch the primary with the inventory's rules, kept their ids, and that
    /// nothing is left to do.
    fn reached(&self, world: &World, how: &str) {
        let boxes = world.lock();
        boxes.assert_well(&format!("{:?}, {how}", self.begins));
        let again = boxes.plan().unwrap();
        assert!(again.is_empty(), "{:?}, {how}: {again:#?}", self.begins);
    }

    fn failed(&self, world: &World, outcome: Outcome, how: &str) {
        match outcome {
            Outcome::Halted { failed } => are_put_back(world, &failed, how),
            // Only the check is rolled back: the changes stay.
            Outcome::RolledBack { .. } => world.lock().assert_well(how),
            other => panic!("{:?}, {how}: {other:?}", self.begins),
        }
        let again = world.lock().plan().unwrap();
        assert_eq!(world.start(&again), Outcome::Completed, "{how} {again:#?}");
        self.reached(world, how);
    }
}

/// Sentinels that are to go.
struct Going {
    begins: [InitialSentinel; 3],
    purge: bool,
    plan: Plan,
}

impl Case<Boxes> for Going {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn fresh(&self) -> World {
        World::new(self.begins)
    }

    /// Asserts that they are gone, and that nothing is left to do.
    fn reached(&self, world: &World, how: &str) {
        let (boxes, purge) = (world.lock(), self.purge);
        let how = format!("{:?}, purge {purge}, {how}", self.begins);
        boxes.assert_gone(purge, &how);
        let again = boxes.plan_removal(purge).unwrap();
        assert!(again.is_empty(), "{how}: {again:#?}");
    }

    /// Another run ends it.
    fn failed(&self, world: &World, outcome: Outcome, how: &str) {
        match outcome {
            Outcome::Halted { failed } => are_put_back(world, &failed, how),
            Outcome::RolledBack { .. } => world.lock().assert_gone(false, how),
            Outcome::Incomplete { .. } => assert!(self.purge, "{how}"),
            other => panic!("{:?}, {how}: {other:?}", self.begins),
        }
        let again = world.lock().plan_removal(self.purge).unwrap();
        assert_eq!(world.start(&again), Outcome::Completed, "{how} {again:#?}");
        self.reached(world, how);
    }
}

/// Every set of initial states of three hosts, in any order.
fn beginnings() -> Vec<[InitialSentinel; 3]> {
    let all = InitialSentinel::ALL;
    let mut found = Vec::new();
    for i in 0..all.len() {
        for j in i..all.len() {
            found.extend((j..all.len()).map(|k| [all[i], all[j], all[k]]));
        }
    }
    found
}

#[test]
fn sentinels_come_to_watch_whatever_there_is_and_whatever_happens() {
    let mut counts = Counts::default();
    for begins in beginnings() {
        let plan = World::new(begins).lock().plan();
        let plan = plan.unwrap_or_else(|r| panic!("{begins:?}: {r:?}"));
        Coming { begins, plan }.exhaust(&mut counts);
    }
    counts.are_more_than(Counts {
        plans: 80,
        refused: 0,
        deaths: 2_000,
        failures: 3_000,
    });
}

#[test]
fn sentinels_go_whatever_there_is_and_whatever_happens() {
    let mut counts = Counts::default();
    for begins in beginnings() {
        for purge in [false, true] {
            let plan = World::new(begins).lock().plan_removal(purge).unwrap();
            let going = Going {
                begins,
                purge,
                plan,
            };
            going.exhaust(&mut counts);
        }
    }
    counts.are_more_than(Counts {
        plans: 80,
        refused: 0,
        deaths: 2_000,
        failures: 3_000,
    });
}

#[test]
fn an_operator_who_wants_to_stop_finds_no_sentinel_begun() {
    let begins = [
        InitialSentinel::Bare,
        InitialSentinel::Stopped,
        InitialSentinel::Idle,
    ];
    let world = World::new(begins);
    let plan = world.lock().plan().unwrap();
    let outcome = world.start_and_stop(&plan);
    assert!(matches!(outcome, Outcome::Halted { .. }), "{outcome:?}");
    for step in plan.steps() {
        world.lock().assert_put_back(&step.node, "interrupted");
    }
}
