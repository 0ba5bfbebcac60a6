//! Runs one command on a session: both outputs read apart, standard input written, stopped when its time is over.
//! Everything is non-blocking; a command that floods one output cannot hold up the other.

use super::conn::{Cancel, Conn, SLACK, Stop, Until};
use super::error::{SshError, SshErrorKind, words};
use super::output::{Kept, Output};
use super::script::{self, Opening, RunsAs, Way};
use super::watch::Watch;
use crate::world::busy::patience;
use secrecy::{ExposeSecret, SecretString};
use ssh2::Channel;
use std::io::{self, Read, Write as _};
use std::time::{Duration, Instant};

/// How long a shell (and sudo) may take to start the command.
pub(super) const START_TIME: Duration = Duration::from_secs(20);
/// How long the host may take to open or close a channel when a command is over or given up: a frozen host does neither.
const TIDY_TIME: Duration = Duration::from_secs(2);
/// How long stopping a command may take on a host that still answers.
const STOP_TIME: Duration = Duration::from_secs(6);
/// How long a command that has got all its input may say nothing: it may flush it to a slow disk, and hash it.
const WORK_TIME: Duration = Duration::from_mins(1);
/// How long it may go on after its input by saying something all the time: it may build a server.
const LONGEST_WORK: Duration = Duration::from_hours(1);
const CHUNK: usize = 64 * 1024;
/// The most that is kept of what precedes the command's own output.
const PREFACE: usize = 64 * 1024;

/// What bounds a command.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit {
    /// Its whole time.
    Total(Duration),
    /// The time in which nothing moves.
    Stall(Duration),
}

/// One command to run.
pub(super) struct Request<'a> {
    pub command: &'a str,
    pub way: Way,
    pub password: Option<&'a SecretString>,
    pub stdin: &'a [u8],
    pub limit: Limit,
    pub cancel: &'a Cancel,
    /// Told how many bytes of `stdin` have gone.
    pub progress: &'a dyn Fn(u64),
    /// The host, for messages.
    pub shown: &'a str,
    /// The beginning of a command that reaches it by OpenSSH, for hints.
    pub ssh: &'a str,
    /// It is what stops another command.
    pub last_resort: bool,
    /// It goes on for as long as the session does; only its first line is waited for.
    pub stays: bool,
}

/// Runs it on a fresh channel.
///
/// # Errors
/// `Timeout`, `Command`, `NoSudo`, `SudoPasswordWrong`, `Io`. The connection is cut where it can no longer be trusted.
pub(super) fn run(
    conn: &mut Conn,
    mut channel: Channel,
    request: &Request<'_>,
) -> Result<Output, SshError> {
    let mark = super::nonce();
    let line = script::command_line(request.command, request.way, &mark);
    if line.len() > script::LONGEST {
        return Err(SshError::new(
            SshErrorKind::Command,
            format!(
                "the command for {} is too long ({} bytes)",
                request.shown,
                line.len()
            ),
        ));
    }
    let limit = match request.limit {
        Limit::Total(time) | Limit::Stall(time) => time,
    };
    let until = Until::new(limit, request.cancel);
    let begun = conn.step(&until, |_| channel.exec(&line));
    let mut running = Running::new(&mark, request, until);
    let result = begun
        .map_err(Halt::from)
        .and_then(|()| running.drive(conn, &mut channel));
    match result {
        Ok(()) if request.stays && !channel.eof() => {
            conn.hold(channel);
            Ok(running.begun())
        }
        Ok(()) => running.finish(conn, &mut channel),
        Err(halt) => Err(running.give_up(conn, channel, &halt)),
    }
}

/// Why a command is not waited for any more.
pub(super) enum Halt {
    /// Its time is over.
    Late,
    /// Nobody waits for it any more.
    Cancelled,
    /// sudo asked a second time.
    WrongPassword,
    /// sudo asks, and there is no password.
    NoPassword,
    /// The shell or sudo does not get on.
    NotStarted,
    /// The connection broke.
    Broken(String),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Late => Self::Late,
            Stop::Cancelled => Self::Cancelled,
            Stop::Ssh(e) => Self::Broken(words(&e)),
        }
    }
}

