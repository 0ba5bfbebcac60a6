//! Where a detached node is, as `--json` prints it.

use crate::actions::Action;
use crate::actions::server::ServerAction;
use crate::engine::journal::Outcome;
use crate::engine::run_facts::RunFacts;
use crate::topology::NodeName;
use serde::Serialize;

/// The result of `detach`.
#[derive(Debug, Serialize)]
pub struct Detached<'a> {
    /// The operation's id in the journal; null where there was nothing to do.
    pub id: Option<&'a str>,
    /// The node.
    pub node: &'a NodeName,
    /// It stands alone.
    pub alone: bool,
    /// Its role was written into its file, and read back as the next start reads it.
    pub persisted: bool,
    /// How it ended; null where there was nothing to do.
    pub outcome: Option<&'a Outcome>,
}

/// Builds the report. `run`: `None` where there was nothing to do.
pub fn detached<'a>(node: &'a NodeName, run: Option<RunFacts<'a>>) -> Detached<'a> {
    let did =
        |wanted: &dyn Fn(&Action) -> bool| run.is_none_or(|r| r.passed(node, wanted).is_some());
    Detached {
        id: run.map(|r| r.id),
        node,
        alone: did(&Action::promotes) || run.is_some_and(|r| !r.plan.changes_roles()),
        persisted: run.is_none_or(|r| {
            let wrote = r.passed(node, |a| *a == Action::Server(ServerAction::PersistRole));
            wrote.is_some_and(|p| p.seen.read_back == Some(true))
        }),
        outcome: run.map(|r| r.outcome),
    }
}
