//! One shell on a host that does one script after the other: a channel, a login shell and sudo for
//! each of them would cost the host more than most scripts do.
//!
//! It reads a line with a mark and a length, so many bytes, and runs them in a subshell, whose
//! directory, variables and traps end with it. A script is told from what comes before and behind
//! it by the mark, on both outputs. One that is out of time is stopped with the whole shell, and the
//! next one begins another.

use super::error::{SshError, SshErrorKind};
use super::exec::{self, Line, Request, Running};
use super::link::Pipe;
use super::output::{Kept, Output};
use super::script::{RunsAs, Way};
use super::worker::{Order, Worker};
use super::{ask::Answer, conn::Until};
use secrecy::zeroize::Zeroizing;
use std::time::{Duration, Instant};

/// How long it is used after the last script. A connection may die while nothing goes over it, and
/// what was sent into it then may have been done or not; a new channel shows whether it lives.
const FRESH: Duration = Duration::from_secs(5);
/// What it says first.
const READY: &str = "ready";

/// `head` may read more than it was asked to, which is nobody's: nothing is sent before the script
/// has ended. Without its last line, which is the mark, a script did not arrive whole.
const SERVE: &str = r#"echo ready
while read -r replctl_m replctl_n replctl_g; do
replctl_c=$(head -c "$replctl_n")
echo "$replctl_m"; echo "$replctl_m $replctl_g" >&2
case $replctl_c in
*"$replctl_m") (eval "$replctl_c") </dev/null; replctl_s=$? ;;
*) echo "the script did not arrive whole" >&2; replctl_s=69 ;;
esac
replctl_c=; echo "$replctl_m:$replctl_s"; echo "$replctl_m:" >&2
done"#;

/// Such a shell.
pub(super) struct Served {
    pipe: Pipe,
    way: Way,
    runs_as: RunsAs,
    last: Instant,
}

impl Served {
    /// Whether it can be asked for another script.
    fn is_of_use(&mut self, way: Way) -> bool {
        let mut stray = [0; 4096];
        self.way == way
            && self.last.elapsed() < FRESH
            && self.pipe.read(&mut stray).is_ok()
            && !self.pipe.eof()
    }
}

/// How the end of a script is known, on one of its outputs.
pub(super) struct End {
    mark: String,
    /// What may be the beginning of the mark, or the line that it begins.
    pending: Vec<u8>,
    /// What stands behind the mark, once that has come.
    said: Option<String>,
}

impl End {
    fn new(mark: &str) -> Self {
        Self {
            mark: format!("{mark}:"),
            pending: Vec::new(),
            said: None,
        }
    }

    /// Takes what was read: what is the script's goes to `kept`.
    pub fn take(&mut self, bytes: &[u8], kept: &mut Kept) {
        if self.said.is_some() {
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
        if let Some(end) = line.iter().position(|b| *b == b'\n') {
            self.said = Some(String::from_utf8_lossy(&line[..end]).into_owned());
        }
    }

    /// What could have been the beginning of the mark was not.
    fn give_up(&mut self, kept: &mut Kept) {
        if self.said.is_none() {
            kept.add(&std::mem::take(&mut self.pending));
        }
    }
}

/// The ends on both outputs.
pub(super) struct Ends {
    pub stdout: End,
    pub stderr: End,
}

impl Ends {
    /// The script's status, once both outputs have ended.
    pub fn status(&self) -> Option<i32> {
        self.stderr.said.as_ref()?;
        let status = self.stdout.said.as_deref()?;
        Some(status.trim().parse().unwrap_or(-1))
    }

    /// The same where nothing more comes.
    pub fn close(&mut self, stdout: &mut Kept, stderr: &mut Kept) -> Option<i32> {
        self.stdout.give_up(stdout);
        self.stderr.give_up(stderr);
        self.status()
    }
}

fn never_began(shown: &str) -> SshError {
    let what = format!("the shell on {shown} ended before it did anything");
    SshError::new(SshErrorKind::Command, what)
}

impl Worker {
    /// Does a script in the shell that is there for that, which is begun where there is none.
    ///
    /// # Errors
    /// As running a command.
    pub(super) fn serve(
        &mut self,
        order: &Order<'_>,
        way: Way,
        password: Option<&Answer>,
    ) -> Result<Output, SshError> {
        loop {
            // A link that is made anew has no such shell.
            self.link()?;
            let was_there = self
                .served
                .as_mut()
                .is_some_and(|served| served.is_of_use(way));
            if !was_there {
                self.end_served();
                self.served = Some(self.begin_serving(order, way, password)?);
            }
            let (Some(served), Some(link)) = (self.served.take(), &mut self.link) else {
                continue;
            };
            let (shown, target) = (self.target.shown(), self.target.clone());
            let mark = super::nonce();
            let request = Request {
                limit: order.limit,
                ..Request::new(way, &shown, &target, order.cancel)
            };
            let (RunsAs::Group(id) | RunsAs::Process(id)) = served.runs_as;
            let sign = if matches!(served.runs_as, RunsAs::Group(_)) {
                "-"
            } else {
                ""
            };
            let script = Zeroizing::new(format!("{}\n#{mark}", order.command));
            let text = format!("{mark} {} {sign}{id}\n{}", script.len(), *script);
            let text = Zeroizing::new(text.into_bytes());
            let ends = Ends {
                stdout: End::new(&mark),
                stderr: End::new(&mark),
            };
            let running = Running::served(&mark, &request, text, ends);
            let (done, pipe) = running.see_through(link, served.pipe);
            self.served = pipe.map(|pipe| Served {
                pipe,
                last: Instant::now(),
                ..served
            });
            match done {
                // It had ended before it was asked, and so has done nothing.
                Ok(None) if was_there => {}
                Ok(None) => return Err(never_began(&shown)),
                Ok(Some(output)) => return Ok(output),
                Err(error) => return Err(error),
            }
        }
    }

