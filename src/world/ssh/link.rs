//! The way to one host, by whichever transport: commands are opened on it, one may go on beside the
//! others, and it is cut where it can no longer be trusted.
//!
//! What runs commands (`exec`), holds one (`holding`) and reconnects (`worker`) knows nothing of
//! libssh2, of the installed `ssh` and of processes; this is the only place that knows all three.

use super::conn::{Conn, Stop, Until};
use super::error::words;
use super::local;
use super::multiplexed::{Master, Session};
use super::pace::Pace;
use super::streams::{BackgroundCommand, End, From, Pipes, Streams};
use super::watch::Watch;
use ssh2::{Channel, ErrorCode};
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What libssh2 says where the server opens no channel.
const NO_CHANNEL: ErrorCode = ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_CHANNEL_FAILURE);
/// How often a wait for streams looks after what is held, and whether it has been cancelled.
const TICK: Duration = Duration::from_millis(100);

/// Why something was not opened.
#[derive(Debug)]
pub(super) enum Refused {
    Late,
    Cancelled,
    /// The host opens no more: its own words.
    No(String),
    /// The way there is gone: why.
    Broken(String),
    /// The host was told, and did not say that it has begun: it may have. Why.
    Unanswered(String),
}

/// The way to one host.
pub(super) enum Link {
    /// A session of libssh2.
    Session(Box<Conn>),
    /// The installed `ssh`.
    Master(Beside<Arc<Master>>),
    /// No way at all: it is this machine.
    Here(Beside<()>),
}

/// A way on which everything has streams of its own, and what goes on there beside all others.
pub(super) struct Beside<T> {
    by: T,
    cut: bool,
    held: Option<BackgroundCommand>,
}

impl<T> Beside<T> {
    pub fn new(by: T) -> Self {
        Self {
            by,
            cut: false,
            held: None,
        }
    }

    /// What it is by.
    pub fn by(&self) -> T
    where
        T: Clone,
    {
        self.by.clone()
    }

    fn beat(&mut self) -> bool {
        let goes_on = self.held.as_mut().is_some_and(BackgroundCommand::beat);
        if !goes_on {
            self.held = None;
        }
        goes_on
    }

    fn let_go(&mut self, until: &Until) {
        if let Some(held) = self.held.take()
            && !held.let_go(until)
        {
            self.cut = true;
        }
    }
}

/// A command on a link.
pub(super) enum Pipe {
    /// A channel of libssh2.
    Channel(Paced),
    /// Streams of this machine.
    Streams(Box<Streams>),
}

/// A channel to which no more is sent than its command reads soon.
pub(super) struct Paced {
    channel: Channel,
    pace: Pace,
}

impl Paced {
    fn new(channel: Channel, under_way: u32) -> Self {
        Self {
            channel,
            pace: Pace::new(under_way),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.channel.write_window().remaining;
        let room = self.pace.room(left, Instant::now());
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.channel.write(&bytes[..bytes.len().min(room)])
    }
}

impl Link {
    /// Has the host run a command line.
    ///
    /// # Errors
    /// [`Refused`]. Where the way is gone, it is cut.
    pub fn open(&mut self, line: &str, until: &Until) -> Result<Pipe, Refused> {
        let opened = match self {
            Self::Session(conn) => {
                let opened = conn.step(until, ssh2::Session::channel_session);
                let mut channel = opened.map_err(|stop| match stop {
                    Stop::Ssh(e) if e.code() == NO_CHANNEL => Refused::No(words(&e)),
                    Stop::Ssh(_) | Stop::Late | Stop::Cancelled => stop.into(),
                })?;
                // From here on it may run, and is not to be sent a second time. A channel that is
                // dropped half-way waits for the host, unless the connection is cut.
                return match conn.step(until, |_| channel.exec(line)) {
                    Ok(()) => Ok(Pipe::Channel(Paced::new(channel, conn.under_way()))),
                    Err(stop) => {
                        conn.cut();
                        Err(Refused::Unanswered(match stop {
                            Stop::Late => "no answer in time".to_owned(),
                            Stop::Cancelled => "it was given up".to_owned(),
                            Stop::Ssh(e) => words(&e),
                        }))
                    }
                };
            }
            Self::Master(beside) => Pipes::new().map_err(broken).and_then(|pipes| {
                let Pipes { near, far } = pipes;
                let session = Session::run(&beside.by, line, far, until)?;
                Ok(near.of(From::Session(session)))
            }),
            Self::Here(_) => local::run(line).map_err(broken),
        };
        if matches!(opened, Err(Refused::Broken(_) | Refused::Unanswered(_))) {
            self.cut();
        }
        opened.map(|streams| Pipe::Streams(Box::new(streams)))
    }

    /// Keeps a command that goes on.
    pub fn hold(&mut self, pipe: Pipe) {
        match (self, pipe) {
            (Self::Session(conn), Pipe::Channel(paced)) => conn.hold(paced.channel),
            (Self::Master(beside), Pipe::Streams(streams)) => {
                beside.held = Some(BackgroundCommand::new(*streams));
            }
            (Self::Here(beside), Pipe::Streams(streams)) => {
                beside.held = Some(BackgroundCommand::new(*streams));
            }
            // Not of this link.
            (Self::Session(_), Pipe::Streams(_))
            | (Self::Master(_) | Self::Here(_), Pipe::Channel(_)) => {}
        }
    }

