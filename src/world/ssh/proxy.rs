//! Runs a `ProxyCommand` as ssh does: through the user's shell, and over pipes. It ends with the
//! session.

use super::ask::lock;
use super::output::last_lines;
use super::poll::{self, Interest};
use super::{detached, program, pump};
use rustix::io::ioctl_fionbio;
use std::io::{self, PipeReader, Read as _};
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The most that is kept of its standard error, in bytes: the end of it.
const MOST: usize = 4096;
/// How long it may take to end by itself after the connection to it has closed.
const END: Duration = Duration::from_millis(300);

/// The process.
#[derive(Debug)]
pub(super) struct Proxy {
    child: Mutex<Child>,
    said: Arc<Mutex<Vec<u8>>>,
    /// Closed when all of its standard error has been read.
    heard: Mutex<Receiver<()>>,
    /// Its standard error is read until this closes.
    ear: UnixStream,
}

/// Starts the command, whose tokens are expanded.
///
/// It runs apart from the terminal: an interrupt there must not cut the connection over which
/// replctl puts something back. A program that asks at the terminal fails at once.
pub(super) fn start(command: &str) -> io::Result<(UnixStream, Proxy)> {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let (input, up) = io::pipe()?;
    let (down, output) = io::pipe()?;
    let (from, mouth) = io::pipe()?;
    ioctl_fionbio(&up, true)?;
    ioctl_fionbio(&down, true)?;
    ioctl_fionbio(&from, true)?;
    // These are no sockets: programs open `/dev/stdin` and `/dev/stdout`, which fails with a
    // socket.
    let near = pump::of_pipes(up, down)?;
    let (ear, stop) = UnixStream::pair()?;
    stop.set_nonblocking(true)?;
    let mut program = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()));
    program
        .args(["-c", &format!("exec {command}")])
        .stdin(input)
        .stdout(output)
        .stderr(mouth);
    let child = detached::start(program, true)?;
    let said = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&said);
    let (hearing, heard) = channel::<()>();
    let proxy = Proxy {
        child: Mutex::new(child),
        said,
        heard: Mutex::new(heard),
        ear,
    };
    std::thread::Builder::new()
        .name("ssh-proxy".to_owned())
        .spawn(move || {
            let _hearing = hearing;
            hear(from, &stop, &to);
        })?;
    Ok((near, proxy))
}

/// Keeps the end of its standard error. That is a pipe, because scripts open `/dev/stderr`, which
/// fails with a socket.
fn hear(mut from: PipeReader, mut stop: &UnixStream, to: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    loop {
        let interests = [from.as_fd(), stop.as_fd()].map(|fd| Interest {
            fd,
            read: true,
            write: false,
        });
        poll::wait(&interests, Duration::from_mins(1));
        match from.read(&mut buffer) {
            Ok(n) if n > 0 => {
                let mut said = lock(to);
                said.extend_from_slice(&buffer[..n]);
                let excess = said.len().saturating_sub(MOST);
                said.drain(..excess);
            }
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Ok(_) | Err(_) => return,
        }
        if matches!(stop.read(&mut [0]), Ok(0)) {
            return;
        }
    }
}

impl Proxy {
    /// Its exit status, where it ends within that time.
    pub fn ended(&self, within: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + within;
        loop {
            if let Ok(Some(status)) = lock(&self.child).try_wait() {
                return Some(status);
            }
            if Instant::now() >= end {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The last lines of its standard error. Waits for their end if that comes soon.
    pub fn last_stderr_lines(&self) -> String {
        let _ = lock(&self.heard).recv_timeout(END);
        last_lines(&lock(&self.said), 3)
    }
}

impl Drop for Proxy {
    /// The socket is already closed.
    fn drop(&mut self) {
        if self.ended(END).is_none() {
            program::stop(&mut lock(&self.child));
        }
        let _ = self.ear.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_has_no_terminal_and_all_of_it_is_ended() {
        let text = "/bin/sh -c 'sleep 1000 & echo $! $$ $(cut -d\" \" -f6 /proc/$$/stat) >/dev/stderr; wait'";
        let (near, proxy) = start(text).unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while !lock(&proxy.said).ends_with(b"\n") && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        let said = String::from_utf8(lock(&proxy.said).clone()).unwrap();
        let words: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(words.len(), 3, "{said}");
        assert_eq!(words[1], words[2], "its session is its own");
        drop(near);
        drop(proxy);
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", words[0]));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        while lives() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!lives(), "what it started is ended with it");
    }
}
