//! A script that the shell for scripts is asked for: when it has ended, and what became of it.

use super::conn::Until;
use super::error::SshError;
use super::exec::{Request, Running, TIDY_TIME};
use super::link::{Link, Pipe, Refused};
use super::output::Output;
use super::script::RunsAs;
use super::served::{Came, Ends};
use super::streams::{End, name_of};
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
        shell: RunsAs,
    ) -> Self {
        let until = Until::new(request.limit.time(), request.cancel);
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
                // The shell tells no signal by another word.
                let signal = (129..=159).contains(&status).then(|| name_of(status - 128));
                let pipe = if clean {
                    Some(pipe)
                } else {
                    link.close(pipe, &tidy);
                    None
                };
                let status = if signal.is_some() { -1 } else { status };
                (Ok(Done::Output(self.left(status, signal))), pipe)
            }
            Some(Came::Cut) => {
                link.close(pipe, &tidy);
                (Ok(Done::Cut), None)
            }
            Some(Came::Unclear) => {
                link.close(pipe, &tidy);
                (Ok(Done::Output(self.left(-1, None))), None)
            }
            None if self.runs_as.is_none() => (self.ended(link, &mut pipe), None),
            None => (self.finish(link, &mut pipe).map(Done::Output), None),
        }
    }

    /// Nothing more comes from the shell, and it has not begun: it has done nothing only where it
    /// itself had ended. Where the way to it is gone, it may be at work.
    fn ended(&self, link: &mut Link, pipe: &mut Pipe) -> Result<Done, SshError> {
        match link.end(pipe, &Until::for_tidying(super::explain::end_time())) {
            Ok(End::Status(_) | End::Signal(_)) => Ok(Done::Ended),
            Ok(End::Lost(why)) => Err(self.lost(link, Refused::Broken(why))),
            Err(Refused::Late) => Err(self.unended(link)),
            Err(refused) => Err(self.lost(link, refused)),
        }
    }
}
