//! The text about old primaries that came back as replicas.

use crate::actions::Action;
use crate::actions::rescue::RescueAction;
use crate::actions::server::ServerAction;
use crate::engine::journal::Resync;
use crate::engine::operate::Finished;
use std::fmt::Write as _;

/// A line for each node: where it is now, where its backup is, and how it got there.
pub fn returned(finished: &Finished) -> String {
    let mut text = String::new();
    for passed in &finished.passed {
        let node = &passed.step.node;
        let seen = &passed.seen;
        let action = &passed.step.action;
        if let Action::Rescue(RescueAction::BackUp { .. } | RescueAction::BackUpFiles { .. }) =
            action
        {
            let _ = write!(text, "\n  backup  {}", seen.text);
        } else if let Action::Server(ServerAction::AwaitInSync { with, .. }) = action {
            let how = match seen.resync {
                Some(Resync::Partial) => " by a partial resync",
                Some(Resync::Full) => " by a full resync",
                None => "",
            };
            let offset = seen.offset.unwrap_or(0);
            let _ = write!(
                text,
                "\n  {node}  in sync with {with}{how}, at offset {offset}"
            );
        } else if *action == Action::Server(ServerAction::PersistRole) {
            let _ = write!(text, "\n  {node}  role {}", seen.text);
        }
    }
    text
}
