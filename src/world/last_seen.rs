//! The result of the last look at the deployment, for steps and reports that do not look again.

use super::observe;
use crate::engine::execute::Failure;
use crate::engine::journal::snapshot::Snapshot;
use crate::inventory::Inventory;
use crate::topology::detached::Observed;
use crate::topology::{Node, NodeName};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was seen last; nothing at first.
#[derive(Default)]
pub struct LastSeen(Mutex<Option<Observed>>);

impl LastSeen {
    fn lock(&self) -> MutexGuard<'_, Option<Observed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps this as the last look.
    pub(super) fn keep(&self, observed: &Observed) {
        *self.lock() = Some(observed.clone());
    }

    /// The last look.
    pub fn get(&self) -> Option<Observed> {
        self.lock().clone()
    }

    /// The last look, for the journal.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.lock().as_ref().map(|seen| Snapshot::of(seen.all()))
    }

    /// Adds another host name of one of its nodes.
    pub(super) fn also_called(&self, host: &str, ips: &[String]) {
        if let Some(seen) = self.lock().as_mut() {
            observe::also_called(seen.all_mut(), host, ips);
        }
    }

    /// A node of the last look, with all its names.
    pub(super) fn node(&self, name: &NodeName) -> Option<Node> {
        self.lock().as_ref()?.all().get(name).cloned()
    }

    /// A node of the last look; else the node as the inventory has it.
    pub(super) async fn node_or_unseen(
        &self,
        name: &NodeName,
        inventory: &Inventory,
    ) -> Result<Node, Failure> {
        if let Some(seen) = self.node(name) {
            return Ok(seen);
        }
        let spec = inventory.get(name);
        let spec =
            spec.ok_or_else(|| Failure::none(format!("the inventory has no node `{name}`")))?;
        Ok(observe::unseen(spec).await)
    }
}
