//! Room on the disk that a journal has before it needs it, so that what is put back on a full disk,
//! and how the run ended, can still be written.

use crate::engine::Plan;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// What is kept for the end of a run and for the reasons of what failed, bytes: each is a sentence
/// or two, a hook's at most five lines.
const FOR_REASONS: u64 = 16 << 10;
/// What is kept for each step, bytes: a line that it failed and one that it was put back, some
/// hundred each.
const FOR_A_STEP: u64 = 512;
/// How much is asked for at once, bytes.
const CHUNK: u64 = 64 << 10;

/// Room that is kept in a file.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// How much must be left once a line is written that tells no end, bytes. 0: nothing is kept.
    kept: u64,
    /// To where the file has its room already, bytes from its beginning.
    until: u64,
}

impl Room {
    /// As much as the lines need that tell what became of this plan.
    pub(super) fn of(plan: &Plan) -> Self {
        let steps = u64::try_from(plan.steps().count()).unwrap_or(u64::MAX);
        Self {
            kept: FOR_REASONS.saturating_add(steps.saturating_mul(FOR_A_STEP)),
            until: 0,
        }
    }

    /// Sees to it that `more` bytes can be written, and that what is kept is left then.
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
            // A file system that promises nothing: the lines are written as well as can be.
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
            // What lies behind the end is freed by cutting the file where it ends. Where that
            // fails, some room is not free.
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
