//! One shell on a host that runs one script after the other. A channel, a login shell and sudo for
//! each script would cost the host more than most scripts do.
//!
//! The shell reads a line with a mark and a length, then that many bytes, and runs them in a
//! subshell. Directory, variables and traps of the subshell end with it. The mark separates the
//! output of a script from what comes before and after it, on both outputs. If a script runs out of
//! time, the whole shell is stopped, and the next script starts another shell.
//!
//! A script has the outputs of the shell. Processes of another user could take over what the script
//! runs as that user. They could keep such an output, write into the output of the next script, or
//! change the mode of the output for everybody. So `act` (see `owner.sh`) uses pipes of its own.
//! This shell must not run what starts programs of others, as a package manager does. Only root and
//! the user of the shell can read what the shell receives, secrets included: the kernel lets a
//! process look only into processes of its own user, and that user may read the file with the
//! secret anyway.

use super::error::SshError;
use super::exec::{self, Limit, Line, Request, Running, START_TIME, TIDY_TIME};
use super::link::{Link, Pipe};
use super::output::{Output, OutputBuffer};
use super::reply::Done;
use super::script::{RunsAs, Way};
use super::worker::{Order, Worker};
use super::{ask::Answer, conn::SLACK, conn::Until};
use crate::world::busy::patience;
use secrecy::zeroize::Zeroizing;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long the shell is used after its last script. A connection may break while nothing is sent
/// over it. Then it is unknown whether the host has run what was sent. A new channel shows whether
/// the connection works.
pub(super) const FRESH: Duration = Duration::from_secs(1);
/// How long a shell is used in total: sudo may be configured to end what takes longer than a
/// minute.
const LIFE: Duration = Duration::from_secs(30);
/// The first word of the shell. Its user follows if the login is not known yet.
const READY: &str = "ready ";
const GREETS: &str = "echo \"ready $(id -u)\"\n";
const BEGINS: &str = "echo 'ready '\n";

/// ksh93 runs `( )` in its own process, so a script could change what the next one finds.
const FITS: &str = "case ${KSH_VERSION:-} in *' 93'*) exit 69 ;; esac\n";

/// The word after the mark if a script did not arrive complete, and so was not run.
const CUT: &str = "cut";
/// The longest word that can follow the mark, bytes.
const LONGEST: usize = 32;
/// Stands for a longer word. No such shell prints this one.
const NO_END: &str = "?";

/// `head` may read more than it should. That does no harm, because nothing is sent before the
/// script has ended. The last line of a script is the mark. Without it, the script did not arrive
/// complete: what follows may be the rest of it, and is not read. The shell never ends with status
/// 0, because libssh2 also returns 0 if a host reports no status.
const SERVE: &str = r#"unset replctl_c replctl_given
while read -r replctl_m replctl_n replctl_g; do
replctl_c=$(head -c "$replctl_n"); replctl_s=cut
echo "$replctl_m"; echo "$replctl_m $replctl_g" >&2
case $replctl_c in *"$replctl_m") (eval "$replctl_c") </dev/null; replctl_s=$? ;; esac
replctl_c=; echo "$replctl_m:$replctl_s"; echo "$replctl_m:" >&2
[ "$replctl_s" != cut ] || exit 69
done
exit 69"#;

/// A shell for scripts.
pub(super) struct Served {
    pipe: Pipe,
    way: Way,
    runs_as: RunsAs,
    /// A word of the command line of the shell.
    mark: String,
    /// The user of the shell, if it has named the user.
    pub uid: Option<u32>,
    begun: Instant,
    last: Instant,
}

impl Served {
    /// Whether the shell can take another script. It cannot if it prints something without a
    /// request. libssh2 reads for as long as the host sends, so the caller watches it.
    fn is_of_use(&mut self, way: Way) -> bool {
        let mut stray = [0; 64];
        self.way == way
            && !self.is_old()
            && self.begun.elapsed() < LIFE
            && matches!(self.pipe.read(&mut stray), Ok(0))
            && matches!(self.pipe.read_stderr(&mut stray), Ok(0))
            && !self.pipe.eof()
    }

    /// Whether the shell has been idle for too long.
    pub fn is_old(&self) -> bool {
        self.last.elapsed() > FRESH
    }
}

/// Finds the end of a script in one of its outputs.
pub(super) struct End {
    mark: String,
    /// Bytes that may be the beginning of the mark, or the line that begins with the mark.
    pending: Vec<u8>,
    /// The word after the mark, once it has arrived.
    word: Option<String>,
    /// Something arrived after the end.
    stray: bool,
}

