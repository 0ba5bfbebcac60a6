//! One command, or one connection from a host, through OpenSSH's client that holds the connection
//! to it: the descriptors are handed over on its control socket, and it does the rest. No process
//! of ours for any of them.

use super::super::conn::{Stop, Until};
use super::super::link::Refused;
use super::super::poll::{self, Interest};
use super::super::streams::{End, Far, Pipes};
use super::Master;
use super::wire::{self, Answer, Request};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{self, IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long the end of a client is waited for whose connection seems to have broken.
const FALL: Duration = Duration::from_secs(1);
/// How often a wait looks whether it has been cancelled.
const TICK: Duration = Duration::from_millis(100);

/// What is open through a client, for as long as this is.
pub(in super::super) struct Session {
    control: Control,
    master: Arc<Master>,
    status: Option<u32>,
    closed: bool,
}

/// A connection to the control socket.
pub(super) struct Control {
    socket: UnixStream,
    heard: Vec<u8>,
}

impl Control {
    /// Asks for something, and hands the descriptors over.
    ///
    /// # Errors
    /// Where nobody listens, or takes what is said.
    pub fn ask(path: &Path, request: Request<'_>, hand: &[BorrowedFd<'_>]) -> io::Result<Self> {
        let mut socket = UnixStream::connect(path)?;
        // All of it fits into the socket, unless nobody reads at all.
        socket.set_write_timeout(Some(Duration::from_secs(5)))?;
        socket.write_all(&wire::bytes(request))?;
        for fd in hand {
            let fds = [*fd];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut with = SendAncillaryBuffer::new(&mut space);
            with.push(SendAncillaryMessage::ScmRights(&fds));
            sendmsg(
                &socket,
                &[IoSlice::new(&[0])],
                &mut with,
                SendFlags::NOSIGNAL,
            )?;
        }
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            heard: Vec::new(),
        })
    }

    /// The next answer; `None` where there is none yet.
    ///
    /// # Errors
    /// Where there will be none.
    pub fn next(&mut self) -> io::Result<Option<Answer>> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(answer) = wire::take(&mut self.heard).map_err(io::Error::other)? {
                return Ok(Some(answer));
            }
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.heard.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Waits for the answer to what was asked.
    fn answer(&mut self, until: &Until) -> Result<Answer, Refused> {
        loop {
            match self.next() {
                Ok(Some(Answer::Hello(_))) => {}
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {
                    if let Some(stop) = until.over() {
                        return Err(stop.into());
                    }
                    self.wait(until.left());
                }
                Err(e) => return Err(Refused::Broken(e.to_string())),
            }
        }
    }

    fn wait(&self, at_most: Duration) {
        let interest = Interest {
            fd: self.socket.as_fd(),
            read: true,
            write: false,
        };
        poll::wait(&[interest], at_most.min(TICK));
    }
}

impl Session {
    /// Has the host run a command with these streams.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn run(
        master: &Arc<Master>,
        command: &str,
        far: Far,
        until: &Until,
    ) -> Result<Self, Refused> {
        let hand = [far.stdin, far.stdout, far.stderr];
        let opened = Self::open(master, Request::Session(command), &hand, until);
        // The client sends the command as soon as the host has a channel for it, perhaps after we
        // have stopped waiting: it may run, and is not to be sent a second time.
        opened.map_err(|refused| match refused {
            Refused::Late => Refused::Unanswered("no answer in time".to_owned()),
            Refused::Cancelled | Refused::No(_) | Refused::Broken(_) | Refused::Unanswered(_) => {
                refused
            }
        })
    }

    /// Has the host connect to `host:port`; `hand`: where it reads what is sent there, and where it
    /// writes what comes.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn forward(
        master: &Arc<Master>,
        (host, port): (&str, u16),
        hand: [OwnedFd; 2],
        until: &Until,
    ) -> Result<Self, Refused> {
        let opened = Self::open(master, Request::Forward(host, port), &hand, until);
        // Theirs alone from now on: an end of a pipe ends with its last owner.
        drop(hand);
        opened
    }

    fn open(
        master: &Arc<Master>,
        request: Request<'_>,
        hand: &[OwnedFd],
        until: &Until,
    ) -> Result<Self, Refused> {
        let hand: Vec<BorrowedFd<'_>> = hand.iter().map(OwnedFd::as_fd).collect();
        let control = Control::ask(master.socket(), request, &hand);
        let mut control =
            control.map_err(|e| Refused::Broken(master.why_broken(&e.to_string())))?;
        match control.answer(until) {
            Ok(Answer::Opened) => Ok(Self {
                control,
                master: Arc::clone(master),
                status: None,
                closed: false,
            }),
            Ok(Answer::Refused(why)) => Err(Refused::No(why)),
            Ok(other) => Err(Refused::Unanswered(format!("it answers {other:?}"))),
            Err(Refused::Broken(e)) => {
                // It closes without a word where it falls itself.
                master.falls(FALL);
                Err(Refused::Unanswered(master.why_broken(&e)))
            }
            Err(other) => Err(other),
        }
    }

    /// Whether it is over, and how: `None` where it goes on. Waits until then. Both outputs have
    /// ended before that.
    pub fn end(&mut self, until: &Until) -> Option<End> {
        while !self.closed && self.status.is_none() {
            match self.control.next() {
                Ok(Some(Answer::Exit(status))) => self.status = Some(status),
                Ok(Some(_)) => {}
                Ok(None) if until.over().is_some() => return None,
                Ok(None) => self.control.wait(until.left()),
                Err(_) => self.closed = true,
            }
        }
        // The status may come before the rest of the output. Only a client that goes on after the
        // outputs have ended has passed all of it on: one that ends closes them, too.
        match self.master.answers(until) {
            Ok(()) => Some(match self.status {
                Some(status) => End::Status(i32::try_from(status).unwrap_or(-1)),
                None => End::Untold,
            }),
            Err(Refused::Late | Refused::Cancelled) => None,
            Err(Refused::No(why) | Refused::Broken(why) | Refused::Unanswered(why)) => {
                self.master.falls(FALL);
                Some(End::Lost(self.master.why_broken(&why)))
            }
        }
    }
}

/// Whether the host answers where a command is to be opened.
pub(super) fn opens(master: &Arc<Master>, until: &Until) -> bool {
    let opened = Pipes::new().map(|pipes| Session::run(master, ":", pipes.far, until));
    matches!(opened, Ok(Ok(_) | Err(Refused::No(_))) | Err(_))
}

impl Master {
    /// Whether the client goes on now.
    fn answers(&self, until: &Until) -> Result<(), Refused> {
        let mut control = Control::ask(self.socket(), Request::Alive, &[])
            .map_err(|e| Refused::Broken(e.to_string()))?;
        let answer = control.answer(until)?;
        if matches!(answer, Answer::Alive) {
            return Ok(());
        }
        Err(Refused::Broken(format!("it answers {answer:?}")))
    }
}

impl From<Stop> for Refused {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Late => Self::Late,
            Stop::Cancelled => Self::Cancelled,
            Stop::Ssh(e) => Self::Broken(super::super::error::words(&e)),
        }
    }
}
