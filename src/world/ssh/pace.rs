//! How much data replctl sends to a host before the command has read it. Pure.

use std::time::{Duration, Instant};

/// How long a host may leave data unread before replctl sends more: some hosts open their window
/// again only when most of it is used.
const UNREAD: Duration = Duration::from_millis(200);

/// The limit for one channel.
pub(super) struct Pace {
    /// The most unread data, bytes.
    under_way: u32,
    /// The largest window that the host has opened so far.
    widest: u32,
    /// Since when the limit has been reached.
    full: Option<Instant>,
}

impl Pace {
    /// With this limit of unread data, bytes.
    pub fn new(under_way: u32) -> Self {
        Self {
            under_way,
            widest: 0,
            full: None,
        }
    }

    /// Returns how many bytes may be sent now. `left`: what is left of the window of the host. The
    /// host opens it again as its command reads.
    pub fn room(&mut self, left: u32, now: Instant) -> usize {
        self.widest = self.widest.max(left);
        let unread = self.widest - left;
        if unread < self.under_way {
            self.full = None;
        } else if now.saturating_duration_since(*self.full.get_or_insert(now)) >= UNREAD {
            // The host may be waiting for more data.
            self.under_way = self.under_way.saturating_mul(2);
            self.full = None;
        }
        usize::try_from(self.under_way.saturating_sub(unread)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_opens_its_window_late_gets_all() {
        // The window is opened again at half of it, at a tenth, and at once.
        for (window, late) in [(2 << 20, 1 << 20), (2 << 20, 200 << 10), (2 << 20, 1)] {
            let (mut pace, mut now) = (Pace::new(128 << 10), Instant::now());
            let (begin, mut left, mut sent) = (now, window, 0);
            while sent < 50 << 20 {
                let room = u32::try_from(pace.room(left, now)).unwrap_or(u32::MAX);
                assert!(room <= pace.under_way);
                let bytes = room.min(left);
                (sent, left) = (sent + bytes, left - bytes);
                if window - left >= late {
                    left = window;
                }
                now += Duration::from_millis(1);
                assert!(now - begin < Duration::from_secs(3), "{late}: {sent}");
            }
            assert!(late > 1 || pace.under_way == 128 << 10);
        }
    }
}
