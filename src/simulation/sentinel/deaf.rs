//! A Sentinel that stops answering at some step. replctl reports what it left there, and restores
//! it when the Sentinel answers again.

use super::super::harness::Case;
use super::super::topologies;
use super::{ThroughSentinel, changed, promotions};
use crate::engine::journal::Outcome;
use crate::topology::Address;
use std::cell::Cell;

/// How it ended, in words; nothing where it reached its goal.
fn why(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::RolledBack { why, .. } | Outcome::Stopped { why, .. } => Some(why),
        Outcome::Completed | Outcome::Incomplete { .. } | Outcome::Halted { .. } => None,
    }
}

fn goes_deaf(case: &ThroughSentinel<'_>, call: usize, port: u16) -> bool {
    let world = case.fresh();
    let at = Address::new("10.0.0.9", port);
    world.lock().sentinels.deaf_from = Some((call, at.clone()));
    let outcome = world.start(&case.plan);
    let what = format!("{at} says nothing from call {call} on: {outcome:?}");
    let left = changed(&world);
    assert!(left.is_empty() || left == [port], "{what}: {left:?}");
    if !left.is_empty() {
        let told = why(&outcome).is_some_and(|why| why.contains(&at.to_string()));
        assert!(told, "{what}: not told");
        assert!(
            matches!(outcome, Outcome::Stopped { .. }),
            "{what}: it is over"
        );
        let servers = world.lock();
        let priority = servers.priorities.get(&case.operation.node);
        assert!(priority.is_none_or(|p| p == "100"), "{what}: {priority:?}");
    }
    let mut servers = world.lock();
    let violations = &servers.violations;
    assert!(violations.is_empty(), "{what} {violations:?}");
    servers.sentinels.deaf_from = None;
    servers.sentinels.deaf.clear();
    drop(servers);
    if let Outcome::Stopped { .. } = outcome {
        case.resumed(&world, &what);
        case.restored(&world, &what);
    }
    !left.is_empty()
}

#[test]
fn what_is_left_at_a_sentinel_that_says_nothing_is_told_and_put_back_by_resume() {
    let mut left = 0;
    for topology in (2..=3).flat_map(topologies) {
        for case in promotions(&topology, &Cell::new(0)).0 {
            for call in 0..case.plan.steps().count() {
                for port in 1..=3 {
                    left += usize::from(goes_deaf(&case, call, port));
                }
            }
        }
    }
    assert!(left > 5, "only {left}");
}
