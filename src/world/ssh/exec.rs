//! Runs one command on a session, and stops it when its time is over. Nothing in it blocks.

use super::conn::{SLACK, Until};
use super::error::SshError;
use super::link::{Link, Pipe, Refused};
use super::output::{Output, OutputBuffer};
pub(super) use super::request::{Limit, Line, Request};
use super::script::{self, Opening, RunsAs};
use super::served::Ends;
pub(super) use super::stop::Halt;
use super::streams::End;
use super::watch::Watch;
use crate::world::busy::patience;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use std::io;
use std::time::{Duration, Instant};

/// How long a shell (and sudo) may take to start the command.
pub(super) const START_TIME: Duration = Duration::from_secs(20);
/// How long the host may take to open or close a channel: a frozen host does neither.
pub(super) const TIDY_TIME: Duration = Duration::from_secs(2);
/// How long a command may say nothing after its input: it may flush it to a slow disk.
const WORK_TIME: Duration = Duration::from_mins(1);
/// How long it may go on after its input by saying something all the time: it may build a server.
const LONGEST_WORK: Duration = Duration::from_hours(1);
const CHUNK: usize = 64 * 1024;
/// The most that is kept of what precedes the command's own output.
const PREFACE: usize = 64 * 1024;

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
    let until = Until::new(request.limit.time(), request.cancel);
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

/// A command that goes on.
pub(super) struct Begun {
    pub pipe: Pipe,
    pub runs_as: RunsAs,
    /// Its first line, behind the word that it begins with.
    pub line: String,
}

/// Begins a command that goes on: its first line is waited for, and has to begin with `word`.
/// `None` where it does not, or the command has ended.
///
/// # Errors
/// As [`run`].
pub(super) fn begin(
    link: &mut Link,
    mut pipe: Pipe,
    sent: &Line,
    request: &Request<'_>,
    (until, word): (Until, &str),
) -> Result<Option<Begun>, SshError> {
    let mut running = Running::new(&sent.mark, request, until);
    match running.drive(link, &mut pipe) {
        Ok(()) => {}
        Err(halt) => return Err(running.give_up(link, pipe, &halt)),
    }
    let first = running.stdout.line();
    let first = first.as_deref().and_then(|text| text.strip_prefix(word));
    if let (Some(first), Some(runs_as)) = (first, running.runs_as) {
        return Ok(Some(Begun {
            pipe,
            runs_as,
            line: first.to_owned(),
        }));
    }
    // What ended before it began says why.
    if pipe.eof() {
        running.finish(link, &mut pipe)?;
    } else {
        link.cut();
    }
    Ok(None)
}

pub(super) struct Running<'a> {
    pub mark: &'a str,
    pub request: &'a Request<'a>,
    pub until: Until,
    start_by: Instant,
    /// The process or process group, once the command has started.
    pub runs_as: Option<RunsAs>,
    /// Standard error before the command started.
    pub preface: Vec<u8>,
    /// Standard output before the command's own begins; `None` once it has begun.
    pub noise: Option<Vec<u8>>,
    pub stdout: OutputBuffer,
    pub stderr: OutputBuffer,
    /// Bytes to write before `stdin`: the answer to sudo, or a script.
    pub answer: Zeroizing<Vec<u8>>,
    pub answered: bool,
    written: usize,
    pub sent_eof: bool,
    /// When something was last written.
    pushed: Instant,
    /// How long nothing may move now, where that bounds it.
    pub quiet: Duration,
    /// How the end is known of what another shell does, which goes on.
    pub ends: Option<Ends>,
    /// That shell, and the mark on its command line: it is what is stopped.
    pub stops: Option<(RunsAs, &'a str)>,
}

impl<'a> Running<'a> {
    pub fn new(mark: &'a str, request: &'a Request<'a>, until: Until) -> Self {
        Self {
            mark,
            request,
            until,
            start_by: Instant::now() + patience(START_TIME),
            runs_as: None,
            preface: Vec::new(),
            noise: Some(Vec::new()),
            stdout: OutputBuffer::beginning(),
            stderr: OutputBuffer::end(),
            answer: Zeroizing::default(),
            answered: false,
            written: 0,
            sent_eof: false,
            pushed: Instant::now(),
            quiet: request.limit.time(),
            ends: None,
            stops: None,
        }
    }

    pub fn drive(&mut self, link: &mut Link, pipe: &mut Pipe) -> Result<(), Halt> {
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
            if pipe.eof() || self.is_done() {
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

    /// All is known of it that is waited for.
    fn is_done(&self) -> bool {
        if let Some(ends) = &self.ends {
            return ends.came().is_some();
        }
        let begun = self.stdout.line().is_some() && self.runs_as.is_some();
        self.request.stays && begun
    }

    fn keep_stdout(&mut self, bytes: &[u8]) {
        match &mut self.ends {
            Some(ends) => ends.stdout.take(bytes, &mut self.stdout),
            None => self.stdout.add(bytes),
        }
    }

    fn keep_stderr(&mut self, bytes: &[u8]) {
        match &mut self.ends {
            Some(ends) => ends.stderr.take(bytes, &mut self.stderr),
            None => self.stderr.add(bytes),
        }
    }

    fn take_stdout(&mut self, bytes: &[u8]) {
        let Some(noise) = &mut self.noise else {
            return self.keep_stdout(bytes);
        };
        noise.extend_from_slice(bytes);
        if let Some(at) = script::output_begins(noise, self.mark) {
            let rest = noise.split_off(at);
            self.noise = None;
            self.keep_stdout(&rest);
        } else if noise.len() > PREFACE {
            noise.drain(..noise.len() - PREFACE / 2);
        }
    }

    fn take_stderr(&mut self, bytes: &[u8]) -> Result<(), Halt> {
        if self.runs_as.is_some() {
            self.keep_stderr(bytes);
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
                    let line = format!("{}\n", password.expose_secret());
                    self.answer = Zeroizing::new(line.into_bytes());
                    self.answered = true;
                }
                Opening::Started(runs_as, at) => {
                    self.runs_as = Some(runs_as);
                    let rest = self.preface.split_off(at);
                    self.keep_stderr(&rest);
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
    pub fn finish(self, link: &mut Link, pipe: &mut Pipe) -> Result<Output, SshError> {
        let until = Until::for_tidying(super::explain::end_time());
        let (status, signal) = match link.end(pipe, &until) {
            Ok(End::Status(status)) => (status, None),
            Ok(End::Signal(signal)) => (-1, Some(signal)),
            Ok(End::Untold) => (-1, Some("(ssh does not tell which)".to_owned())),
            Ok(End::Lost(why)) => return Err(self.lost(link, Refused::Broken(why))),
            Err(Refused::Late) => return Err(self.unended(link)),
            Err(refused) => return Err(self.lost(link, refused)),
        };
        if self.runs_as.is_none() {
            return Err(self.never_started(status));
        }
        Ok(self.left(status, signal))
    }

    /// What it left.
    pub fn left(self, status: i32, signal: Option<String>) -> Output {
        let (stdout, lost) = self.stdout.finish();
        let (stderr, lost_too) = self.stderr.finish();
        Output {
            status,
            signal,
            stdout,
            stderr,
            dropped: lost + lost_too,
        }
    }

    pub fn lost(&self, link: &mut Link, refused: Refused) -> SshError {
        link.cut();
        self.explain(&refused.into())
    }
}