    /// Ends the command that goes on, and waits until it has ended.
    pub fn let_go(&mut self, until: &Until) {
        match self {
            Self::Session(conn) => conn.let_go(until),
            Self::Master(beside) => beside.let_go(until),
            Self::Here(beside) => beside.let_go(until),
        }
    }

    /// Whether the command that goes on has not ended, as far as can be known without waiting.
    pub fn holds(&mut self) -> bool {
        match self {
            Self::Session(conn) => conn.holds(),
            Self::Master(beside) => beside.beat(),
            Self::Here(beside) => beside.beat(),
        }
    }

    /// Says that we live.
    pub fn beat(&mut self) {
        match self {
            Self::Session(conn) => {
                conn.beat();
                let _ = conn.session.keepalive_send();
            }
            // The installed ssh has a keepalive of its own.
            Self::Master(_) | Self::Here(_) => {
                self.holds();
            }
        }
    }

    /// Waits until something may have moved, for a tick at most.
    pub fn wait(&mut self, pipe: &Pipe, at_most: Duration) {
        match (self, pipe) {
            (Self::Session(conn), _) => conn.wait(at_most),
            (link, Pipe::Streams(streams)) => {
                link.holds();
                streams.wait(at_most.min(TICK));
            }
            (Self::Master(_) | Self::Here(_), Pipe::Channel(_)) => {}
        }
    }

    /// Nothing pending on it is waited for any more, and nothing else is opened on it.
    pub fn cut(&mut self) {
        match self {
            Self::Session(conn) => conn.cut(),
            Self::Master(beside) => beside.cut = true,
            Self::Here(beside) => beside.cut = true,
        }
    }

    /// What was to be opened is not wanted any more.
    pub fn forget_opening(&mut self) {
        match self {
            // A channel is half open.
            Self::Session(conn) => conn.cut(),
            Self::Master(_) | Self::Here(_) => {}
        }
    }

    /// Whether it has been cut, or is gone.
    pub fn is_cut(&self) -> bool {
        match self {
            Self::Session(conn) => conn.is_cut(),
            Self::Master(beside) => beside.cut || beside.by.has_ended(),
            Self::Here(beside) => beside.cut,
        }
    }

    /// Cuts a session of libssh2 at that moment, which looks at no clock as long as bytes arrive.
    pub fn watch(&self, end: Instant) -> Option<Watch> {
        match self {
            Self::Session(conn) => Some(conn.watch(end)),
            Self::Master(_) | Self::Here(_) => None,
        }
    }

    /// Closes a command whose outputs have ended, and says how it ended. libssh2 has status 0 also
    /// where the host closes the channel and tells none.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn end(&mut self, pipe: &mut Pipe, until: &Until) -> Result<End, Refused> {
        match (self, pipe) {
            (Self::Session(conn), Pipe::Channel(Paced { channel, .. })) => {
                conn.step(until, |_| channel.close())?;
                conn.step(until, |_| channel.wait_close())?;
                let signal = channel.exit_signal().ok().and_then(|s| s.exit_signal);
                Ok(match signal {
                    Some(signal) => End::Signal(signal),
                    None => End::Status(channel.exit_status().unwrap_or(-1)),
                })
            }
            (_, Pipe::Streams(streams)) => match streams.end(until) {
                Some(End::Lost(why)) => Err(Refused::Broken(why)),
                Some(end) => Ok(end),
                None => Err(until.over().map_or(Refused::Late, Refused::from)),
            },
            (Self::Master(_) | Self::Here(_), Pipe::Channel(_)) => Err(Refused::Late),
        }
    }

    /// Closes a command that is given up: whether the link is still of use.
    pub fn close(&mut self, pipe: Pipe, until: &Until) -> bool {
        match (self, pipe) {
            (Self::Session(conn), Pipe::Channel(Paced { mut channel, .. })) => {
                let closed = conn.step(until, |_| channel.close()).is_ok();
                if !closed {
                    conn.cut();
                }
                closed
            }
            // Its streams are its own: nothing else waits behind them.
            (_, pipe) => {
                drop(pipe);
                true
            }
        }
    }
}

impl Pipe {
    /// Reads standard output: 0 where there is nothing now, or nothing more.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Channel(paced) => pull(paced.channel.read(buffer)),
            Self::Streams(streams) => streams.read(buffer),
        }
    }

    /// Reads standard error, likewise.
    pub fn read_stderr(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Channel(paced) => pull(paced.channel.stderr().read(buffer)),
            Self::Streams(streams) => streams.read_stderr(buffer),
        }
    }

    /// Both outputs have ended.
    pub fn eof(&self) -> bool {
        match self {
            Self::Channel(paced) => paced.channel.eof(),
            Self::Streams(streams) => streams.eof(),
        }
    }

    /// Writes to standard input what there is room for.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Channel(paced) => paced.write(bytes),
            Self::Streams(streams) => streams.write(bytes),
        }
    }

    /// What is written from here on is read at once.
    pub fn pace_no_more(&mut self) {
        match self {
            Self::Channel(paced) => paced.pace = Pace::new(u32::MAX),
            Self::Streams(_) => {}
        }
    }

    /// Ends standard input: whether that is done.
    pub fn send_eof(&mut self) -> bool {
        match self {
            Self::Channel(paced) => paced.channel.send_eof().is_ok(),
            Self::Streams(streams) => {
                streams.send_eof();
                true
            }
        }
    }
}

fn pull(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

fn broken(error: impl std::fmt::Display) -> Refused {
    Refused::Broken(error.to_string())
}
