//! Passes on how far transfers to and from nodes have come. It keeps nothing.

use super::host::Progress;
use crate::engine::execute::Transfers;
use crate::topology::NodeName;
use std::sync::{Arc, Mutex, PoisonError};

/// The target for the progress of transfers; none until one is set.
#[derive(Default)]
pub struct TransferProgress(Mutex<Option<Arc<dyn Transfers>>>);

impl TransferProgress {
    /// Sets the target.
    pub fn report_to(&self, listener: Arc<dyn Transfers>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    /// Reports how many of the `total` bytes to or from a node have come.
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
