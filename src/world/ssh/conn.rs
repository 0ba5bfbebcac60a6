//! One logged-in session and the socket under it.
//!
//! libssh2 blocks in odd places (dropping a channel waits once more, without a time-out for ever),
//! so that a session here is non-blocking after the login, every call goes through [`Conn::step`]
//! with an end and a way to cancel it, and a copy of the socket is kept to shut it down before
//! anything stuck is dropped. A session lives in one thread.

use super::poll::{self, Interest};
use super::proxy::Proxy;
use super::watch::Watch;
use ssh2::{BlockDirections, Channel, DisconnectCode, ErrorCode, Session};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a wait looks whether it has been cancelled.
const TICK: Duration = Duration::from_millis(100);
/// Between two signs of life to a command that goes on.
pub(super) const ALIVE: Duration = Duration::from_secs(1);
/// What a call that does not wait may take beyond its end, where the host sends without end.
pub(super) const SLACK: Duration = Duration::from_secs(2);
/// How long saying goodbye may take, in milliseconds.
const GOODBYE_MS: u32 = 300;

/// What may be under way to a host that is near, bytes. sshd keeps what its command has not read
/// yet, two megabytes at most, and copies all of it again for each packet: measured, that was more
/// than a third of what a set-up cost a host that was busy with others.
const UNDER_WAY: u32 = 128 * 1024;
/// What fills a longer way, bytes for each microsecond that an answer takes: 50 MB/s.
const FILLED: u128 = 50;

/// The socket under a session.
#[derive(Debug)]
pub(super) enum Wire {
    /// Straight to the host, which took this long to answer.
    Tcp(TcpStream, Duration),
    /// To the thread that pumps through the host in between.
    Tunnel(UnixStream),
    /// To the process of a `ProxyCommand`.
    Command(UnixStream, Proxy),
}

impl Wire {
    /// Ends both directions at once, also under a thread that is stuck in it.
    pub fn cut(&self) {
        let _ = match self {
            Self::Tcp(socket, _) => socket.shutdown(Shutdown::Both),
            Self::Tunnel(socket) | Self::Command(socket, _) => socket.shutdown(Shutdown::Both),
        };
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket, _) => socket.as_fd(),
            Self::Tunnel(socket) | Self::Command(socket, _) => socket.as_fd(),
        }
    }
}

/// Set by whoever no longer waits for the result.
#[derive(Debug, Clone, Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// When a wait ends at the latest.
#[derive(Debug, Clone)]
pub(super) struct Until {
    pub end: Instant,
    pub cancel: Cancel,
}

impl Until {
    pub fn new(time: Duration, cancel: &Cancel) -> Self {
        Self {
            end: Instant::now() + time,
            cancel: cancel.clone(),
        }
    }

    /// A short wait of our own that no cancelling shortens, for putting things in order.
    pub fn for_tidying(time: Duration) -> Self {
        Self::new(time, &Cancel::default())
    }

    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Why to stop waiting, if there is a reason.
    pub fn over(&self) -> Option<Stop> {
        if self.cancel.is_set() {
            Some(Stop::Cancelled)
        } else if self.left().is_zero() {
            Some(Stop::Late)
        } else {
            None
        }
    }
}

/// Why a step did not come to its end.
#[derive(Debug)]
pub(super) enum Stop {
    Late,
    Cancelled,
    Ssh(ssh2::Error),
}

/// A logged-in session.
pub(super) struct Conn {
    // Order matters: the session is dropped before the socket closes, and after `drop` has cut it.
    pub session: Session,
    wire: Arc<Wire>,
    polite: bool,
    /// The command that goes on as long as this session does.
    held: Option<BackgroundChannel>,
}

/// A command that runs until the session ends. Each second it receives a sign that replctl lives.
struct BackgroundChannel {
    channel: Channel,
    next: Instant,
    ended: bool,
}

impl Conn {
    /// Takes over a session that is logged in; it becomes non-blocking.
    pub fn new(session: Session, wire: Arc<Wire>) -> Self {
        session.set_blocking(false);
        session.set_keepalive(true, 15);
        Self {
            session,
            wire,
            polite: true,
            held: None,
        }
    }

    /// Keeps a command that goes on.
    pub fn hold(&mut self, channel: Channel) {
        self.held = Some(BackgroundChannel {
            channel,
            next: Instant::now() + ALIVE,
            ended: false,
        });
    }

    /// Ends the command that goes on, and waits until it has ended.
    pub fn let_go(&mut self, until: &Until) {
        let Some(BackgroundChannel { mut channel, .. }) = self.held.take() else {
            return;
        };
        let ended = self
            .step(until, |_| channel.send_eof())
            .and_then(|()| self.step(until, |_| channel.wait_eof()))
            .and_then(|()| self.step(until, |_| channel.close()))
            .and_then(|()| self.step(until, |_| channel.wait_close()));
        if ended.is_err() {
            self.cut();
        }
    }

