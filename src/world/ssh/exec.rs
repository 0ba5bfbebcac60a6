//! Runs one command on a session, and stops it when its time is over. Nothing in it blocks.

use super::conn::{Cancel, SLACK, Stop, Until};
use super::error::{SshError, SshErrorKind, words};
use super::link::{Link, Pipe, Refused};
use super::output::{Kept, Output};
use super::script::{self, Opening, RunsAs, Way};
use super::streams::End;
use super::watch::Watch;
use crate::world::busy::patience;
use secrecy::{ExposeSecret, SecretString};
use std::io;
use std::time::{Duration, Instant};

/// How long a shell (and sudo) may take to start the command.
pub(super) const START_TIME: Duration = Duration::from_secs(20);
/// How long the host may take to open or close a channel: a frozen host does neither.
const TIDY_TIME: Duration = Duration::from_secs(2);
/// How long stopping a command may take on a host that still answers.
const STOP_TIME: Duration = Duration::from_secs(6);
/// How long a command may say nothing after its input: it may flush it to a slow disk.
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
    pub way: Way,
    pub password: Option<&'a SecretString>,
    pub stdin: &'a [u8],
    pub limit: Limit,
    pub cancel: &'a Cancel,
    /// Told how many bytes of `stdin` have gone.
    pub progress: &'a dyn Fn(u64),
    /// The host, for messages.
    pub shown: &'a str,
    /// Who has logged in, for hints.
    pub user: &'a str,
    /// The beginning of a command that reaches it by OpenSSH, for hints.
    pub ssh: &'a str,
    /// It is what stops another command.
    pub last_resort: bool,
    /// It goes on for as long as the session does; only its first line is waited for.
    pub stays: bool,
}

/// A command as it is sent.
pub(super) struct Line {
    mark: String,
    pub text: String,
}

impl Line {
    /// The whole command line of a request.
    ///
    /// # Errors
    /// `Command`: it is too long.
    pub fn of(command: &str, way: Way, shown: &str) -> Result<Self, SshError> {
        let mark = super::nonce();
        let text = script::command_line(command, way, &mark);
        if text.len() > script::LONGEST {
            let what = format!("the command for {shown} is too long ({} bytes)", text.len());
            return Err(SshError::new(SshErrorKind::Command, what));
        }
        Ok(Self { mark, text })
    }
}

/// Sees it through once it has been opened.
///
/// # Errors
/// `Timeout`, `Command`, `NoSudo`, `SudoPasswordWrong`, `Io`. A link in doubt is cut.
pub(super) fn run(
    link: &mut Link,
    mut pipe: Pipe,
    sent: &Line,
    request: &Request<'_>,
) -> Result<Output, SshError> {
    let limit = match request.limit {
        Limit::Total(time) | Limit::Stall(time) => time,
    };
    let until = Until::new(limit, request.cancel);
    let mut running = Running::new(&sent.mark, request, until);
    match running.drive(link, &mut pipe) {
        Ok(()) if request.stays && !pipe.eof() => {
            link.hold(pipe);
            Ok(running.begun())
        }
        Ok(()) => running.finish(link, &mut pipe),
        Err(halt) => Err(running.give_up(link, pipe, &halt)),
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

impl From<Refused> for Halt {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Late => Self::Late,
            Refused::Cancelled => Self::Cancelled,
            Refused::No(why) | Refused::Broken(why) | Refused::Unanswered(why) => Self::Broken(why),
        }
    }
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

    fn drive(&mut self, link: &mut Link, pipe: &mut Pipe) -> Result<(), Halt> {
        let mut buffer = vec![0; CHUNK];
        let mut watch = link.watch(self.until.end + SLACK);
        let broken = |link: &mut Link, watch: &Option<Watch>, e: &io::Error| {
            link.cut();
            if watch.as_ref().is_some_and(Watch::is_over) {
                return Halt::Late;
            }
            Halt::Broken(e.to_string())
        };
        loop {
            let mut moved = false;
            match pipe.read(&mut buffer) {
                Ok(n) => {
                    self.take_stdout(&buffer[..n]);
                    moved |= n > 0;
                }
                Err(e) => return Err(broken(link, &watch, &e)),
            }
            match pipe.read_stderr(&mut buffer) {
                Ok(n) => {
                    self.take_stderr(&buffer[..n])?;
                    moved |= n > 0;
                }
                Err(e) => return Err(broken(link, &watch, &e)),
            }
            if pipe.eof() || (self.request.stays && self.stdout.line().is_some()) {
                return Ok(());
            }
            if self.push(pipe) {
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
                if let Some(watch) = &mut watch {
                    watch.extend(self.until.end + SLACK);
                }
            }
            if let Some(stop) = self.until.over() {
                return Err(stop.into());
            }
            if !moved {
                link.wait(pipe, self.until.left());
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
    fn push(&mut self, pipe: &mut Pipe) -> bool {
        if !self.answer.is_empty() {
            let sent = pipe.write(&self.answer).unwrap_or(0);
            self.answer.drain(..sent);
            return sent > 0;
        }
        if self.runs_as.is_none() || self.sent_eof {
            return false;
        }
        let rest = &self.request.stdin[self.written..];
        if rest.is_empty() {
            self.sent_eof = !self.request.stays && pipe.send_eof();
            return self.sent_eof;
        }
        match pipe.write(&rest[..rest.len().min(super::upload::CHUNK)]) {
            Ok(sent) => {
                self.written += sent;
                (self.request.progress)(self.written as u64);
                sent > 0
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => false,
            // The command does not read (any more): no failure of ours. Its end says why.
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

    /// Closes it and collects what the command left.
    fn finish(self, link: &mut Link, pipe: &mut Pipe) -> Result<Output, SshError> {
        let until = Until::for_tidying(super::explain::end_time());
        let (status, signal) = match link.end(pipe, &until) {
            Ok(End::Status(status)) => (status, None),
            Ok(End::Signal(signal)) => (-1, Some(signal)),
            Ok(End::Lost(why)) => return Err(self.lost(link, Refused::Broken(why))),
            Err(Refused::Late) => return Err(self.unended(link)),
            Err(refused) => return Err(self.lost(link, refused)),
        };
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

    fn lost(&self, link: &mut Link, refused: Refused) -> SshError {
        link.cut();
        self.explain(&refused.into())
    }

    /// Stops the command where it runs, and keeps the link only if it still answers.
    fn give_up(self, link: &mut Link, pipe: Pipe, halt: &Halt) -> SshError {
        let error = self.explain(halt);
        // The order matters for the time: stopping may take longer than closing may.
        if !link.is_cut() && self.stop(link) {
            link.close(pipe, &Until::for_tidying(TIDY_TIME));
        } else {
            link.cut();
            drop(pipe);
        }
        error
    }

    /// Stops the command on the host. What stops another is itself not stopped.
    fn stop(&self, link: &mut Link) -> bool {
        if self.request.last_resort {
            return false;
        }
        let Some(runs_as) = self.runs_as else {
            return true;
        };
        let (cancel, command) = (Cancel::default(), script::stop(runs_as));
        let until = Until::new(TIDY_TIME, &cancel);
        let Ok(sent) = Line::of(&command, self.request.way, self.request.shown) else {
            return false;
        };
        let Ok(pipe) = link.open(&sent.text, &until) else {
            return false;
        };
        let request = Request {
            stdin: &[],
            limit: Limit::Total(STOP_TIME),
            cancel: &cancel,
            progress: &|_| {},
            last_resort: true,
            stays: false,
            ..*self.request
        };
        run(link, pipe, &sent, &request).is_ok_and(|out| out.success())
    }
}