impl End {
    fn new(mark: &str) -> Self {
        Self {
            mark: format!("{mark}:"),
            pending: Vec::new(),
            word: None,
            stray: false,
        }
    }

    /// Takes the bytes that were read. The output of the script goes to `kept`.
    pub fn take(&mut self, bytes: &[u8], kept: &mut OutputBuffer) {
        if self.word.is_some() {
            self.stray |= !bytes.is_empty();
            return;
        }
        // Each byte is compared twice at most.
        self.pending.extend_from_slice(bytes);
        let mark = self.mark.as_bytes();
        let at = self.pending.windows(mark.len()).position(|w| w == mark);
        let Some(at) = at else {
            let sure = self.pending.len().saturating_sub(mark.len() - 1);
            kept.add(&self.pending[..sure]);
            self.pending.drain(..sure);
            return;
        };
        kept.add(&self.pending[..at]);
        self.pending.drain(..at);
        let line = &self.pending[mark.len()..];
        match line.iter().position(|b| *b == b'\n') {
            Some(end) if end <= LONGEST => {
                self.word = Some(String::from_utf8_lossy(&line[..end]).into_owned());
                self.stray = end + 1 < line.len();
            }
            // The host prints something that the shell never prints.
            Some(_) => self.word = Some(NO_END.to_owned()),
            None if line.len() > LONGEST => self.word = Some(NO_END.to_owned()),
            None => {}
        }
    }

    /// The pending bytes are not the mark, so they belong to the output.
    fn give_up(&mut self, kept: &mut OutputBuffer) {
        if self.word.is_none() {
            kept.add(&std::mem::take(&mut self.pending));
        }
    }
}

/// The ends on both outputs.
pub(super) struct Ends {
    pub stdout: End,
    pub stderr: End,
}

/// What the shell reports about a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It was run, and ended with this status.
    To(i32),
    /// It did not arrive complete, and was not run.
    Cut,
    /// Something that such a shell never prints.
    Unclear,
}

impl Ends {
    fn new(mark: &str) -> Self {
        Self {
            stdout: End::new(mark),
            stderr: End::new(mark),
        }
    }

    /// The result of the script, once both outputs have ended.
    pub fn came(&self) -> Option<Came> {
        let beside = self.stderr.word.as_deref()?;
        let said = self.stdout.word.as_deref()?.trim();
        Some(match said.parse() {
            Ok(status) if beside.is_empty() => Came::To(status),
            Err(_) if said == CUT => Came::Cut,
            Ok(_) | Err(_) => Came::Unclear,
        })
    }

    /// Nothing arrived after the ends.
    pub fn are_clean(&self) -> bool {
        !self.stdout.stray && !self.stderr.stray
    }

    /// The same, if nothing more can arrive.
    pub fn close(&mut self, stdout: &mut OutputBuffer, stderr: &mut OutputBuffer) -> Option<Came> {
        self.stdout.give_up(stdout);
        self.stderr.give_up(stderr);
        self.came()
    }
}

impl Worker {
    /// Runs a script in the shell for scripts, and starts that shell if there is none. `None`: the
    /// host keeps no such shell, and nothing was run.
    ///
    /// # Errors
    /// As running a command.
    pub(super) fn serve(
        &mut self,
        order: &Order<'_>,
        way: Way,
        password: Option<&Answer>,
    ) -> Result<Option<Output>, SshError> {
        // Connecting has its own time-outs. All that follows shares the time of the script.
        self.link()?;
        let until = Until::new(order.limit.time(), order.cancel);
        while let Some(was_there) = self.keep_shell(&until, way, password)? {
            let (Some(served), Some(link)) = (self.served.take(), &mut self.link) else {
                continue;
            };
            let (shown, target) = (self.target.shown(), self.target.clone());
            let mark = super::nonce();
            let left = Cell::new(None);
            let request = Request {
                password: password.map(|p| &p.secret),
                limit: order.limit,
                ..Request::new(way, &shown, &target, (order.cancel, &left))
            };
            let text = frame(order.command, &mark, served.runs_as);
            let shell = (served.runs_as, served.mark.as_str());
            let stops = (shell, until.clone());
            let running = Running::served(&mark, &request, text, Ends::new(&mark), stops);
            let (done, pipe) = running.see_through(link, served.pipe);
            if pipe.is_none() {
                // The host may count its session for a moment longer.
                self.ended_served = Some(Instant::now());
            }
            self.served = pipe.map(|pipe| Served {
                pipe,
                last: Instant::now(),
                ..served
            });
            self.left = self.left.take().or(left.into_inner());
            match done? {
                Done::Output(output) => return Ok(Some(output)),
                // The shell had ended before it got the script, so it has run nothing.
                Done::Ended if was_there => {}
                // The `head` of the host takes no number, or such a shell ends at once.
                Done::Cut | Done::Ended => self.keeps_no_shell = true,
            }
        }
        Ok(None)
    }

