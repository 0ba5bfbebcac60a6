//! One shell on a host that does one script after the other: a channel, a login shell and sudo for
//! each of them would cost the host more than most scripts do.
//!
//! It reads a line with a mark and a length, so many bytes, and runs them in a subshell, whose
//! directory, variables and traps end with it. A script is told from what comes before and behind
//! it by the mark, on both outputs. One that is out of time is stopped with the whole shell, and
//! the next one begins another.
//!
//! A script has the outputs of the shell. What it runs as another user could be taken over by that
//! user's processes, who could keep such an output, write into what the next script says, or change
//! its modes for all. So `act` (see `owner.sh`) gives it pipes of its own. What starts programs of
//! others, as a package manager does, is no script for this shell. Nobody but root and the user of
//! the shell itself can read what it is sent, secrets included: the kernel lets another process
//! look into one of its own user only, and who may do that may read the file with the secret, too.

use super::error::SshError;
use super::exec::{self, Limit, Line, Request, Running, START_TIME, TIDY_TIME};
use super::link::{Link, Pipe};
use super::output::{Kept, Output};
use super::reply::Done;
use super::script::{RunsAs, Way};
use super::worker::{Order, Worker};
use super::{ask::Answer, conn::SLACK, conn::Until};
use crate::world::busy::patience;
use secrecy::zeroize::Zeroizing;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long it is used after the last script. A connection may die while nothing goes over it, and
/// what was sent into it then may have been done or not; a new channel shows whether it lives.
pub(super) const FRESH: Duration = Duration::from_secs(1);
/// How long one is used at all: sudo may have been told to end what takes longer than a minute.
const LIFE: Duration = Duration::from_secs(30);
/// What it says first, and its user behind that where the login is not known yet.
const READY: &str = "ready ";
const GREETS: &str = "echo \"ready $(id -u)\"\n";
const BEGINS: &str = "echo 'ready '\n";

/// ksh93 runs `( )` in its own process: a script could change what the next one finds.
const FITS: &str = "case ${KSH_VERSION:-} in *' 93'*) exit 69 ;; esac\n";

/// What stands behind the mark where a script did not arrive whole, and so was not run.
const CUT: &str = "cut";
/// The longest that can stand there, bytes.
const LONGEST: usize = 32;
/// Stands for what is longer: no such shell says it.
const NO_END: &str = "?";

/// `head` may read more than it was asked to, which is nobody's: nothing is sent before the script
/// has ended. Without its last line, which is the mark, a script did not arrive whole: what comes
/// then may be the rest of it, and is not read. It never ends with status 0, which libssh2 also has
/// where a host tells no status.
const SERVE: &str = r#"unset replctl_c replctl_given
while read -r replctl_m replctl_n replctl_g; do
replctl_c=$(head -c "$replctl_n"); replctl_s=cut
echo "$replctl_m"; echo "$replctl_m $replctl_g" >&2
case $replctl_c in *"$replctl_m") (eval "$replctl_c") </dev/null; replctl_s=$? ;; esac
replctl_c=; echo "$replctl_m:$replctl_s"; echo "$replctl_m:" >&2
[ "$replctl_s" != cut ] || exit 69
done
exit 69"#;

/// Such a shell.
pub(super) struct Served {
    pipe: Pipe,
    way: Way,
    runs_as: RunsAs,
    /// A word of its command line.
    mark: String,
    /// Its user, where it has said that.
    pub uid: Option<u32>,
    begun: Instant,
    last: Instant,
}

impl Served {
    /// Whether it can be asked for another script. One that says something unasked cannot. libssh2
    /// reads for as long as the host sends: the caller watches it.
    fn is_of_use(&mut self, way: Way) -> bool {
        let mut stray = [0; 64];
        self.way == way
            && !self.is_old()
            && self.begun.elapsed() < LIFE
            && matches!(self.pipe.read(&mut stray), Ok(0))
            && matches!(self.pipe.read_stderr(&mut stray), Ok(0))
            && !self.pipe.eof()
    }

    /// Whether it has had nothing to do for too long.
    pub fn is_old(&self) -> bool {
        self.last.elapsed() > FRESH
    }
}

