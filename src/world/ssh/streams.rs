//! A command whose three streams are pipes of this machine: one of this machine's own, or one that
//! OpenSSH's client runs on a host. And what is kept of one that goes on beside all others. Nothing
//! here waits without an end.

use super::ask::lock;
use super::conn::{ALIVE, Until};
use super::multiplexed::Session;
use super::poll::{self, Interest};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often an end is looked for that no descriptor tells of.
const TICK: Duration = Duration::from_millis(5);

/// A command and its streams.
pub(super) struct Streams {
    stdin: Option<PipeWriter>,
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    /// Standard input takes no more at the moment.
    full: bool,
    from: From,
}

/// The ends of the pipes that are the command's.
pub(super) struct Far {
    pub stdin: OwnedFd,
    pub stdout: OwnedFd,
    pub stderr: OwnedFd,
}

/// Whose command it is.
pub(super) enum From {
    /// OpenSSH's client runs it on a host.
    Session(Session),
    /// A process of this machine.
    Child(Child),
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    Status(i32),
    /// The name of the signal, without `SIG`.
    Signal(String),
    /// The way to it is there, and nothing was said: with the installed `ssh`, a signal perhaps.
    Untold,
    /// It is not known: the way to it is gone. Why, where that was said.
    Lost(String),
}

/// The near ends of the pipes, and the far ones.
pub(super) struct Pipes {
    pub near: Near,
    pub far: Far,
}

/// The ends of the pipes that are ours.
pub(super) struct Near(PipeWriter, PipeReader, PipeReader);

impl Pipes {
    /// Makes them. What is near never blocks.
    ///
    /// # Errors
    /// Where the system has no more.
    pub fn new() -> io::Result<Self> {
        let (stdin, near_stdin) = io::pipe()?;
        let (near_stdout, stdout) = io::pipe()?;
        let (near_stderr, stderr) = io::pipe()?;
        ioctl_fionbio(&near_stdin, true)?;
        ioctl_fionbio(&near_stdout, true)?;
        ioctl_fionbio(&near_stderr, true)?;
        let far = Far {
            stdin: stdin.into(),
            stdout: stdout.into(),
            stderr: stderr.into(),
        };
        Ok(Self {
            near: Near(near_stdin, near_stdout, near_stderr),
            far,
        })
    }
}

impl Near {
    /// The streams of what was started with the far ends.
    pub fn of(self, from: From) -> Streams {
        let Self(stdin, stdout, stderr) = self;
        Streams {
            stdin: Some(stdin),
            stdout: Some(stdout),
            stderr: Some(stderr),
            full: false,
            from,
        }
    }
}

impl Streams {
    /// Reads standard output: 0 where there is nothing now, or nothing more.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        pull(&mut self.stdout, buffer)
    }

    /// Reads standard error, likewise.
    pub fn read_stderr(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        pull(&mut self.stderr, buffer)
    }

    /// Both outputs have ended.
    pub fn eof(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Writes what there is room for.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(stdin) = &mut self.stdin else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let done = stdin.write(bytes);
        self.full = matches!(&done, Err(e) if e.kind() == io::ErrorKind::WouldBlock);
        done
    }

    /// Ends standard input.
    pub fn send_eof(&mut self) {
        self.stdin = None;
        self.full = false;
    }

    /// Waits until there is something to read, or room where that was missing.
    pub fn wait(&self, at_most: Duration) {
        let reads = [
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
        ];
        let mut interests: Vec<Interest<'_>> = reads
            .into_iter()
            .flatten()
            .map(|fd| Interest {
                fd,
                read: true,
                write: false,
            })
            .collect();
        if let Some(stdin) = self.stdin.as_ref().filter(|_| self.full) {
            interests.push(Interest {
                fd: stdin.as_fd(),
                read: false,
                write: true,
            });
        }
        poll::wait(&interests, at_most);
    }

    /// How it ended; `None` where it has not until then.
    pub fn end(&mut self, until: &Until) -> Option<End> {
        self.stdin = None;
        loop {
            let ended = match &mut self.from {
                From::Session(session) => session.end(until),
                From::Child(child) => child.try_wait().ok().flatten().map(|status| {
                    match (status.code(), status.signal()) {
                        (Some(code), _) => End::Status(code),
                        (None, Some(signal)) => End::Signal(name_of(signal)),
                        (None, None) => End::Lost(status.to_string()),
                    }
                }),
            };
            if ended.is_some() || until.over().is_some() {
                return ended;
            }
            std::thread::sleep(TICK.min(until.left()));
        }
    }

    /// Reads and forgets some of what it says: whether it goes on.
    pub fn goes_on(&mut self) -> bool {
        // Once each: it may say more than anybody reads.
        let mut heard = [0; 4096];
        let _ = self.read_stderr(&mut heard);
        self.read(&mut heard).is_ok() && self.stdout.is_some()
    }
}

/// Children that were given up before they had ended.
static LEFT: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// Collects those of them that have ended.
pub(super) fn reap() {
    let runs = |pid: &Pid| matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(None));
    lock(&LEFT).retain(runs);
}

impl Drop for Streams {
    fn drop(&mut self) {
        if let From::Child(child) = &mut self.from
            && matches!(child.try_wait(), Ok(None))
        {
            lock(&LEFT).push(Pid::from_child(child));
        }
        reap();
    }
}

/// A command that runs beside all others. Each second it receives a sign that replctl lives.
pub(super) struct BackgroundCommand {
    streams: Streams,
    next: Instant,
}

impl BackgroundCommand {
    pub fn new(streams: Streams) -> Self {
        Self {
            streams,
            next: Instant::now() + ALIVE,
        }
    }

    /// Tells it that we live, once a second: whether it goes on.
    pub fn beat(&mut self) -> bool {
        if !self.streams.goes_on() {
            return false;
        }
        if Instant::now() >= self.next {
            self.next = Instant::now() + ALIVE;
            let _ = self.streams.write(b"\n");
        }
        true
    }

    /// Ends it: whether it has ended.
    pub fn let_go(mut self, until: &Until) -> bool {
        self.streams.send_eof();
        while self.streams.goes_on() && until.over().is_none() {
            self.streams
                .wait(until.left().min(Duration::from_millis(100)));
        }
        self.streams.end(until).is_some()
    }
}

fn pull(from: &mut Option<PipeReader>, buffer: &mut [u8]) -> io::Result<usize> {
    let Some(reader) = from else { return Ok(0) };
    match reader.read(buffer) {
        Ok(0) => {
            *from = None;
            Ok(0)
        }
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(0)
        }
        other => other,
    }
}

/// The name of a signal, without `SIG`.
pub(super) fn name_of(signal: i32) -> String {
    let name = match signal {
        libc::SIGHUP => "HUP",
        libc::SIGINT => "INT",
        libc::SIGQUIT => "QUIT",
        libc::SIGILL => "ILL",
        libc::SIGABRT => "ABRT",
        libc::SIGFPE => "FPE",
        libc::SIGKILL => "KILL",
        libc::SIGSEGV => "SEGV",
        libc::SIGPIPE => "PIPE",
        libc::SIGALRM => "ALRM",
        libc::SIGTERM => "TERM",
        libc::SIGUSR1 => "USR1",
        libc::SIGUSR2 => "USR2",
        other => return other.to_string(),
    };
    name.to_owned()
}
