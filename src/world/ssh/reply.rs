//! A script in the shell for scripts: when it has ended, and its result.

use super::conn::Until;
use super::error::{SshError, SshErrorKind};
use super::exec::{Request, Running, TIDY_TIME};
use super::link::{Link, Pipe, Refused};
use super::output::Output;
use super::script::RunsAs;
use super::served::{Came, Ends};
use super::streams::End;
use secrecy::zeroize::Zeroizing;

/// The result of a script that a shell received.
pub(super) enum Done {
    Output(Output),
    /// It did not arrive complete, and was not run.
    Cut,
    /// The shell had ended before it got the script.
    Ended,
}

impl<'a> Running<'a> {
    /// A script for the shell for scripts, which reads `text`.
    pub fn served(
        mark: &'a str,
        request: &'a Request<'a>,
        text: Zeroizing<Vec<u8>>,
        ends: Ends,
        (shell, until): ((RunsAs, &'a str), Until),
    ) -> Self {
        let mut running = Self::new(mark, request, until);
        running.answer = text;
        running.sent_eof = true;
        running.ends = Some(ends);
        running.stops = Some(shell);
        running
    }

    /// Runs it to its end. Returns the shell if it can take another script.
    pub fn see_through(
        mut self,
        link: &mut Link,
        mut pipe: Pipe,
    ) -> (Result<Done, SshError>, Option<Pipe>) {
        // Nobody waits for it any longer. Nothing was sent.
        if let Some(stop) = self.until.over() {
            return (Err(self.explain(&stop.into())), Some(pipe));
        }
        if let Err(halt) = self.drive(link, &mut pipe) {
            return (Err(self.give_up(link, pipe, &halt)), None);
        }
        let ends = self.ends.as_mut();
        let came = ends.and_then(|ends| ends.close(&mut self.stdout, &mut self.stderr));
        let tidy = Until::for_tidying(TIDY_TIME);
        match came {
            Some(Came::To(status)) => {
                let clean = self.ends.as_ref().is_some_and(Ends::are_clean);
                let pipe = if clean {
                    Some(pipe)
                } else {
                    link.close(pipe, &tidy);
                    None
                };
                // The shell reports a signal as a number. That number may also be the status of the
                // script.
                (Ok(Done::Output(self.left(status, None))), pipe)
            }
            Some(Came::Cut) => {
                link.close(pipe, &tidy);
                (Ok(Done::Cut), None)
            }
            Some(Came::Unclear) => {
                link.close(pipe, &tidy);
                (Ok(Done::Output(self.left(-1, None))), None)
            }
            None => (self.ended(link, &mut pipe), None),
        }
    }

    /// The output of the shell has ended, but the script has not. Only if the shell ended before
    /// the script, and the host reports that end, has nothing been run. Otherwise the script may
    /// still run, or may have run.
    fn ended(&self, link: &mut Link, pipe: &mut Pipe) -> Result<Done, SshError> {
        let end = match link.end(pipe, &Until::for_tidying(super::explain::end_time())) {
            Ok(End::Lost(why)) => return Err(self.lost(link, Refused::Broken(why))),
            Err(Refused::Late) => return Err(self.unended(link)),
            Err(refused) => return Err(self.lost(link, refused)),
            Ok(end) => end,
        };
        let how = match end {
            // The shell never ends in this way: see `Link::end`.
            End::Status(0) | End::Untold | End::Lost(_) => None,
            End::Status(status) => Some(format!("with status {status}")),
            End::Signal(name) => Some(format!("by signal {name}")),
        };
        let (shown, begun) = (self.request.shown, self.runs_as.is_some());
        if how.is_some() && !begun {
            return Ok(Done::Ended);
        }
        let what = if begun {
            format!("{shown} did not say how a command ended")
        } else {
            format!("{shown} did not say whether it has begun a command, so it is not sent again")
        };
        let how = how.unwrap_or_else(|| "without a word".to_owned());
        Err(SshError::new(SshErrorKind::Io, what)
            .cause(self.seen_so_far())
            .cause(format!("the shell that had the command ended {how}")))
    }
}
