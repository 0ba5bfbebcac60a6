//! Waits for file descriptors. This needs `unsafe`, because neither std nor ssh2 has `poll`.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// What to wait for on one descriptor.
#[derive(Debug, Clone, Copy)]
pub struct Interest<'a> {
    /// The descriptor.
    pub fd: BorrowedFd<'a>,
    /// Wake when there is something to read.
    pub read: bool,
    /// Wake when there is room to write.
    pub write: bool,
}

/// Waits until one of them is ready, or for `at_most` (rounded up to a millisecond). A signal ends
/// the wait early.
pub fn wait(interests: &[Interest<'_>], at_most: Duration) {
    let mut fds: Vec<libc::pollfd> = interests
        .iter()
        .map(|i| libc::pollfd {
            fd: i.fd.as_raw_fd(),
            events: if i.read { libc::POLLIN } else { 0 } | if i.write { libc::POLLOUT } else { 0 },
            revents: 0,
        })
        .collect();
    let count = libc::nfds_t::try_from(fds.len()).unwrap_or(0);
    let ms = i32::try_from(at_most.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
    // SAFETY: `fds` is a live array of `count` pollfd structures for the whole call, and poll
    // writes only their `revents`. The descriptors are borrowed, so they stay open meanwhile. The
    // result is not needed: every caller tries its reads and writes again.
    let _ready = unsafe { libc::poll(fds.as_mut_ptr(), count, ms) };
}

/// Whether there is room to write at this moment.
pub fn has_room(fd: BorrowedFd<'_>) -> bool {
    let mut one = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `one` is a live pollfd structure for the whole call; the descriptor is borrowed, so
    // it stays open meanwhile.
    let ready = unsafe { libc::poll(&raw mut one, 1, 0) };
    ready == 1 && one.revents & libc::POLLOUT != 0
}

/// Whether the other end of a socket is closed. There may still be something to read.
pub fn is_closed(fd: BorrowedFd<'_>) -> bool {
    let mut one = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: 0,
        revents: 0,
    };
    // SAFETY: `one` is a live pollfd structure for the whole call; the descriptor is borrowed, so
    // it stays open meanwhile.
    let ready = unsafe { libc::poll(&raw mut one, 1, 0) };
    ready == 1 && one.revents & libc::POLLHUP != 0
}
