//! A Sentinel that answers nothing any more from some step on: what was left at it is told, and put
//! back once it answers again.

use super::super::topologies;
use super::{Case, changed, watch};
use crate::engine::Promote;
use crate::engine::journal::Outcome;
use crate::operations::promote::plan::sentinel::plan;
use crate::topology::Address;
use futures::executor::block_on;

/// How it ended, in words; nothing where it reached its goal.
fn why(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::RolledBack { why, .. } | Outcome::Stopped { why, .. } => Some(why),
        Outcome::Completed | Outcome::Incomplete { .. } | Outcome::Halted { .. } => None,
    }
}

fn goes_deaf(case: &Case, call: usize, port: u16) -> bool {
    let world = case.world();
    let at = Address::new("10.0.0.9", port);
    world.0.lock().unwrap().sentinels.deaf_from = Some((call, at.clone()));
    let outcome = block_on(case.run(&world).start());
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
        let inner = world.0.lock().unwrap();
        let priority = inner.priorities.get(&case.operation.node);
        assert!(priority.is_none_or(|p| p == "100"), "{what}: {priority:?}");
    }
    let mut inner = world.0.lock().unwrap();
    assert!(inner.violations.is_empty(), "{what} {:?}", inner.violations);
    inner.sentinels.deaf_from = None;
    inner.sentinels.deaf.clear();
    let progress = inner.progress.clone();
    drop(inner);
    if let Outcome::Stopped { .. } = outcome {
        let again = block_on(case.run(&world).resume(&progress, &world.observe()));
        assert_eq!(again, Outcome::Completed, "{what}");
        case.reached(&world, &what);
        case.restored(&world, &what);
    }
    !left.is_empty()
}

#[test]
fn what_is_left_at_a_sentinel_that_says_nothing_is_told_and_put_back_by_resume() {
    let mut left = 0;
    for topology in (2..=3).flat_map(topologies) {
        let watch = watch(&topology, &topology.nodes[0].announced);
        for node in topology.nodes.iter().map(|n| n.name.clone()) {
            let operation = Promote {
                node,
                accept: Vec::new(),
            };
            let Ok(plan) = plan(&operation, &topology, Some(&watch)) else {
                continue;
            };
            let case = Case {
                operation,
                topology: topology.clone(),
                plan,
            };
            for call in 0..case.plan.steps().count() {
                for port in 1..=3 {
                    left += usize::from(goes_deaf(&case, call, port));
                }
            }
        }
    }
    assert!(left > 5, "only {left}");
}