pub(super) struct Running<'a> {
    mark: &'a str,
    pub request: &'a Request<'a>,
    until: Until,
    start_by: Instant,
    /// The process or process group, once the command has started.
    runs_as: Option<RunsAs>,
    /// Standard error before the command started.
    pub preface: Vec<u8>,
    /// Standard output before the command's own begins; `None` once it has begun.
    pub noise: Option<Vec<u8>>,
    stdout: Kept,
    pub stderr: Kept,
    /// Bytes to write before `stdin`: the answer to sudo.
    answer: Vec<u8>,
    pub answered: bool,
    written: usize,
    sent_eof: bool,
    /// When something was last written.
    pushed: Instant,
    /// How long nothing may move now, where that bounds it.
    pub quiet: Duration,
}

impl<'a> Running<'a> {
    fn new(mark: &'a str, request: &'a Request<'a>, until: Until) -> Self {
        Self {
            mark,
            request,
            until,
            start_by: Instant::now() + patience(START_TIME),
            runs_as: None,
            preface: Vec::new(),
            noise: Some(Vec::new()),
            stdout: Kept::beginning(),
            stderr: Kept::end(),
            answer: Vec::new(),
            answered: false,
            written: 0,
            sent_eof: false,
            pushed: Instant::now(),
            quiet: match request.limit {
                Limit::Total(time) | Limit::Stall(time) => time,
            },
        }
    }

    fn drive(&mut self, conn: &mut Conn, channel: &mut Channel) -> Result<(), Halt> {
        let mut buffer = vec![0; CHUNK];
        let mut watch = conn.watch(self.until.end + SLACK);
        let broken = |conn: &mut Conn, watch: &Watch, e: &io::Error| {
            conn.cut();
            if watch.is_over() {
                return Halt::Late;
            }
            Halt::Broken(e.to_string())
        };
        loop {
            let mut moved = false;
            match pull(channel, &mut buffer) {
                Ok(n) => {
                    self.take_stdout(&buffer[..n]);
                    moved |= n > 0;
                }
                Err(e) => return Err(broken(conn, &watch, &e)),
            }
            match pull(&mut channel.stderr(), &mut buffer) {
                Ok(n) => {
                    self.take_stderr(&buffer[..n])?;
                    moved |= n > 0;
                }
                Err(e) => return Err(broken(conn, &watch, &e)),
            }
            if channel.eof() || (self.request.stays && self.stdout.line().is_some()) {
                return Ok(());
            }
            if self.push(channel) {
                moved = true;
                self.pushed = Instant::now();
            }
            if self.runs_as.is_none() && Instant::now() > self.start_by {
                return Err(Halt::NotStarted);
            }
            // Words of the host alone do not put off the end for ever.
            let counts = moved && self.pushed.elapsed() < LONGEST_WORK;
            if let (true, Limit::Stall(time)) = (counts, self.request.limit) {
                self.quiet = if self.sent_eof {
                    time.max(patience(WORK_TIME))
                } else {
                    time
                };
                self.until.end = Instant::now() + self.quiet;
                watch.extend(self.until.end + SLACK);
            }
            if let Some(stop) = self.until.over() {
                return Err(stop.into());
            }
            if !moved {
                conn.wait(self.until.left());
            }
        }
    }

    fn take_stdout(&mut self, bytes: &[u8]) {
        let Some(noise) = &mut self.noise else {
            return self.stdout.add(bytes);
        };
        noise.extend_from_slice(bytes);
        if let Some(at) = script::output_begins(noise, self.mark) {
            let rest = noise.split_off(at);
            self.stdout.add(&rest);
            self.noise = None;
        } else if noise.len() > PREFACE {
            noise.drain(..noise.len() - PREFACE / 2);
        }
    }

