//! Whether a stage can still be put back: the journal and the present state of the nodes decide.
//! Pure.

use crate::actions::Action;
use crate::actions::host::HostAction;
use crate::actions::rescue::RescueAction;
use crate::actions::server::ServerAction;
use crate::engine::journal::{At, Progress};
use crate::engine::{Stage, Step, Undo};
use crate::topology::situation::forgot;
use crate::topology::{Node, Topology};

/// Whether a stage has passed a step that cannot be undone.
pub(super) fn past_return(
    stage: &Stage,
    index: usize,
    progress: &Progress,
    now: &Topology,
) -> bool {
    stage.steps.iter().enumerate().any(|(i, step)| {
        let at = At {
            stage: index,
            step: i,
        };
        step.undo == Undo::Impossible
            && (progress.done.contains(&at) || progress.started.contains(&at) && holds(step, now))
    })
}

/// Whether the effect of an irreversible step can be seen now.
fn holds(step: &Step, now: &Topology) -> bool {
    let node = now.get(&step.node);
    if step.action.promotes() {
        // A node that was killed before its role was in its file comes back as a replica. Its newly
        // acknowledged writes are only on its disk. Putting the old primary back would overwrite
        // them.
        return node.is_some_and(|n| n.is_primary() || forgot(n, now));
    }
    if let Action::Rescue(RescueAction::Replay { .. }) = step.action {
        return true; // some of it may be done, and is not put back
    }
    if let Action::Server(ServerAction::RequireReplicas { .. }) = step.action {
        return true; // it may have taken writes since
    }
    if let Action::Host(HostAction::WriteConfig { .. }) = step.action {
        return true; // a restart may have let it take writes since
    }
    if let Action::Password(_) = step.action {
        return true; // the earlier password may be gone
    }
    // Every other irreversible action makes a primary a replica. If a node gives no answer, the
    // safe assumption is that this has happened.
    !node.is_some_and(Node::is_primary)
}
