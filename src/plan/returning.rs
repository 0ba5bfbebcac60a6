//! The parts of a plan that brings back a running old primary. Its writes are stopped, its
//! divergence is backed up, and only then it follows. Pure.

pub mod checks;

use crate::actions::rescue::Covered;
use crate::plan::divergence::Own;

use super::follow::{follow, in_sync, persist};
use super::hand_over::fence_for;
use super::repoint::{below, forecast};
use super::roles;
use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::server::ServerAction;
use crate::engine::warning::returning::Returning;
use crate::engine::{Mode, Operation, Plan, Refusal, Rejoin, Stage, Step, Undo, Warning};
use crate::topology::{Address, Node, NodeName, ReplicaAuth, Topology};

/// How long the old primary takes no writes if replctl sends nothing more, ms. During the backup,
/// replctl renews this.
pub const FENCE_MS: u64 = 60_000;

/// An old primary with a pending demotion, and the address of the new primary.
pub type DemotionNote = (NodeName, Address);

/// The plan for a node that runs as a primary, without its replicas.
pub fn returns(
    operation: &Rejoin,
    (node, successor): (&Node, &Node),
    own: &Own,
    topology: &Topology,
) -> Result<Plan, Vec<Refusal>> {
    checks::running(operation, node, successor, topology)?;
    Ok(Plan {
        operation: Operation::Rejoin(operation.clone()),
        stages: stages(operation, node, successor, own),
        warnings: warnings(operation, node, successor, own, topology),
        may_lose: own.loss(node, operation.backup.as_deref()),
    })
}

/// The stages that bring `node` back under `successor`.
pub fn stages(operation: &Rejoin, node: &Node, successor: &Node, own: &Own) -> Vec<Stage> {
    let name = &node.name;
    let (fence, unfence) = fence_for(node, FENCE_MS);
    let renewed = matches!(fence, Action::Server(ServerAction::PauseWrites { .. }));
    let mut steps = vec![
        roles::check_pair(node, successor),
        Step::new(name, fence, Undo::By(unfence.clone())),
    ];
    if wrong_login(node, successor) {
        steps.push(Step::new(
            name,
            Action::Server(ServerAction::SetReplicaAuth),
            Undo::Nothing,
        ));
    }
    let covered = match (own.covered(), &operation.backup) {
        (Some(covered), _) => Some(covered),
        (None, Some(folder)) => {
            let back_up = Action::Rescue(RescueAction::BackUp {
                primary: successor.name.clone(),
                folder: folder.clone(),
                fence_ms: renewed.then_some(FENCE_MS),
            });
            steps.push(Step::new(name, back_up, Undo::Nothing));
            Some(Covered::Backup {
                folder: folder.clone(),
            })
        }
        (None, None) => None,
    };
    let give_up = covered.map_or_else(
        || follow(node, successor),
        |covered| {
            Action::Rescue(RescueAction::GiveUp {
                upstream: successor.name.clone(),
                address: successor.source_for(node.server()),
                covered,
            })
        },
    );
    // Its data is gone when the first byte of the new primary's data arrives.
    steps.push(Step::new(name, give_up, Undo::Impossible));
    vec![
        Stage {
            title: format!("bring {name} back under {}", successor.name),
            mode: Mode::Atomic,
            steps,
        },
        Stage {
            title: "let it follow".to_owned(),
            mode: Mode::KeepGoing,
            steps: vec![Step::new(name, unfence, Undo::Nothing)],
        },
        persist(&[node]),
        in_sync(successor, &[node]),
    ]
}

/// Whether `node` lacks the right password for `successor` now.
fn wrong_login(node: &Node, successor: &Node) -> bool {
    let wants = successor.server().and_then(|s| s.has_password);
    let has = node.server().and_then(|s| s.replica_auth);
    wants == Some(true) && matches!(has, Some(ReplicaAuth::Unset | ReplicaAuth::Wrong))
}

/// What the operator should know before.
pub fn warnings(
    operation: &Rejoin,
    node: &Node,
    successor: &Node,
    own: &Own,
    topology: &Topology,
) -> Vec<Warning> {
    let has = Returning::Own {
        own: own.clone(),
        successor: successor.name.clone(),
    };
    let mut out = vec![Warning::of(&node.name, has)];
    match (own.covered(), &operation.backup) {
        (Some(_), _) => out.push(Warning::of_all(Returning::NothingDiscarded)),
        (None, Some(folder)) => {
            out.push(Warning::of(&node.name, Returning::Dump(folder.clone())));
        }
        (None, None) => {}
    }
    out.extend(forecast::warnings(node, successor, topology));
    let below = below(node, topology);
    if !below.is_empty() {
        let below = below.into_iter().map(|n| n.name.clone()).collect();
        out.push(Warning::of_all(Returning::Below(below)));
    }
    let watched = crate::topology::sentinel::watched(topology);
    out.extend(watched.map(|count| Warning::of_all(Returning::Watched(count))));
    out
}
