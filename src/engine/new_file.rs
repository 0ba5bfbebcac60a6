//! Writes an operator's output into a new file, which no other user can read.

use crate::error::{Exit, Problem, Result};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A piece, or why there is none.
type Piece = std::result::Result<Vec<u8>, String>;

/// Writes the file from pieces. Returns its length, bytes.
///
/// # Errors
/// The file is there already, or cannot be written.
pub fn write(path: &Path, pieces: impl Iterator<Item = Piece>) -> Result<u64> {
    create(path, pieces).map_err(|error| {
        Problem::new(format!("{} cannot be written", path.display()))
            .cause(error)
            .hint("name a file that is not there yet: --output FILE")
            .exit(Exit::Failed)
    })
}

fn create(path: &Path, pieces: impl Iterator<Item = Piece>) -> std::io::Result<u64> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let write = || {
        let mut bytes = 0;
        for piece in pieces {
            let piece = piece.map_err(std::io::Error::other)?;
            file.write_all(&piece)?;
            bytes += piece.len() as u64;
        }
        file.sync_all()?;
        Ok(bytes)
    };
    write().inspect_err(|_| {
        // The file did not exist before, and half of it is of no use.
        let _ = std::fs::remove_file(path);
    })
}
