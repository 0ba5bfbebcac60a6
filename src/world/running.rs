//! The operation that is being run, as hooks and changes of roles know it.

use crate::topology::NodeName;
use std::sync::{Mutex, PoisonError};

/// What is known of it.
#[derive(Debug, Clone, Default)]
pub struct RunningOperation {
    /// Its id in the journal.
    pub id: String,
    /// What may be lost.
    pub may_lose: Option<String>,
    /// The nodes that its plan took for replicas and never makes primaries.
    pub replicas: Vec<NodeName>,
}

/// The one that runs.
#[derive(Debug, Default)]
pub struct Running(Mutex<RunningOperation>);

impl Running {
    /// Says which operation is run from now on.
    pub fn is(&self, operation: RunningOperation) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = operation;
    }

    /// The one that is run.
    pub(super) fn get(&self) -> RunningOperation {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.clone()
    }

    /// Whether its plan took a node for a replica.
    pub(super) fn planned_as_replica(&self, node: &NodeName) -> bool {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.replicas.contains(node)
    }
}
