//! Disk space that a journal reserves before it needs it. So undone steps and the end of the run
//! can be written even on a full disk.

use crate::engine::Plan;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Space for the end of a run and for the reasons of failures, bytes. Each has a sentence or two, a
/// hook's at most five lines.
const FOR_REASONS: u64 = 16 << 10;
/// Space for each step, bytes: a line for its failure and a line for its undo, some hundred bytes
/// each.
const FOR_A_STEP: u64 = 512;
/// How much is asked for at once, bytes.
const CHUNK: u64 = 64 << 10;

/// Reserved space in a file.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// The space that must be left after a line that tells no end, bytes. 0: nothing is reserved.
    kept: u64,
    /// The file has its space up to here, bytes from its beginning.
    until: u64,
}

impl Room {
    /// As much space as the result lines of this plan need.
    pub(super) fn of(plan: &Plan) -> Self {
        let steps = u64::try_from(plan.steps().count()).unwrap_or(u64::MAX);
        Self {
            kept: FOR_REASONS.saturating_add(steps.saturating_mul(FOR_A_STEP)),
            until: 0,
        }
    }

    /// Makes sure that `more` bytes can be written, and that the reserve is left after them.
    ///
    /// # Errors
    /// There is no room for it.
    pub(super) fn keep(&mut self, file: &File, more: u64) -> io::Result<()> {
        if self.kept == 0 {
            return Ok(());
        }
        let length = file.metadata()?.len();
        let needed = length.saturating_add(more).saturating_add(self.kept);
        if needed <= self.until {
            return Ok(());
        }
        let generous = needed.saturating_add(CHUNK);
        let got = allocate(file, generous).map(|()| generous);
        match got.or_else(|_| allocate(file, needed).map(|()| needed)) {
            Ok(until) => self.until = until,
            // This file system cannot reserve space: lines are written without a reserve.
            Err(e) if is_unknown(&e) => self.kept = 0,
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Gives back what was not needed.
    pub(super) fn release(&mut self, file: &File) {
        if std::mem::take(&mut self.until) > 0
            && let Ok(about) = file.metadata()
        {
            // To cut the file at its end frees the space behind it. If that fails, some space stays
            // reserved.
            let _ = file.set_len(about.len());
        }
    }
}

fn is_unknown(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code == Some(libc::EOPNOTSUPP) || code == Some(libc::ENOSYS) || code == Some(libc::EINVAL)
}

/// Gives a file room up to `until`, without making it longer.
#[allow(unsafe_code)]
fn allocate(file: &File, until: u64) -> io::Result<()> {
    let until = libc::off_t::try_from(until).unwrap_or(libc::off_t::MAX);
    loop {
        // SAFETY: fallocate(2) with a descriptor that is open as long as `file` is borrowed, and
        // numbers; it reads and writes no memory of ours.
        let failed =
            unsafe { libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, 0, until) };
        if failed == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
