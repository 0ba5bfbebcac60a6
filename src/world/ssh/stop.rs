//! Why a command is not waited for any more, and how it is stopped on its host.

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

/// How long stopping a command may take on a host that still answers.
const STOP_TIME: Duration = Duration::from_secs(6);

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

impl Running<'_> {
    /// Stops the command where it runs, and keeps the link only if it still answers.
    pub fn give_up(self, link: &mut Link, pipe: Pipe, halt: &Halt) -> SshError {
        let error = self.explain(halt);
        // The order matters for the time: stopping may take longer than closing may.
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
        // Where the connection broke, the command ran on before, too.
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

    /// Stops the command on the host. What stops another is itself not stopped.
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

/// What became of what was to be stopped.
enum Stopped {
    Yes,
    /// The host answers, and begins no command that could stop it.
    Refused,
    /// Why not, where that is known.
    No(String),
}

/// Has the host run a command that stops another, which it may take so long to begin.
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
    /// A word of its command line: another process may have its number by now.
    mark: String,
    way: Way,
    password: Option<SecretString>,
    /// The host answered, but had no session free to stop it with: a new connection has one.
    answers: bool,
}

impl Worker {
    /// Runs a command as [`run_as`](Self::run_as), and stops it over a new connection where it was
    /// given up and could not be stopped over this one.
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
            // Whatever else fails there, the next command meets again.
            why = self.link().err().map(|e| e.brief()).unwrap_or_default();
        }
        match result {
            Err(error) if self.left.is_some() => {
                Err(error.cause(why).cause("it may still run there"))
            }
            result => result,
        }
    }

    /// Stops, over a link that was just made, what was given up and not stopped over the last one.
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
            Stopped::Refused => "the host begins no command".to_owned(),
            Stopped::No(why) => why,
        };
        link.cut();
        self.left = Some(left);
        let what = format!("a command that was given up on {shown} may still run there");
        Err(SshError::new(SshErrorKind::Io, what).cause(why))
    }
}
