//! Writes what an operator wants in a file: a new one, that nobody else can read.

use crate::error::{Exit, Problem, Result};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes it.
///
/// # Errors
/// The file is there already, or cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    create(path, bytes).map_err(|error| {
        Problem::new(format!("{} cannot be written", path.display()))
            .cause(error)
            .hint("name a file that is not there yet: --output FILE")
            .exit(Exit::Failed)
    })
}

fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
