//! Every combination of what three nodes can be, planned, carried out in memory, and planned again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm
)]

pub mod begin;
mod headless;
mod links;
mod single;
pub mod stage;
mod tls;

use super::plan;
use crate::actions::Action;
use crate::actions::role::RoleAction;
use crate::actions::service::ServiceAction;
use crate::engine::Setup;
use crate::topology::NodeName;
use begin::InitialNode;
use stage::Stage;

const ALL: [InitialNode; 9] = [
    InitialNode::Bare,
    InitialNode::StoppedPrimary { keys: false },
    InitialNode::StoppedPrimary { keys: true },
    InitialNode::StoppedReplica { of: 0, keys: true },
    InitialNode::StoppedReplica { of: 1, keys: true },
    InitialNode::EmptyPrimary,
    InitialNode::FullPrimary,
    InitialNode::Replica { of: 0 },
    InitialNode::Replica { of: 1 },
];

fn setup(discard: Option<usize>) -> Setup {
    Setup {
        nodes: Vec::new(),
        discard_data: discard
            .map(|i| NodeName::from(stage::NAMES[i]))
            .into_iter()
            .collect(),
    }
}

/// No key is lost unless it was named. Servers that run stay as they are, the result is one tree,
/// and nothing is left to do.
#[test]
fn every_beginning_is_refused_or_ends_well() {
    let (mut planned, mut refused) = (0, 0);
    for a in ALL {
        for b in ALL {
            for c in ALL {
                for discard in [None, Some(0), Some(1), Some(2)] {
                    if one([a, b, c], discard) {
                        planned += 1;
                    } else {
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(
        planned > 500 && refused > 500,
        "{planned} planned, {refused} refused"
    );
}

fn one(begin: [InitialNode; 3], discard: Option<usize>) -> bool {
    let mut world = Stage::new(begin);
    let what = format!("{begin:?}, discard {discard:?}");
    let op = setup(discard);
    let plan = match world.plan(&op) {
        Ok(plan) => plan,
        Err(refusals) => {
            assert!(!refusals.is_empty(), "{what}");
            assert!(
                refusals
                    .iter()
                    .all(|r| !r.why.is_empty() && !r.hint.is_empty()),
                "{what}"
            );
            return false;
        }
    };
    for step in plan.steps() {
        let i = stage::index(&step.node);
        let touches = matches!(
            step.action,
            Action::Role(RoleAction::Follow { .. } | RoleAction::Promote)
                | Action::Service(ServiceAction::StopServer | ServiceAction::StartServer)
        );
        let serves = matches!(
            begin[i],
            InitialNode::FullPrimary | InitialNode::Replica { .. }
        );
        assert!(
            !(touches && serves && discard != Some(i)),
            "{what}: {}",
            step.action
        );
    }
    if begin::has_loop(begin) {
        // Running replicas are left as they are. The plan says so, and one tree cannot result.
        assert!(
            plan.warnings
                .iter()
                .any(|w| w.text().contains("leads back to itself")),
            "{what}"
        );
        return true;
    }
    world.carry_out(&plan, discard, &what);
    world.is_one_tree(&what);
    let again = world.plan(&setup(None));
    let again = again.unwrap_or_else(|r| panic!("{what}: refused the second time: {r:?}"));
    assert!(again.is_empty(), "{what}: {:?}", again.stages);
    true
}
