//! A journal on disk. Each line is one write.

use crate::journal::{Entry, Journal, Line};
use jiff::Timestamp;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Mutex;

/// A journal in a file. Each line is one write.
#[derive(Debug)]
pub struct FileJournal {
    file: Mutex<File>,
    #[cfg(debug_assertions)]
    die_after: Mutex<Option<usize>>,
}

impl FileJournal {
    pub(super) fn new(file: File) -> Self {
        Self {
            file: Mutex::new(file),
            // For tests of what a death at each line leaves behind; not compiled into releases.
            #[cfg(debug_assertions)]
            die_after: Mutex::new(
                std::env::var("REPLCTL_DIE_AFTER_JOURNAL_LINES")
                    .ok()
                    .and_then(|n| n.parse().ok()),
            ),
        }
    }

    #[cfg(debug_assertions)]
    fn maybe_die(&self) {
        let mut left = self
            .die_after
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(n) = left.as_mut() {
            *n = n.saturating_sub(1);
            if *n == 0 {
                kill_self();
            }
        }
    }
}

#[cfg(debug_assertions)]
#[allow(unsafe_code)]
fn kill_self() {
    // SAFETY: kill(2) with our own process id and a constant signal; it reads and writes no memory of ours.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

impl Journal for FileJournal {
    fn record(&self, entry: &Entry, durable: bool) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line {
            time: Timestamp::now(),
            entry: entry.clone(),
        })?;
        line.push(b'\n');
        {
            let mut file = self
                .file
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            file.write_all(&line)?;
            if durable {
                file.sync_data()?;
            }
        }
        #[cfg(debug_assertions)]
        self.maybe_die();
        Ok(())
    }
}