    fn take_stderr(&mut self, bytes: &[u8]) -> Result<(), Halt> {
        if self.runs_as.is_some() {
            self.stderr.add(bytes);
            return Ok(());
        }
        self.preface.extend_from_slice(bytes);
        loop {
            match script::opening(&self.preface, self.mark) {
                Opening::Nothing => break,
                Opening::Password(_) if self.answered => return Err(Halt::WrongPassword),
                Opening::Password(at) => {
                    self.preface.drain(..at);
                    let Some(password) = self.request.password else {
                        return Err(Halt::NoPassword);
                    };
                    self.answer = format!("{}\n", password.expose_secret()).into_bytes();
                    self.answered = true;
                }
                Opening::Started(runs_as, at) => {
                    self.runs_as = Some(runs_as);
                    let rest = self.preface.split_off(at);
                    self.stderr.add(&rest);
                    break;
                }
            }
        }
        if self.preface.len() > PREFACE {
            self.preface.drain(..self.preface.len() - PREFACE / 2);
        }
        Ok(())
    }

    /// Writes what may be written now; whether anything moved.
    fn push(&mut self, channel: &mut Channel) -> bool {
        if !self.answer.is_empty() {
            let sent = channel.write(&self.answer).unwrap_or(0);
            self.answer.drain(..sent);
            return sent > 0;
        }
        if self.runs_as.is_none() || self.sent_eof {
            return false;
        }
        let rest = &self.request.stdin[self.written..];
        if rest.is_empty() {
            self.sent_eof = !self.request.stays && channel.send_eof().is_ok();
            return self.sent_eof;
        }
        match channel.write(&rest[..rest.len().min(super::upload::CHUNK)]) {
            Ok(sent) => {
                self.written += sent;
                (self.request.progress)(self.written as u64);
                sent > 0
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => false,
            // The command does not read (any more): no failure of ours. Its end tells what it thinks of that.
            Err(_) => {
                self.sent_eof = true;
                true
            }
        }
    }

    /// What a command that goes on has said first.
    fn begun(self) -> Output {
        Output {
            stdout: self.stdout.line().unwrap_or_default().into_bytes(),
            ..Output::default()
        }
    }

    /// Closes the channel and collects what the command left.
    fn finish(self, conn: &mut Conn, channel: &mut Channel) -> Result<Output, SshError> {
        let until = Until::for_tidying(patience(TIDY_TIME));
        let closed = conn
            .step(&until, |_| channel.close())
            .and_then(|()| conn.step(&until, |_| channel.wait_close()));
        if let Err(stop) = closed {
            conn.cut();
            return Err(self.explain(&stop.into()));
        }
        let status = channel.exit_status().unwrap_or(-1);
        let signal = channel.exit_signal().ok().and_then(|s| s.exit_signal);
        if self.runs_as.is_none() {
            return Err(self.never_started(status));
        }
        let (stdout, lost) = self.stdout.finish();
        let (stderr, lost_too) = self.stderr.finish();
        Ok(Output {
            status,
            signal,
            stdout,
            stderr,
            dropped: lost + lost_too,
        })
    }

    /// Leaves nothing behind: the command is stopped where it runs, and the connection is kept only if it still answers.
    fn give_up(self, conn: &mut Conn, mut channel: Channel, halt: &Halt) -> SshError {
        let error = self.explain(halt);
        // The order matters for the time: stopping may take longer than closing may.
        let stopped = !conn.is_cut() && self.stop(conn);
        let until = Until::for_tidying(TIDY_TIME);
        let orderly = stopped && conn.step(&until, |_| channel.close()).is_ok();
        if !orderly {
            conn.cut();
        }
        drop(channel);
        error
    }

    /// Stops the command on the host. What stops another command is itself not stopped: that would have no end.
    fn stop(&self, conn: &mut Conn) -> bool {
        if self.request.last_resort {
            return false;
        }
        let Some(runs_as) = self.runs_as else {
            return true;
        };
        let cancel = Cancel::default();
        let until = Until::new(TIDY_TIME, &cancel);
        let Ok(channel) = conn.step(&until, ssh2::Session::channel_session) else {
            return false;
        };
        let request = Request {
            command: &script::stop(runs_as),
            stdin: &[],
            limit: Limit::Total(STOP_TIME),
            cancel: &cancel,
            progress: &|_| {},
            last_resort: true,
            stays: false,
            ..*self.request
        };
        run(conn, channel, &request).is_ok_and(|out| out.success())
    }
}

/// Reads what is there: 0 where there is nothing now, or nothing more.
fn pull(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    match from.read(buffer) {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
