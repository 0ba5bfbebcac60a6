//! Runs a small program of this machine to its end: no longer than its time, and apart from the
//! terminal. The output comes in full or not at all: half of it may lack what counts.

use super::detached;
use super::poll::{self, Interest};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The longest output that is taken, and the most that is kept of standard error, in bytes.
const MOST: usize = 4 << 20;
/// The pause between two looks whether the program has ended.
const TICK: Duration = Duration::from_millis(5);

/// A program that has ended.
pub(super) struct Ended {
    pub status: ExitStatus,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

/// Why there is no result.
pub(super) enum Unended {
    /// It was not started.
    Unstarted(io::Error),
    /// It was stopped, because its time was over before its output ended.
    Late,
    /// It was stopped, because its output is longer than [`MOST`].
    TooMuch,
}

/// [`Unended::TooMuch`] in words.
pub(super) fn too_much() -> String {
    format!("its output is longer than {} MiB", MOST >> 20)
}

/// Runs the program. Reads its standard output to the end, even where a program that it started
/// writes there. Reads standard error up to the end of the program itself.
pub(super) fn run(mut command: Command, time: Duration) -> Result<Ended, Unended> {
    let (mut out, out_there) = Output::new().map_err(Unended::Unstarted)?;
    let (mut err, err_there) = Output::new().map_err(Unended::Unstarted)?;
    command
        .stdin(Stdio::null())
        .stdout(out_there)
        .stderr(err_there);
    let mut child = detached::start(command, true).map_err(Unended::Unstarted)?;
    let end = Instant::now() + time;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        // This order matters: what the program wrote before its end is there when we see the end.
        let ended = has_ended(&child);
        let moved = out.take(&mut buffer) | err.take(&mut buffer);
        if out.excess {
            stop(&mut child);
            return Err(Unended::TooMuch);
        }
        if ended && !moved && out.from.is_none() {
            return Ok(Ended {
                status: child.wait().map_err(Unended::Unstarted)?,
                out: out.kept,
                err: err.kept,
            });
        }
        if Instant::now() >= end {
            stop(&mut child);
            return Err(Unended::Late);
        }
        if !moved {
            wait(&out, &err);
        }
    }
}

/// Whether the program has ended. This does not reap it yet, so that nobody else can get its
/// number, which is also that of its group.
fn has_ended(child: &Child) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(child)), look).is_ok_and(|end| end.is_some())
}

/// Ends a program that was not reaped, with all that it started and that is still in its group.
pub(super) fn stop(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

struct Output {
    /// `None` once it has ended.
    from: Option<PipeReader>,
    kept: Vec<u8>,
    /// More came than is kept.
    excess: bool,
}

impl Output {
    /// An output that is read without waiting, and the program's end of it. It is a pipe, because
    /// programs open `/dev/stdout`, which fails with a socket.
    fn new() -> io::Result<(Self, PipeWriter)> {
        let (here, there) = io::pipe()?;
        ioctl_fionbio(&here, true)?;
        let output = Self {
            from: Some(here),
            kept: Vec::new(),
            excess: false,
        };
        Ok((output, there))
    }

    /// Takes what is there now. Returns whether there was anything.
    fn take(&mut self, buffer: &mut [u8]) -> bool {
        let Some(from) = &mut self.from else {
            return false;
        };
        match from.read(buffer) {
            Ok(n) if n > 0 => {
                let room = MOST - self.kept.len();
                self.kept.extend_from_slice(&buffer[..n.min(room)]);
                self.excess |= n > room;
                true
            }
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                false
            }
            Ok(_) | Err(_) => {
                self.from = None;
                false
            }
        }
    }
}

fn wait(out: &Output, err: &Output) {
    let open: Vec<Interest<'_>> = [out, err]
        .iter()
        .filter_map(|output| output.from.as_ref())
        .map(|from| Interest {
            fd: from.as_fd(),
            read: true,
            write: false,
        })
        .collect();
    if open.is_empty() {
        std::thread::sleep(TICK);
    } else {
        poll::wait(&open, TICK);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shell(text: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", text]);
        command
    }

    #[test]
    fn all_output_is_had_and_a_grandchild_that_only_complains_is_not_waited_for() {
        let began = Instant::now();
        let ended = run(
            shell(
                "sleep 3 >/dev/null & (sleep 0.3; echo late) & i=0; while [ $i -lt 2000 ]; do echo 0123456789; i=$((i+1)); done; echo e >&2; exit 3",
            ),
            Duration::from_secs(20),
        );
        let Ok(ended) = ended else { panic!("it ended") };
        assert_eq!(
            (ended.out.len(), ended.err.as_slice()),
            (22_005, &b"e\n"[..])
        );
        assert!(ended.out.ends_with(b"late\n"));
        assert_eq!(ended.status.code(), Some(3));
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
    }

    #[test]
    fn output_that_is_not_had_in_full_is_an_error() {
        let long = run(
            shell("head -c 4194304 /dev/zero; echo the end"),
            Duration::from_secs(20),
        );
        assert!(matches!(long, Err(Unended::TooMuch)));
        let whole = run(
            shell("head -c 4194304 /dev/zero; head -c 4194305 /dev/zero >&2"),
            Duration::from_secs(20),
        );
        assert!(matches!(whole, Ok(ended) if ended.out.len() == MOST && ended.err.len() == MOST));
        let late = run(
            shell("(sleep 3; echo more) & echo some"),
            Duration::from_millis(300),
        );
        assert!(matches!(late, Err(Unended::Late)));
    }

    #[test]
    fn it_can_open_its_outputs_and_has_no_terminal() {
        let ended = run(
            shell(
                "echo out >/dev/stdout; echo err >/dev/stderr; exec cut -d' ' -f1,6 /proc/self/stat",
            ),
            Duration::from_secs(20),
        );
        let Ok(ended) = ended else { panic!("it ended") };
        assert_eq!(ended.err, b"err\n");
        let out = String::from_utf8(ended.out).unwrap();
        let (said, session) = out.split_once('\n').unwrap();
        let (own, session) = session.trim().split_once(' ').unwrap();
        assert_eq!((said, own), ("out", session), "its session is its own");
    }

    #[test]
    fn its_time_holds_against_endless_output_and_all_of_it_is_ended() {
        let began = Instant::now();
        let file = tempfile::NamedTempFile::new().unwrap();
        let name = file.path().display();
        let ended = run(
            shell(&format!("sleep 1000 & echo $! >{name}; exec yes >&2")),
            Duration::from_millis(500),
        );
        assert!(matches!(ended, Err(Unended::Late)));
        assert!(began.elapsed() < Duration::from_secs(3));
        let child = std::fs::read_to_string(file.path()).unwrap();
        assert!(is_gone(child.trim()), "{child}");
        let missing = run(Command::new("/no/such/program"), TICK);
        assert!(
            matches!(missing, Err(Unended::Unstarted(e)) if e.kind() == io::ErrorKind::NotFound)
        );
    }

    /// Whether the process ends soon. A process that was not reaped has ended, too.
    fn is_gone(id: &str) -> bool {
        let end = Instant::now() + Duration::from_secs(5);
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        while lives() && Instant::now() < end {
            std::thread::sleep(TICK);
        }
        !lives()
    }
}
