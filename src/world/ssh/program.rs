//! Runs a small program of this machine to its end: no longer than its time, and with no more of
//! its output than is of use.

use super::poll::{self, Interest};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The most that is kept of each output.
const MOST: usize = 1 << 20;
/// Between two looks whether the program has ended.
const TICK: Duration = Duration::from_millis(5);

/// A program that has ended.
pub(super) struct Ended {
    pub status: ExitStatus,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
}

/// Why there is no end of it to tell.
pub(super) enum Unended {
    /// It was not started.
    Unstarted(io::Error),
    /// It was stopped, because its time was over.
    Late,
}

/// Runs it. What it wrote before its end is had in full, also where something that it started lives
/// on with its outputs.
pub(super) fn run(mut command: Command, time: Duration) -> Result<Ended, Unended> {
    let pipe = || -> io::Result<(Output, OwnedFd)> {
        // A socket and not a pipe, because std can read one without waiting.
        let (here, there) = UnixStream::pair()?;
        here.set_nonblocking(true)?;
        let output = Output {
            from: Some(here),
            kept: Vec::new(),
        };
        Ok((output, there.into()))
    };
    let (mut out, out_there) = pipe().map_err(Unended::Unstarted)?;
    let (mut err, err_there) = pipe().map_err(Unended::Unstarted)?;
    command
        .stdin(Stdio::null())
        .stdout(out_there)
        .stderr(err_there);
    let mut child = command.spawn().map_err(Unended::Unstarted)?;
    drop(command);
    let end = Instant::now() + time;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        // In this order: what was written before the end is there when the end is seen.
        let status = child.try_wait();
        let moved = out.take(&mut buffer) | err.take(&mut buffer);
        match status {
            Ok(Some(status)) if !moved || Instant::now() >= end => {
                return Ok(Ended {
                    status,
                    out: out.kept,
                    err: err.kept,
                });
            }
            Ok(_) if Instant::now() < end => {}
            Ok(_) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Unended::Late);
            }
        }
        if !moved {
            wait(&out, &err);
        }
    }
}

struct Output {
    /// `None` once it has ended.
    from: Option<UnixStream>,
    kept: Vec<u8>,
}

impl Output {
    /// Takes what is there now; whether there was anything.
    fn take(&mut self, buffer: &mut [u8]) -> bool {
        let Some(from) = &mut self.from else {
            return false;
        };
        match from.read(buffer) {
            Ok(n) if n > 0 => {
                let room = MOST - self.kept.len();
                self.kept.extend_from_slice(&buffer[..n.min(room)]);
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
    fn all_that_was_written_is_had_though_a_grandchild_keeps_the_output() {
        let began = Instant::now();
        let ended = run(
            shell(
                "sleep 3 & i=0; while [ $i -lt 2000 ]; do echo 0123456789; i=$((i+1)); done; echo e >&2; exit 3",
            ),
            Duration::from_secs(20),
        );
        let Ok(ended) = ended else { panic!("it ended") };
        assert_eq!(
            (ended.out.len(), ended.err.as_slice()),
            (22_000, &b"e\n"[..])
        );
        assert_eq!(ended.status.code(), Some(3));
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "{:?}",
            began.elapsed()
        );
    }

    #[test]
    fn its_time_holds_against_endless_output() {
        let began = Instant::now();
        let ended = run(shell("exec yes"), Duration::from_millis(300));
        assert!(matches!(ended, Err(Unended::Late)));
        assert!(began.elapsed() < Duration::from_secs(3));
        let missing = run(Command::new("/no/such/program"), TICK);
        assert!(
            matches!(missing, Err(Unended::Unstarted(e)) if e.kind() == io::ErrorKind::NotFound)
        );
    }
}