    /// Whether the command that goes on has not ended, as far as can be known without waiting.
    pub fn holds(&mut self) -> bool {
        self.beat();
        self.held.as_ref().is_some_and(|held| !held.ended)
    }

    /// Says that we live, once a second, and looks whether the command that goes on has ended.
    pub fn beat(&mut self) {
        // While something else waits for room to be sent, nothing may come between.
        if self.held.is_none() || self.is_cut() || self.wants_to_write() {
            return;
        }
        let room = poll::has_room(self.wire.as_fd());
        let _watch = self.watch(Instant::now() + SLACK);
        let Some(held) = &mut self.held else { return };
        let mut heard = [0; 256];
        let read = held.channel.read(&mut heard);
        held.ended |= match read {
            Ok(_) => held.channel.eof(),
            Err(e) => e.kind() != std::io::ErrorKind::WouldBlock,
        };
        if !held.ended && room && Instant::now() >= held.next {
            held.next = Instant::now() + ALIVE;
            let _ = held.channel.write(b"\n");
        }
    }

    /// Repeats a non-blocking call until it is done.
    ///
    /// # Errors
    /// [`Stop`]; where the connection broke it is cut already, so that nothing that is dropped
    /// afterwards can block.
    pub fn step<T>(
        &mut self,
        until: &Until,
        mut call: impl FnMut(&Session) -> Result<T, ssh2::Error>,
    ) -> Result<T, Stop> {
        let watch = self.watch(until.end + SLACK);
        loop {
            match call(&self.session) {
                Ok(value) => return Ok(value),
                Err(e) if is_again(&e) => {}
                Err(e) => {
                    if is_broken(&e) || watch.is_over() {
                        self.cut();
                    }
                    if watch.is_over() {
                        return Err(Stop::Late);
                    }
                    return Err(Stop::Ssh(e));
                }
            }
            if let Some(stop) = until.over() {
                return Err(stop);
            }
            self.wait(until.left());
        }
    }

    /// How many bytes may be under way to a command that has not read them yet.
    pub fn under_way(&self) -> u32 {
        match &*self.wire {
            Wire::Tcp(_, answer) => {
                let filled = answer.as_micros().saturating_mul(FILLED);
                u32::try_from(filled).unwrap_or(u32::MAX).max(UNDER_WAY)
            }
            // How long an answer takes there is not known.
            Wire::Tunnel(_) | Wire::Command(..) => u32::MAX,
        }
    }

    /// Cuts the connection at that moment, unless the watch has ended before: libssh2 knows no end
    /// of what does not end by itself.
    pub fn watch(&self, end: Instant) -> Watch {
        Watch::until(&self.wire, end)
    }

    /// Waits until the socket is ready for what libssh2 wants next, for a tick at most.
    pub fn wait(&mut self, at_most: Duration) {
        self.beat();
        let write = self.wants_to_write();
        poll::wait(
            &[Interest {
                fd: self.wire.as_fd(),
                read: true,
                write,
            }],
            at_most.min(TICK),
        );
        let _ = self.session.keepalive_send();
    }

    /// Whether libssh2 waits for room in the socket.
    pub fn wants_to_write(&self) -> bool {
        matches!(
            self.session.block_directions(),
            BlockDirections::Outbound | BlockDirections::Both
        )
    }

    /// The socket, to be waited for.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }

    /// Shuts the socket down: everything pending on it fails at once, and nothing waits for the
    /// host any more.
    pub fn cut(&mut self) {
        self.polite = false;
        self.wire.cut();
    }

    /// Whether it has been cut.
    pub fn is_cut(&self) -> bool {
        !self.polite
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if self.polite {
            // Without a goodbye sshd logs a broken pipe for each session.
            self.session.set_blocking(true);
            self.session.set_timeout(GOODBYE_MS);
            let _ = self
                .session
                .disconnect(Some(DisconnectCode::ByApplication), "done", None);
        }
        self.wire.cut();
        // Now it cannot wait for anything.
        self.held = None;
    }
}

/// The call would have blocked.
pub(super) fn is_again(error: &ssh2::Error) -> bool {
    error.code() == ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_EAGAIN)
}

/// The connection is of no more use.
pub(super) fn is_broken(error: &ssh2::Error) -> bool {
    matches!(
        error.code(),
        ErrorCode::Session(
            libssh2_sys::LIBSSH2_ERROR_SOCKET_DISCONNECT
                | libssh2_sys::LIBSSH2_ERROR_SOCKET_RECV
                | libssh2_sys::LIBSSH2_ERROR_SOCKET_SEND
                | libssh2_sys::LIBSSH2_ERROR_SOCKET_TIMEOUT
                | libssh2_sys::LIBSSH2_ERROR_TIMEOUT
                | libssh2_sys::LIBSSH2_ERROR_BAD_SOCKET
                | libssh2_sys::LIBSSH2_ERROR_DECRYPT
                | libssh2_sys::LIBSSH2_ERROR_INVALID_MAC
        )
    )
}
