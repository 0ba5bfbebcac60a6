//! Promotions that count and disconnect the clients of the old primary: never while writes are
//! stopped, and only once another node is the primary.

use super::world::World;
use super::{access, operations, topologies};
use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::journal::Outcome;
use crate::operations::promote;
use crate::plan::clients;

#[test]
fn clients_are_counted_around_the_fence_and_disconnected_after_it() {
    let (mut counted, mut left_out) = (0, 0);
    for topology in &topologies(4) {
        for operation in &operations(4) {
            let access = access(topology, true);
            let Ok(mut plan) = promote::plan::plan(operation, topology, &access) else {
                continue;
            };
            let bare = plan.clone();
            clients::add(&mut plan, operation, topology, true);
            let steps = |wanted: &Action| plan.steps().filter(|s| s.action == *wanted).count();
            let (counts, kicks) = (
                steps(&Action::Server(ServerAction::CountClients)),
                steps(&Action::Server(ServerAction::KickClients)),
            );
            if !bare.changes_roles() {
                assert_eq!(plan, bare);
                continue;
            }
            if bare.may_lose.is_some() {
                assert_eq!((counts, kicks, &plan.stages), (0, 0, &bare.stages));
                left_out += plan.warnings.len() - bare.warnings.len();
                continue;
            }
            assert_eq!((counts, kicks), (2, 1), "{plan:#?}");
            counted += 1;
            // The world itself records it if they are touched inside a fence, or disconnected from
            // the only primary.
            let world = World::new(topology);
            assert_eq!(world.start(&plan), Outcome::Completed, "{plan:#?}");
            let violations = &world.lock().violations;
            assert!(violations.is_empty(), "{violations:?} {plan:#?}");
        }
    }
    assert!(
        counted > 50 && left_out > 10,
        "{counted} counted, {left_out} left out"
    );
}
