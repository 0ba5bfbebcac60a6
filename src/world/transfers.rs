//! How far transfers to and from nodes have come, told to whoever wants to know. It keeps nothing.

use super::host::Progress;
use crate::engine::execute::Transfers;
use crate::topology::NodeName;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the progress of transfers goes; nowhere, until somebody wants it.
#[derive(Default)]
pub struct TransferProgress(Mutex<Option<Arc<dyn Transfers>>>);

impl TransferProgress {
    /// From now on it goes there.
    pub fn report_to(&self, listener: Arc<dyn Transfers>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    /// Tells how many bytes to or from a node have come, of how many.
    pub(super) fn transferred(&self, node: &NodeName, bytes: u64, total: u64) {
        if let Some(listener) = self.listener() {
            listener.transferred(node, bytes, total);
        }
    }

    /// What tells it of one transfer of so many bytes.
    pub(super) fn of(&self, node: &NodeName, total: u64) -> Progress {
        let (listener, node) = (self.listener(), node.clone());
        Box::new(move |bytes| {
            if let Some(listener) = &listener {
                listener.transferred(&node, bytes, total);
            }
        })
    }

    fn listener(&self) -> Option<Arc<dyn Transfers>> {
        let listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listener.clone()
    }
}