/// How the end of a script is known, on one of its outputs.
pub(super) struct End {
    mark: String,
    /// What may be the beginning of the mark, or the line that it begins.
    pending: Vec<u8>,
    /// What stands behind the mark, once that has come.
    word: Option<String>,
    /// Something came behind the end.
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

    /// Takes what was read: what is the script's goes to `kept`.
    pub fn take(&mut self, bytes: &[u8], kept: &mut Kept) {
        if self.word.is_some() {
            self.stray |= !bytes.is_empty();
            return;
        }
        // No byte is looked at more than twice.
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
            // The host says something else there than the shell does.
            Some(_) => self.word = Some(NO_END.to_owned()),
            None if line.len() > LONGEST => self.word = Some(NO_END.to_owned()),
            None => {}
        }
    }

    /// What could have been the beginning of the mark was not.
    fn give_up(&mut self, kept: &mut Kept) {
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

/// What the shell says of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// It was run, and had this status.
    To(i32),
    /// It did not arrive whole, and was not run.
    Cut,
    /// Something that no such shell says.
    Unclear,
}

impl Ends {
    fn new(mark: &str) -> Self {
        Self {
            stdout: End::new(mark),
            stderr: End::new(mark),
        }
    }

    /// What became of the script, once both outputs have ended.
    pub fn came(&self) -> Option<Came> {
        let beside = self.stderr.word.as_deref()?;
        let said = self.stdout.word.as_deref()?.trim();
        Some(match said.parse() {
            Ok(status) if beside.is_empty() => Came::To(status),
            Err(_) if said == CUT => Came::Cut,
            Ok(_) | Err(_) => Came::Unclear,
        })
    }

    /// Nothing came behind the ends.
    pub fn are_clean(&self) -> bool {
        !self.stdout.stray && !self.stderr.stray
    }

    /// The same where nothing more comes.
    pub fn close(&mut self, stdout: &mut Kept, stderr: &mut Kept) -> Option<Came> {
        self.stdout.give_up(stdout);
        self.stderr.give_up(stderr);
        self.came()
    }
}

impl Worker {
    /// Does a script in the shell that is there for that, which is begun where there is none.
    /// `None` where none can be kept there: nothing was run.
    ///
    /// # Errors
    /// As running a command.
    pub(super) fn serve(
        &mut self,
        order: &Order<'_>,
        way: Way,
        password: Option<&Answer>,
    ) -> Result<Option<Output>, SshError> {
        // Connecting has its own time-outs. What comes then has the script's time together.
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
                // The host may count it for a moment more.
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
                // It had ended before it was asked, and so has done nothing.
                Done::Ended if was_there => {}
                // A host whose `head` takes no number, or where such a shell ends at once.
                Done::Cut | Done::Ended => self.keeps_no_shell = true,
            }
        }
        Ok(None)
    }

    /// Has such a shell there: whether it was there before. `None` where none can be kept.
    pub(super) fn keep_shell(
        &mut self,
        until: &Until,
        way: Way,
        password: Option<&Answer>,
    ) -> Result<Option<bool>, SshError> {
        if self.keeps_no_shell {
            return Ok(None);
        }
        // A link that is made anew has no such shell.
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
        // Whole seconds, since they are told.
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
            // Such a shell reads a script at once.
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

    /// Ends it, and waits for its end, for a login may do few things at a time: whether there was
    /// one.
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

/// What such a shell is sent for a script.
fn frame(script: &str, mark: &str, runs_as: RunsAs) -> Zeroizing<Vec<u8>> {
    let group = match runs_as {
        RunsAs::Group(id) => format!("-{id}"),
        RunsAs::Process(id) => id.to_string(),
    };
    let head = format!("{mark} {} {group}\n", script.len() + 2 + mark.len());
    // Whole from the beginning: what grows leaves its first bytes somewhere.
    let mut text = Vec::with_capacity(head.len() + script.len() + 2 + mark.len());
    for part in [&head, script, "\n#", mark] {
        text.extend_from_slice(part.as_bytes());
    }
    Zeroizing::new(text)
}

/// Ends such a shell's input: whether it has ended in that time.
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
