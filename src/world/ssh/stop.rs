//! Why a command is not waited for any more, and how it is stopped on its host.

use super::conn::{Cancel, Stop, Until};
use super::error::{SshError, words};
use super::exec::{Limit, Line, Request, Running, TIDY_TIME, run};
use super::link::{Link, Pipe, Refused};
use super::script;
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
        let Some(runs_as) = self.runs_as.or(self.stops) else {
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
