//! Where backups of old primaries lie, unless the operator says otherwise.

use super::Store;
use std::path::PathBuf;

impl Store {
    /// The folder that has one folder for each backup.
    pub fn backups(&self) -> PathBuf {
        self.folder.join("backup")
    }
}
