//! A piece of a replication stream, kept for several passes. A short piece is in memory. A long one
//! is in a file without a name: no other process can open it, and it is gone with this process.

use crate::rescue::stream::Bytes;
use crate::topology::phrases;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

/// What is kept in memory, bytes.
const IN_MEMORY: usize = 4 << 20;

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
}

impl Spool {
    /// What a file has.
    pub(super) fn of(file: File) -> Self {
        Self {
            memory: Vec::new(),
            file: Some(file),
        }
    }

    /// Keeps these, too.
    ///
    /// # Errors
    /// Why they cannot be kept, in one phrase.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.file.is_none() && self.memory.len() + bytes.len() <= IN_MEMORY {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        self.write(bytes).map_err(|error| {
            format!(
                "more than {} of it cannot be kept in {}, a folder that TMPDIR can change: {error}",
                phrases::bytes(IN_MEMORY as u64),
                std::env::temp_dir().display()
            )
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let mut file = tempfile::tempfile()?;
                file.write_all(&std::mem::take(&mut self.memory))?;
                none.insert(file)
            }
        };
        file.write_all(bytes)
    }
}

impl Bytes for Spool {
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, String> {
        let Some(file) = &self.file else {
            return self.memory.read_at(at, into);
        };
        loop {
            match file.read_at(into, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(|error| format!("what was kept of it: {error}")),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_again_in_memory_and_in_a_file() {
        for total in [10, IN_MEMORY - 1, IN_MEMORY + 1, 3 * IN_MEMORY + 7] {
            let bytes: Vec<u8> = (0..total).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let mut spool = Spool::default();
            bytes
                .chunks(65_521)
                .for_each(|some| spool.push(some).unwrap());
            assert_eq!(spool.file.is_some(), total > IN_MEMORY);
            for _ in 0..2 {
                let (mut read, mut piece) = (Vec::new(), vec![0; 100_000]);
                loop {
                    match spool.read_at(read.len() as u64, &mut piece).unwrap() {
                        0 => break,
                        count => read.extend_from_slice(&piece[..count]),
                    }
                }
                assert_eq!(read, bytes);
            }
        }
    }
}
