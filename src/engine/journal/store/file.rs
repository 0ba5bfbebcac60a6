//! A journal on disk. Each line is one write.

use super::room::Room;
use crate::engine::Plan;
use crate::engine::journal::{Entry, Journal, Line};
use jiff::Timestamp;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A journal in a file. Each line is one write.
#[derive(Debug)]
pub struct FileJournal {
    written: Mutex<Written>,
    #[cfg(debug_assertions)]
    die_after: Mutex<Option<usize>>,
}

#[derive(Debug)]
struct Written {
    file: File,
    room: Room,
    /// Why the end of the last run is not in it.
    no_end: Option<String>,
}

impl Drop for FileJournal {
    fn drop(&mut self) {
        let Written { file, room, .. } = &mut *self.written();
        room.release(file);
    }
}

impl FileJournal {
    /// A journal that reserves no disk space.
    pub(super) fn new(file: File) -> Self {
        Self::with(file, Room::default())
    }

    /// A journal that reserves disk space for the results of that plan.
    pub(super) fn of(file: File, plan: &Plan) -> Self {
        Self::with(file, Room::of(plan))
    }

    fn with(file: File, room: Room) -> Self {
        Self {
            written: Mutex::new(Written {
                file,
                room,
                no_end: None,
            }),
            // For tests of what a death at each line leaves behind; not compiled into releases.
            #[cfg(debug_assertions)]
            die_after: Mutex::new(
                std::env::var("REPLCTL_DIE_AFTER_JOURNAL_LINES")
                    .ok()
                    .and_then(|n| n.parse().ok()),
            ),
        }
    }

    /// Why the end of the run could not be written, if so. Readers of the journal then see an
    /// interrupted operation.
    pub fn no_end(&self) -> Option<String> {
        self.written().no_end.clone()
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line; what comes after it is [`FileJournal::passed`].
    pub(super) fn write(&self, entry: &Entry, durable: bool) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line {
            time: Timestamp::now(),
            entry: entry.clone(),
        })?;
        line.push(b'\n');
        let Written { file, room, no_end } = &mut *self.written();
        let mut written = Ok(());
        if !entry.tells_an_end() {
            written = room.keep(file, line.len() as u64);
        }
        written = written.and_then(|()| append(file, &line));
        if durable {
            written = written.and_then(|()| file.sync_data());
        }
        if let Entry::Ended { .. } = entry {
            *no_end = written.as_ref().err().map(ToString::to_string);
        }
        written
    }

    /// Called after each written line. A test can end the process here.
    pub(super) fn passed(&self) {
        #[cfg(debug_assertions)]
        self.maybe_die();
    }

    #[cfg(debug_assertions)]
    fn maybe_die(&self) {
        let mut left = self
            .die_after
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
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
    // SAFETY: kill(2) with our own process id and a constant signal; it reads and writes no memory
    // of ours.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

/// Appends a whole line. If only a part could be written, that part is removed, so that the next
/// line stands alone.
fn append(file: &mut File, line: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let mut done = 0;
    while done < line.len() {
        let failed = match file.write(&line[done..]) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(n) => {
                done += n;
                continue;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => e,
        };
        let part = before + done as u64;
        if done > 0 && file.metadata().is_ok_and(|about| about.len() == part) {
            let _ = file.set_len(before);
        }
        return Err(failed);
    }
    Ok(())
}

impl Journal for FileJournal {
    fn record(&self, entry: &Entry, durable: bool) -> io::Result<()> {
        self.write(entry, durable)?;
        self.passed();
        Ok(())
    }
}
