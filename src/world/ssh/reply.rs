//! A script that the shell for scripts is asked for: when it has ended, and what became of it.

use super::conn::Until;
use super::error::{SshError, SshErrorKind};
use super::exec::{Request, Running, TIDY_TIME};
use super::link::{Link, Pipe, Refused};
use super::output::Output;
use super::script::RunsAs;
use super::served::{Came, Ends};
use super::streams::End;
use secrecy::zeroize::Zeroizing;

/// What became of a script that a shell was asked for.
pub(super) enum Done {
    Output(Output),
    /// It did not arrive whole there, and was not run.
    Cut,
    /// The shell had ended before.
    Ended,
}

impl<'a> Running<'a> {
    /// What a shell does that is there for that, once it reads `text`.
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

    /// Sees it through. Gives the shell back where it goes on.
    pub fn see_through(
        mut self,
        link: &mut Link,
        mut pipe: Pipe,
    ) -> (Result<Done, SshError>, Option<Pipe>) {
        // Nobody waits for it any more: nothing was sent.
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
                // The shell has no other word for a signal: the number may be the script's own.
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

    /// No more comes from the shell, and the script has no end. The shell has done nothing of it
    /// only where the shell itself ended before, and the host says so. Else the script may be at
    /// work, or has been.
    fn ended(&self, link: &mut Link, pipe: &mut Pipe) -> Result<Done, SshError> {
        let end = match link.end(pipe, &Until::for_tidying(super::explain::end_time())) {
            Ok(End::Lost(why)) => return Err(self.lost(link, Refused::Broken(why))),
            Err(Refused::Late) => return Err(self.unended(link)),
            Err(refused) => return Err(self.lost(link, refused)),
            Ok(end) => end,
        };
        let how = match end {
            // The shell never ends so: see `Link::end`.
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
