//! Cuts a connection when the time for a step over it is over. libssh2 looks at no clock as long as
//! bytes arrive. One thread watches all connections.

use super::ask::lock;
use super::conn::Wire;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

/// The connection to cut, and the flag to set.
struct Watched {
    wire: Weak<Wire>,
    over: Arc<AtomicBool>,
}

static DEADLINES: Mutex<BTreeMap<(Instant, u64), Watched>> = Mutex::new(BTreeMap::new());
static EARLIER: Condvar = Condvar::new();
static THREAD: Once = Once::new();
static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// While this value lives, the connection is cut when its time is over.
pub(super) struct Watch {
    wire: Weak<Wire>,
    key: Option<(Instant, u64)>,
    over: Arc<AtomicBool>,
}

impl Watch {
    /// Begins to watch.
    pub fn until(wire: &Arc<Wire>, end: Instant) -> Self {
        THREAD.call_once(|| {
            // Without this thread, the deadlines of libssh2 itself still count.
            let _ = std::thread::Builder::new()
                .name("ssh-watch".to_owned())
                .spawn(keep);
        });
        let mut watch = Self {
            wire: Arc::downgrade(wire),
            key: None,
            over: Arc::default(),
        };
        watch.extend(end);
        watch
    }

    /// The same for a time from now on.
    pub fn within(wire: &Arc<Wire>, time: Duration) -> Self {
        Self::until(wire, Instant::now() + time)
    }

    /// Moves the end.
    pub fn extend(&mut self, end: Instant) {
        self.pause();
        let key = (end, NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut deadlines = lock(&DEADLINES);
        let earliest = deadlines.first_key_value().is_none_or(|(k, _)| key < *k);
        deadlines.insert(
            key,
            Watched {
                wire: self.wire.clone(),
                over: Arc::clone(&self.over),
            },
        );
        drop(deadlines);
        self.key = Some(key);
        if earliest {
            EARLIER.notify_one();
        }
    }

    /// Stops watching until the end is set again: a person is asked.
    pub fn pause(&mut self) {
        if let Some(key) = self.key.take() {
            lock(&DEADLINES).remove(&key);
        }
    }

    /// Whether the time is over. Then the connection was cut.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.pause();
    }
}

/// The thread.
fn keep() {
    let mut deadlines = lock(&DEADLINES);
    loop {
        let now = Instant::now();
        match deadlines.first_key_value() {
            None => {
                deadlines = EARLIER
                    .wait(deadlines)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            Some(((end, _), _)) if *end > now => {
                let time = *end - now;
                deadlines = EARLIER
                    .wait_timeout(deadlines, time)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            Some(_) => {
                let Some((_, watched)) = deadlines.pop_first() else {
                    continue;
                };
                // This releases the lock first: the last owner of a wire may wait a moment for its
                // process.
                drop(deadlines);
                if let Some(wire) = watched.wire.upgrade() {
                    watched.over.store(true, Ordering::Release);
                    wire.cut();
                }
                deadlines = lock(&DEADLINES);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_connection_is_cut_at_its_end_and_not_before_or_without() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let wire = Arc::new(Wire::Tunnel(near));
        far.set_read_timeout(Some(Duration::from_millis(400)))
            .unwrap();
        let mut byte = [0];
        // One watch ends before its time, and one is paused.
        drop(Watch::within(&wire, Duration::from_millis(50)));
        let mut watch = Watch::within(&wire, Duration::from_millis(50));
        watch.pause();
        assert!(far.read(&mut byte).is_err() && !watch.is_over());
        // A later end does not hide an earlier one, in either order.
        let _late = Watch::within(&wire, Duration::from_mins(10));
        watch.extend(Instant::now() + Duration::from_millis(100));
        let _later = Watch::within(&wire, Duration::from_mins(20));
        far.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let began = Instant::now();
        assert_eq!(far.read(&mut byte).unwrap(), 0);
        assert!(watch.is_over());
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
