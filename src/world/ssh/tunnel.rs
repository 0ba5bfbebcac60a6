//! Brings a connection from a host to some address here. It is a direct-tcpip channel on a session
//! of its own, and a thread carries its data to one end of a socket pair. It has a session of its
//! own, because libssh2 does nothing in parallel inside a session.

use super::conn::{Cancel, Conn, Stop, Until, is_again};
use super::error::{SshError, SshErrorKind, words};
use super::poll::{self, Interest};
use super::pump::would_block;
use super::settings::Target;
use ssh2::Channel;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long the far end may go on after the near end has finished.
const AFTERLIFE: Duration = Duration::from_secs(2);
/// The longest wait before the next keepalive.
const TICK: Duration = Duration::from_secs(1);
const CHUNK: usize = 64 * 1024;

/// Opens the way from `conn`'s host to `host:port`. The end of the returned socket ends the
/// session, too.
///
/// # Errors
/// `Refused` where nothing listens there, `NoAnswer` where it takes longer than `time`, `Io`.
pub(super) fn open(
    mut conn: Conn,
    from: &Target,
    host: &str,
    port: u16,
    time: Duration,
) -> Result<UnixStream, SshError> {
    let until = Until::new(time, &Cancel::default());
    let shown = from.shown();
    let channel = conn
        .step(&until, |session| {
            session.channel_direct_tcpip(host, port, None)
        })
        .map_err(|stop| {
            conn.cut();
            not_opened(stop, &shown, host, port)
        })?;
    let failed = |e: io::Error| {
        SshError::new(SshErrorKind::Io, format!("cannot tunnel through {shown}")).cause(e)
    };
    let (far, near) = UnixStream::pair().map_err(failed)?;
    near.set_nonblocking(true).map_err(failed)?;
    let pump = Pump {
        channel,
        conn,
        near,
        up: Vec::new(),
        down: Vec::new(),
        finished: None,
        stuck: None,
        sent_eof: false,
    };
    std::thread::Builder::new()
        .name("ssh-tunnel".to_owned())
        .spawn(move || pump.run())
        .map_err(failed)?;
    Ok(far)
}

fn not_opened(stop: Stop, shown: &str, host: &str, port: u16) -> SshError {
    let hint = format!(
        "on {shown}: nc -vz {host} {port} (sshd there may also forbid it: AllowTcpForwarding)"
    );
    match stop {
        Stop::Late | Stop::Cancelled => SshError::new(
            SshErrorKind::NoAnswer,
            format!("{shown} did not open a connection to {host} port {port} in time"),
        )
        .hint(hint),
        Stop::Ssh(e) => {
            let refused =
                e.code() == ssh2::ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_CHANNEL_FAILURE);
            let kind = if refused {
                SshErrorKind::Refused
            } else {
                SshErrorKind::Io
            };
            SshError::new(
                kind,
                format!("{shown} cannot connect to {host} port {port}"),
            )
            .cause(words(&e))
            .hint(hint)
        }
    }
}

struct Pump {
    // The order of the fields matters: the channel is dropped before its session.
    channel: Channel,
    conn: Conn,
    near: UnixStream,
    /// From near to the host; unchanged until all of it is written, as libssh2 demands.
    up: Vec<u8>,
    /// From the host to near.
    down: Vec<u8>,
    /// Since when the near end sends no more.
    finished: Option<Instant>,
    /// Since when the near end is closed and the host takes nothing of what is left.
    stuck: Option<Instant>,
    sent_eof: bool,
}

impl Pump {
    fn run(mut self) {
        let mut buffer = vec![0; CHUNK];
        loop {
            match self.turn(&mut buffer) {
                Ok(Turn::Moved) => {}
                Ok(Turn::Idle) => self.wait(),
                Ok(Turn::End) => break,
                Err(_) => {
                    // Whatever broke, only the end of the socket can tell it to anybody. Nothing
                    // may block on the way out.
                    self.conn.cut();
                    break;
                }
            }
        }
        let _ = self.near.shutdown(std::net::Shutdown::Both);
    }

    fn turn(&mut self, buffer: &mut [u8]) -> io::Result<Turn> {
        let mut moved = false;
        if self.down.is_empty()
            && !self.channel.eof()
            && let Some(n) = would_block(self.channel.read(buffer))?
        {
            self.down.extend_from_slice(&buffer[..n]);
            moved |= n > 0;
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
                Some(n) => {
                    self.up.extend_from_slice(&buffer[..n]);
                    moved = true;
                }
                None => {}
            }
        }
        if !self.up.is_empty()
            && let Some(n) = would_block(self.channel.write(&self.up))?
        {
            self.up.drain(..n);
            moved |= n > 0;
            self.stuck = None;
        }
        if self.stuck.is_none() && !self.up.is_empty() && poll::is_closed(self.near.as_fd()) {
            self.stuck = Some(Instant::now());
        }
        if self.finished.is_some() && self.up.is_empty() && !self.sent_eof {
            match self.channel.send_eof() {
                Ok(()) => self.sent_eof = true,
                Err(e) if is_again(&e) => {}
                Err(e) => return Err(e.into()),
            }
        }
        let outlived = [self.finished, self.stuck]
            .into_iter()
            .flatten()
            .any(|since| since.elapsed() > AFTERLIFE);
        if (self.channel.eof() && self.down.is_empty()) || outlived {
            return Ok(Turn::End);
        }
        Ok(if moved { Turn::Moved } else { Turn::Idle })
    }

    fn wait(&self) {
        let write = self.conn.wants_to_write();
        // This does not wait for data that nobody takes now, or each wait would end at once.
        // Writing reads what it needs.
        let read = self.down.is_empty() || !self.up.is_empty();
        let host = Interest {
            fd: self.conn.fd(),
            read,
            write,
        };
        let near = Interest {
            fd: self.near.as_fd(),
            read: self.up.is_empty() && self.finished.is_none(),
            write: !self.down.is_empty(),
        };
        // A descriptor that nobody waits for is left out: its hang-up alone would end each wait at
        // once.
        if near.read || near.write {
            poll::wait(&[host, near], TICK);
        } else {
            poll::wait(&[host], TICK);
        }
        let _ = self.conn.session.keepalive_send();
    }
}

enum Turn {
    Moved,
    Idle,
    End,
}