    fn begin_serving(
        &mut self,
        order: &Order<'_>,
        way: Way,
        password: Option<&Answer>,
    ) -> Result<Served, SshError> {
        let (shown, target) = (self.shown(), self.target.clone());
        let line = Line::of(SERVE, way, &shown)?;
        let until = Until::new(order.limit.time(), order.cancel);
        let pipe = self.open(&line.text, &until)?;
        let request = Request {
            password: password.map(|p| &p.secret),
            limit: order.limit,
            stays: true,
            ..Request::new(way, &shown, &target, order.cancel)
        };
        let (pipe, runs_as) = exec::begin(self.link()?, pipe, &line, &request, READY)?;
        Ok(Served {
            pipe,
            way,
            runs_as,
            last: Instant::now(),
        })
    }

    /// Ends it, and waits for nothing: whether there was one.
    pub(super) fn end_served(&mut self) -> bool {
        let Some(served) = self.served.take() else {
            return false;
        };
        if let Some(link) = self.link.as_mut().filter(|link| !link.is_cut()) {
            link.close(served.pipe, &Until::for_tidying(exec::TIDY_TIME));
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};

    /// What such a shell says to these requests, on both outputs.
    fn said(shell: &[&str], requests: &str) -> (String, String) {
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", SERVE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(requests.as_bytes()).unwrap();
        drop(input);
        let (mut out, mut err) = (String::new(), String::new());
        child.stdout.unwrap().read_to_string(&mut out).unwrap();
        child.stderr.unwrap().read_to_string(&mut err).unwrap();
        (out, err)
    }

    #[test]
    fn one_script_comes_after_the_other_and_leaves_nothing_behind() {
        let first =
            "x=1; cd /; umask 077; trap 'echo trapped' EXIT\nprintf 'no end'; cat; exit 7\n#m1";
        let second = "echo \"$x\" >&2; (exit 3)\n#m2";
        let requests = format!(
            "m1 {} -5\n{first}m2 {} 6\n{second}m3 9 6\necho cut",
            first.len(),
            second.len()
        );
        // Such a `head` reads more than it was asked to, and so gets one request after the other.
        for shell in [&["sh"][..], &["bash"], &["dash"]] {
            let (out, err) = said(shell, &requests);
            assert_eq!(
                out, "ready\nm1\nno endtrapped\nm1:7\nm2\nm2:3\nm3\nm3:69\n",
                "{shell:?}"
            );
            let whole = "m1 -5\nm1:\nm2 6\n\nm2:\nm3 6\nthe script did not arrive whole\nm3:\n";
            assert_eq!(err, whole, "{shell:?}");
        }
        let (out, _) = said(
            &["busybox", "sh"],
            &format!("m2 {} 6\n{second}", second.len()),
        );
        assert_eq!(out, "ready\nm2\nm2:3\n");
    }

    #[test]
    fn the_end_of_a_script_is_found_wherever_it_is_cut() {
        let text = b"some mar mark mark mark:7\n";
        for cut in 0..text.len() {
            let (mut end, mut kept) = (End::new("mark"), Kept::beginning());
            end.take(&text[..cut], &mut kept);
            assert_eq!(end.said, None, "{cut}");
            end.take(&text[cut..], &mut kept);
            assert_eq!(end.said.as_deref(), Some("7"), "{cut}");
            assert_eq!(kept.so_far(), b"some mar mark mark ", "{cut}");
        }
        let (mut end, mut kept) = (End::new("mark"), Kept::beginning());
        end.take(b"cut ma", &mut kept);
        end.give_up(&mut kept);
        assert_eq!(kept.so_far(), b"cut ma");
    }
}
