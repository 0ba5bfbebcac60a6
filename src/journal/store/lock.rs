//! The lock that keeps a second operation on this machine away.

use super::Store;
use crate::error::{Exit, Problem, Result};
use crate::journal::holder;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// Held while an operation changes things: a second one on this machine is refused. Freed by the kernel at the latest.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Store {
    /// Takes the lock, or says who holds it.
    pub fn lock(&self, who: &str) -> Result<Lock> {
        let path = self.folder.join("lock");
        let refused = |e: &dyn std::fmt::Display| {
            Problem::new(format!("{}: the lock cannot be taken", path.display()))
                .cause(e)
                .exit(Exit::Failed)
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| refused(&e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                return Err(Problem::new(format!(
                    "another operation on `{}` is running; nothing was touched",
                    self.deployment
                ))
                .cause(holder.trim())
                .hint("wait for it to end; the lock goes with its process")
                .exit(Exit::Refused));
            }
            Err(fs::TryLockError::Error(e)) => return Err(refused(&e)),
        }
        file.set_len(0)
            .and_then(|()| {
                let holder = holder(who, std::process::id());
                file.write_all(format!("{holder}\n").as_bytes())
            })
            .map_err(|e| refused(&e))?;
        Ok(Lock { _file: file })
    }

    /// Whoever holds the lock, without touching it: taking it to see whether it is free would refuse an operation that begins just then.
    pub fn holder(&self) -> Option<String> {
        let path = self.folder.join("lock");
        let inode = format!(":{}", fs::metadata(&path).ok()?.ino());
        let locks = fs::read_to_string("/proc/locks").ok()?;
        let held = locks.lines().any(|line| {
            let mut words = line.split_whitespace();
            line.contains("FLOCK") && words.any(|word| word.ends_with(&inode))
        });
        held.then(|| fs::read_to_string(&path).unwrap_or_default())
            .map(|text| text.trim().to_owned())
    }
}
