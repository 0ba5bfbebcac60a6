//! The passwords in files that were read with a look at hosts, until they are asked for.

use crate::actions::password::written::Passwords;
use crate::topology::NodeName;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What a file has of passwords; `None`: there is no file.
pub type InFile = Result<Option<Passwords>, String>;

/// What was read, by node. Each is taken once: files change.
#[derive(Default)]
pub struct FilesRead(Mutex<BTreeMap<NodeName, InFile>>);

impl FilesRead {
    /// Keeps what was read.
    pub fn keep(&self, node: &NodeName, read: InFile) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(node.clone(), read);
    }

    /// Takes it.
    pub fn take(&self, node: &NodeName) -> Option<InFile> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(node)
    }
}
