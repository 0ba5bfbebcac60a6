//! Why replctl stops waiting for a command, and how it stops the command on its host.

use super::conn::{Cancel, Stop, Until};
use super::error::{SshError, SshErrorKind, words};
use super::exec::{Limit, Line, Request, Running, TIDY_TIME, run};
use super::link::{Link, Pipe, Refused};
use super::output::Output;
use super::script::{self, RunsAs, Way};
use super::worker::{Order, Worker};
use crate::world::busy::patience;
use secrecy::SecretString;
use std::cell::Cell;
use std::time::Duration;

/// How long it may take to stop a command on a host that still answers.
const STOP_TIME: Duration = Duration::from_secs(6);

/// Why replctl stops waiting for a command.
pub(super) enum Halt {
    /// Its time is up.
    Late,
    /// The operator has cancelled it.
    Cancelled,
    /// sudo asked a second time.
    WrongPassword,
    /// sudo asks for a password, and there is none.
    NoPassword,
    /// The shell or sudo makes no progress.
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

impl Running<'_> {
    /// Stops the command on its host. Keeps the link only if it still answers.
    pub fn give_up(self, link: &mut Link, pipe: Pipe, halt: &Halt) -> SshError {
        let error = self.explain(halt);
        // The order matters: stopping may take longer than closing.
        let answers = match self.stop(link) {
            Stopped::Yes => {
                link.close(pipe, &Until::for_tidying(TIDY_TIME));
                return error;
            }
            Stopped::Refused => true,
            Stopped::No(_) => false,
        };
        link.cut();
        drop(pipe);
        // If the connection broke, the command was running before that, too.
        if !matches!(halt, Halt::Broken(_)) && !self.request.last_resort {
            self.request
                .left
                .set(self.target().map(|(runs_as, mark)| Left {
                    runs_as,
                    mark: mark.to_owned(),
                    way: self.request.way,
                    password: self.request.password.cloned(),
                    answers,
                }));
        }
        error
    }

    /// What to stop, and the mark on its command line.
    fn target(&self) -> Option<(RunsAs, &str)> {
        self.stops.or(self.runs_as.map(|it| (it, self.mark)))
    }

    /// Stops the command on the host. A command that stops another is not stopped itself.
    fn stop(&self, link: &mut Link) -> Stopped {
        if self.request.last_resort || link.is_cut() {
            return Stopped::No(String::new());
        }
        let Some((runs_as, _)) = self.target() else {
            return Stopped::Yes;
        };
        stop(link, &script::stop(runs_as), self.request, TIDY_TIME)
    }
}

/// The result of an attempt to stop a command.
enum Stopped {
    Yes,
    /// The host answers, but starts no command that could stop it.
    Refused,
    /// It was not stopped. The reason, if it is known.
    No(String),
}

/// Runs a command on the host that stops another one. `time`: how long the host may take to start
/// it.
fn stop(link: &mut Link, command: &str, as_it: &Request<'_>, time: Duration) -> Stopped {
    let cancel = Cancel::default();
    let until = Until::new(time, &cancel);
    let sent = match Line::of(command, as_it.way, as_it.shown) {
        Ok(sent) => sent,
        Err(error) => return Stopped::No(error.brief()),
    };
    let pipe = match link.open(&sent.text, &until) {
        Ok(pipe) => pipe,
        Err(Refused::No(_)) => return Stopped::Refused,
        Err(refused) => {
            return Stopped::No(match refused {
                Refused::No(why) | Refused::Broken(why) | Refused::Unanswered(why) => why,
                Refused::Late | Refused::Cancelled => "no answer in time".to_owned(),
            });
        }
    };
    let request = Request {
        stdin: &[],
        limit: Limit::Total(STOP_TIME),
        cancel: &cancel,
        progress: &|_| {},
        last_resort: true,
        stays: false,
        ..*as_it
    };
    match run(link, pipe, &sent, &request) {
        Ok(out) => match out.failure() {
            None => Stopped::Yes,
            Some(why) => Stopped::No(why),
        },
        Err(error) => Stopped::No(error.brief()),
    }
}

/// A command that was given up and not stopped.
pub(super) struct Left {
    runs_as: RunsAs,
    /// A word of its command line: another process may have got its number meanwhile.
    mark: String,
    way: Way,
    password: Option<SecretString>,
    /// The host answered, but had no free session for the command that stops it. A new connection
    /// has one.
    answers: bool,
}

impl Worker {
    /// Runs a command as [`run_as`](Self::run_as). If the command was given up and could not be
    /// stopped over this connection, stops it over a new one.
    ///
    /// # Errors
    /// As [`run_as`](Self::run_as). It says so where the command may still run.
    pub(super) fn run_and_stop(&mut self, order: &Order<'_>) -> Result<Output, SshError> {
        let was_left = self.left.is_some();
        let result = self.run_as(order);
        if was_left || self.left.is_none() {
            return result;
        }
        let mut why = String::new();
        if self.left.as_ref().is_some_and(|left| left.answers) {
            // The next command meets any other failure again.
            why = self.link().err().map(|e| e.brief()).unwrap_or_default();
        }
        match result {
            Err(error) if self.left.is_some() => {
                Err(error.cause(why).cause("it may still run there"))
            }
            result => result,
        }
    }

    /// Stops the command that was given up and not stopped over the last link. The current link is
    /// new.
    ///
    /// # Errors
    /// `Io`: it could not be stopped. The link is cut, so that nothing else is run beside it.
    pub(super) fn stop_left(&mut self) -> Result<(), SshError> {
        let (Some(left), Some(link)) = (self.left.take(), &mut self.link) else {
            return Ok(());
        };
        let (shown, none, cancel) = (self.target.shown(), Cell::new(None), Cancel::default());
        let request = Request {
            password: left.password.as_ref(),
            ..Request::new(left.way, &shown, &self.target, (&cancel, &none))
        };
        let command = script::stop_marked(left.runs_as, &left.mark);
        // Nobody else waits for this connection yet.
        let why = match stop(link, &command, &request, patience(STOP_TIME)) {
            Stopped::Yes => return Ok(()),
            Stopped::Refused => "the host starts no command".to_owned(),
            Stopped::No(why) => why,
        };
        link.cut();
        self.left = Some(left);
        let what = format!("a command that was given up on {shown} may still run there");
        Err(SshError::new(SshErrorKind::Io, what).cause(why))
    }
}
