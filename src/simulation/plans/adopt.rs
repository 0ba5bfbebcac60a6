//! The planner that makes servers of others replctl's.

use super::Snapshot;
use crate::engine::{Adopt, Operation};
use crate::simulation::adopt::model::World;
use crate::simulation::adopt::operation;

/// What it is, whom each node follows, a bit for each that is somebody else's, whether a unit
/// starts those, and what is asked for.
type Case<'a> = (&'a str, &'a [Option<usize>], usize, bool, Adopt);

#[test]
fn adopt_plans() {
    let mut snapshot = Snapshot::of("adopt", "What `replctl adopt` plans.");
    let two: &[Option<usize>] = &[None, Some(0)];
    let units = "redis-server.service starts those that replctl did not make";
    let cases: [Case<'_>; 6] = [
        ("all of them", two, 0b11, true, operation(&[], false)),
        ("a replica", two, 0b11, true, operation(&[1], false)),
        (
            "one that was started by hand",
            two,
            0b10,
            false,
            operation(&[1], false),
        ),
        (
            "a primary whose replicas are others' too",
            two,
            0b11,
            true,
            operation(&[0], false),
        ),
        ("a primary alone", &[None], 1, true, operation(&[0], false)),
        (
            "a primary alone, and its pause is accepted",
            &[None],
            1,
            true,
            operation(&[0], true),
        ),
    ];
    for (title, tree, foreign, unit, op) in cases {
        let world = World::new(tree, foreign, unit);
        let planned = world.lock().plan(&op);
        let besides = if unit {
            units
        } else {
            "a person has started it"
        };
        snapshot.case(
            title,
            &world.observe(),
            &[besides],
            &Operation::Adopt(op),
            planned,
        );
    }
    let world = World::new(two, 0, true);
    let op = operation(&[], false);
    let planned = world.lock().plan(&op);
    let besides = "replctl has made both";
    snapshot.case(
        "nothing is left",
        &world.observe(),
        &[besides],
        &Operation::Adopt(op),
        planned,
    );
    snapshot.hold();
}
