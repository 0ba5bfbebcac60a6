//! A tunnel whose far end consists of descriptors of this machine: those that the installed `ssh`
//! uses, or a plain connection. A thread carries the data between them and one end of a socket
//! pair.

use super::conn::Until;
use super::error::{SshError, SshErrorKind};
use super::link::Refused;
use super::multiplexed::{Master, Session};
use super::poll::{self, Interest};
use super::settings::Target;
use rustix::io::ioctl_fionbio;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the far end may go on after the near end has finished.
const AFTERLIFE: Duration = Duration::from_secs(2);
/// The longest wait between two looks.
const TICK: Duration = Duration::from_secs(1);
const CHUNK: usize = 64 * 1024;

/// The far end.
trait Far: Send + 'static {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Nothing more will be written.
    fn finish(&mut self);
    /// The descriptor to read from, and the one to write to.
    fn fds(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>);
}

/// Connects from the host of that client to `host:port`.
///
/// # Errors
/// `Refused` where nothing listens there, `NoAnswer` where it takes longer than `time`, `Io`.
pub(super) fn through(
    master: &Arc<Master>,
    from: &Target,
    (host, port): (&str, u16),
    time: Duration,
) -> Result<UnixStream, SshError> {
    let shown = from.shown();
    let failed = |e: io::Error| {
        SshError::new(SshErrorKind::Io, format!("cannot tunnel through {shown}")).cause(e)
    };
    let (theirs, up) = io::pipe().map_err(failed)?;
    let (down, theirs_too) = io::pipe().map_err(failed)?;
    let hand = [theirs.into(), theirs_too.into()];
    let until = Until::for_tidying(time);
    let session = Session::forward(master, (host, port), hand, &until).map_err(|refused| {
        if matches!(refused, Refused::Late) {
            Master::doubt(master, time);
        }
        not_opened(refused, &shown, (host, port), time)
    })?;
    ioctl_fionbio(&up, true).map_err(|e| failed(e.into()))?;
    ioctl_fionbio(&down, true).map_err(|e| failed(e.into()))?;
    start(Through {
        up: Some(up),
        down,
        _session: session,
    })
    .map_err(failed)
}

/// The near end of two pipes that do not block. What is written to it goes into `up`.
///
/// # Errors
/// Where the system gives no socket or no thread.
pub(super) fn of_pipes(up: PipeWriter, down: PipeReader) -> io::Result<UnixStream> {
    start(Through {
        up: Some(up),
        down,
        _session: (),
    })
}

/// The near end of a plain connection.
///
/// # Errors
/// `Io`.
pub(super) fn here(far: TcpStream) -> Result<UnixStream, SshError> {
    let failed = |e: io::Error| SshError::new(SshErrorKind::Io, "cannot use a connection").cause(e);
    far.set_nonblocking(true).map_err(failed)?;
    let _ = far.set_nodelay(true);
    start(far).map_err(failed)
}

fn not_opened(
    refused: Refused,
    shown: &str,
    (host, port): (&str, u16),
    time: Duration,
) -> SshError {
    let hint = format!(
        "on {shown}: nc -vz {host} {port} (sshd there may also forbid it: AllowTcpForwarding)"
    );
    let cannot = format!("{shown} cannot connect to {host} port {port}");
    match refused {
        Refused::Late | Refused::Cancelled => SshError::new(
            SshErrorKind::NoAnswer,
            format!(
                "{shown} did not open a connection to {host} port {port} within {} s",
                time.as_secs_f32()
            ),
        ),
        Refused::No(why) => SshError::new(SshErrorKind::Refused, cannot).cause(why),
        Refused::Broken(why) | Refused::Unanswered(why) => {
            SshError::new(SshErrorKind::Io, cannot).cause(why)
        }
    }
    .hint(hint)
}

fn start(far: impl Far) -> io::Result<UnixStream> {
    let (given, near) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    let pump = Pump {
        far,
        near,
        up: Vec::new(),
        down: Vec::new(),
        ended: false,
        finished: None,
        stuck: None,
        told: false,
    };
    std::thread::Builder::new()
        .name("tunnel".to_owned())
        .spawn(move || pump.run())?;
    Ok(given)
}

struct Pump<F> {
    far: F,
    near: UnixStream,
    /// From near to far.
    up: Vec<u8>,
    /// From far to near.
    down: Vec<u8>,
    /// The far end sends no more.
    ended: bool,
    /// Since when the near end sends no more.
    finished: Option<Instant>,
    /// Since when the near end is closed and the far end takes nothing of what is left.
    stuck: Option<Instant>,
    /// The far end knows that the near end sends no more.
    told: bool,
}