    /// Makes sure that there is such a shell. Returns whether it was there before. `None`: the host
    /// keeps no such shell.
    pub(super) fn keep_shell(
        &mut self,
        until: &Until,
        way: Way,
        password: Option<&Answer>,
    ) -> Result<Option<bool>, SshError> {
        if self.keeps_no_shell {
            return Ok(None);
        }
        // A new link has no such shell.
        let watch = self.link()?.watch(Instant::now() + SLACK);
        let is_there = (self.served.as_mut()).is_some_and(|served| served.is_of_use(way));
        drop(watch);
        if is_there {
            return Ok(Some(true));
        }
        self.end_served();
        self.served = self.begin_serving(until, way, password)?;
        self.keeps_no_shell = self.served.is_none();
        Ok(self.served.is_some().then_some(false))
    }

    fn begin_serving(
        &mut self,
        until: &Until,
        way: Way,
        password: Option<&Answer>,
    ) -> Result<Option<Served>, SshError> {
        let (shown, target) = (self.shown(), self.target.clone());
        let first = if self.login.is_some() { BEGINS } else { GREETS };
        let line = Line::of(&format!("{FITS}{first}{SERVE}"), way, &shown)?;
        // Whole seconds, because the time is shown.
        let time = until.left().min(patience(START_TIME) + SLACK);
        let time = Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0));
        let (until, left) = (Until::new(time, &until.cancel), Cell::new(None));
        let pipe = self.open(&line.text, &until)?;
        let request = Request {
            password: password.map(|p| &p.secret),
            limit: Limit::Total(time),
            stays: true,
            ..Request::new(way, &shown, &target, (&until.cancel, &left))
        };
        let begun = exec::begin(self.link()?, pipe, &line, &request, (until.clone(), READY));
        self.left = self.left.take().or(left.into_inner());
        Ok(begun?.map(|mut begun| {
            // Such a shell reads a script without delay.
            begun.pipe.pace_no_more();
            Served {
                pipe: begun.pipe,
                way,
                runs_as: begun.runs_as,
                mark: line.mark,
                uid: begun.line.trim().parse().ok(),
                begun: Instant::now(),
                last: Instant::now(),
            }
        }))
    }

    /// Ends the shell, and waits for its end, because a login may have few sessions at a time.
    /// Returns whether there was a shell.
    pub(super) fn end_served(&mut self) -> bool {
        let Some(mut served) = self.served.take() else {
            return false;
        };
        self.ended_served = Some(Instant::now());
        if let Some(link) = self.link.as_mut().filter(|link| !link.is_cut()) {
            let until = Until::for_tidying(TIDY_TIME);
            if !ends(link, &mut served.pipe, &until) {
                link.close(served.pipe, &Until::for_tidying(TIDY_TIME));
            }
        }
        true
    }
}

/// The bytes that such a shell receives for a script.
fn frame(script: &str, mark: &str, runs_as: RunsAs) -> Zeroizing<Vec<u8>> {
    let group = match runs_as {
        RunsAs::Group(id) => format!("-{id}"),
        RunsAs::Process(id) => id.to_string(),
    };
    let head = format!("{mark} {} {group}\n", script.len() + 2 + mark.len());
    // Allocated in full at once: a vector that grows leaves copies of its first bytes in memory.
    let mut text = Vec::with_capacity(head.len() + script.len() + 2 + mark.len());
    for part in [&head, script, "\n#", mark] {
        text.extend_from_slice(part.as_bytes());
    }
    Zeroizing::new(text)
}

/// Closes the input of such a shell. Returns whether it has ended in that time.
fn ends(link: &mut Link, pipe: &mut Pipe, until: &Until) -> bool {
    let _watch = link.watch(until.end + SLACK);
    let mut heard = [0; 4096];
    let mut told = false;
    while !pipe.eof() {
        told = told || pipe.send_eof();
        let moved = match (pipe.read(&mut heard), pipe.read_stderr(&mut heard)) {
            (Ok(one), Ok(other)) => one + other > 0,
            (Err(_), _) | (_, Err(_)) => return false,
        };
        if until.over().is_some() {
            return false;
        }
        if !moved && !pipe.eof() {
            link.wait(pipe, until.left());
        }
    }
    link.end(pipe, until).is_ok()
}

#[cfg(test)]
mod tests;