impl<F: Far> Pump<F> {
    fn run(mut self) {
        let mut buffer = vec![0; CHUNK];
        while let Ok(goes_on) = self.turn(&mut buffer) {
            if !goes_on {
                break;
            }
        }
        let _ = self.near.shutdown(Shutdown::Both);
    }

    /// Returns whether it goes on, or an error where either end broke. Only the end of the socket
    /// can tell that to anybody.
    fn turn(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let mut moved = false;
        if self.down.is_empty() && !self.ended {
            match would_block(self.far.read(buffer))? {
                Some(0) => self.ended = true,
                Some(n) => self.down.extend_from_slice(&buffer[..n]),
                None => {}
            }
            moved |= !self.down.is_empty();
        }
        if !self.down.is_empty()
            && let Some(n) = would_block(self.near.write(&self.down))?
        {
            self.down.drain(..n);
            moved |= n > 0;
        }
        if self.up.is_empty() && self.finished.is_none() {
            match would_block(self.near.read(buffer))? {
                Some(0) => self.finished = Some(Instant::now()),
                Some(n) => self.up.extend_from_slice(&buffer[..n]),
                None => {}
            }
            moved |= !self.up.is_empty();
        }
        if !self.up.is_empty()
            && let Some(n) = would_block(self.far.write(&self.up))?
        {
            self.up.drain(..n);
            moved |= n > 0;
            self.stuck = None;
        }
        if self.stuck.is_none() && !self.up.is_empty() && poll::is_closed(self.near.as_fd()) {
            self.stuck = Some(Instant::now());
        }
        if self.finished.is_some() && self.up.is_empty() && !self.told {
            self.far.finish();
            self.told = true;
        }
        let outlived = [self.finished, self.stuck]
            .into_iter()
            .flatten()
            .any(|since| since.elapsed() > AFTERLIFE);
        if (self.ended && self.down.is_empty()) || outlived {
            return Ok(false);
        }
        if !moved {
            self.wait();
        }
        Ok(true)
    }

    fn wait(&self) {
        let (from, to) = self.far.fds();
        let interest = |fd, read, write| Interest { fd, read, write };
        let mut all = Vec::with_capacity(4);
        // A descriptor that nobody waits for is left out: its hang-up alone would end each wait at
        // once.
        if self.down.is_empty() {
            all.push(interest(from, true, false));
        }
        if let Some(to) = to.filter(|_| !self.up.is_empty()) {
            all.push(interest(to, false, true));
        }
        let near = interest(
            self.near.as_fd(),
            self.up.is_empty() && self.finished.is_none(),
            !self.down.is_empty(),
        );
        if near.read || near.write {
            all.push(near);
        }
        poll::wait(&all, TICK);
    }
}

/// Two pipes, and a session that stays open as long as they do.
struct Through<S> {
    up: Option<PipeWriter>,
    down: PipeReader,
    _session: S,
}

impl<S: Send + 'static> Far for Through<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.down.read(buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.up {
            Some(up) => up.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn finish(&mut self) {
        self.up = None;
    }

    fn fds(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>) {
        (self.down.as_fd(), self.up.as_ref().map(PipeWriter::as_fd))
    }
}

impl Far for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn finish(&mut self) {
        let _ = self.shutdown(Shutdown::Write);
    }

    fn fds(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>) {
        (self.as_fd(), Some(self.as_fd()))
    }
}

/// How many bytes were moved; `None` where that is not possible now.
pub(super) fn would_block(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(n) => Ok(Some(n)),
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Takes nothing and sends nothing.
    struct Frozen {
        fd: UnixStream,
        dropped: Arc<AtomicBool>,
    }

    impl Far for Frozen {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }

        fn finish(&mut self) {}

        fn fds(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>) {
            (self.fd.as_fd(), None)
        }
    }

    impl Drop for Frozen {
        fn drop(&mut self) {
            self.dropped.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_tunnel_ends_though_its_far_end_takes_nothing() {
        let (fd, _other) = UnixStream::pair().unwrap();
        let dropped = Arc::new(AtomicBool::new(false));
        let far = Frozen {
            fd,
            dropped: Arc::clone(&dropped),
        };
        let mut near = start(far).unwrap();
        near.write_all(b"PING\r\n").unwrap();
        std::thread::sleep(Duration::from_millis(200));
        near.write_all(b"PING\r\n").unwrap();
        std::thread::sleep(AFTERLIFE);
        assert!(!dropped.load(Ordering::SeqCst), "it ends while it is used");
        drop(near);
        let end = Instant::now() + AFTERLIFE * 4;
        while !dropped.load(Ordering::SeqCst) {
            assert!(Instant::now() < end, "it goes on for ever");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
