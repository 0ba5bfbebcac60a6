//! Processes with deadlines, ended by their ids.
//!
//! [`run`] is for commands that end; [`Running`] for commands a test wants to interrupt; [`Leased`]
//! for servers, which end with the test process, even when that is killed.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How a command ended and what it said.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The command, for messages.
    pub command: String,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub fn code(self, wanted: i32) -> Self {
        assert_eq!(self.code, Some(wanted), "wrong exit code; {self}");
        self
    }

    /// Asserts exit code 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.code(0)
    }

    /// Asserts that the standard output, or the standard error, holds that text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "does not say {text:?}; {self}"
        );
        self
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            command,
            code,
            signal,
            stdout,
            stderr,
            took,
        } = self;
        write!(
            f,
            "{command}\n-- exit {code:?}, signal {signal:?}, {took:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}"
        )
    }
}

/// Sends a signal to one process (or, negative, to a process group).
pub fn signal(pid: i32, signal: i32) {
    assert!(pid.unsigned_abs() > 1, "no process of ours: {pid}");
    // SAFETY: kill(2) touches no memory of ours.
    #[allow(unsafe_code)]
    unsafe {
        libc::kill(pid, signal);
    }
}

/// The process and all its descendants, parents first.
pub fn family_of(pid: i32) -> Vec<i32> {
    let parents: Vec<(i32, i32)> = pids()
        .into_iter()
        .filter_map(|p| Some((p, parent(p)?)))
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while next < found.len() {
        let of = found[next];
        found.extend(
            parents
                .iter()
                .filter(|(_, parent)| *parent == of)
                .map(|(p, _)| *p),
        );
        next += 1;
    }
    found
}

/// The processes that work in that folder or run a program in it: what a deployment in a test's
/// folder left running.
pub fn living_in(folder: &Path) -> Vec<i32> {
    let inside = |pid: i32, link: &str| {
        std::fs::read_link(format!("/proc/{pid}/{link}")).is_ok_and(|to| to.starts_with(folder))
    };
    pids()
        .into_iter()
        .filter(|p| {
            p.cast_unsigned() != std::process::id() && (inside(*p, "cwd") || inside(*p, "exe"))
        })
        .collect()
}

fn pids() -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// Runs a command to its end.
///
/// # Panics
/// When it does not end `within`; it is then killed, and the message has its output so far.
#[track_caller]
pub fn run(command: &mut Command, within: Duration) -> Ran {
    Running::start(command).wait(within)
}

/// A command that runs. It has no standard input, and is killed with its process group when this is
/// dropped.
pub struct Running {
    name: String,
    child: Child,
    started: Instant,
    out: Collected,
    err: Collected,
    ended: Option<ExitStatus>,
}

impl Running {
    /// Starts it in a process group of its own.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
        let out = Collected::start(child.stdout.take().unwrap());
        let err = Collected::start(child.stderr.take().unwrap());
        Self {
            name,
            child,
            started: Instant::now(),
            out,
            err,
            ended: None,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// What it has written to standard output and standard error so far.
    pub fn so_far(&self) -> (String, String) {
        (self.out.text(), self.err.text())
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.ended = self.ended.or_else(|| self.child.try_wait().unwrap());
        self.ended.is_some()
    }

    /// `kill -9` to it and what it started.
    pub fn kill9(&mut self) {
        if !self.has_ended() {
            signal(-self.pid(), libc::SIGKILL);
        }
    }

    /// Sends it a signal (not to what it started).
    pub fn signal(&mut self, number: i32) {
        if !self.has_ended() {
            signal(self.pid(), number);
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end `within`, as [`super::allowing_for_load`] counts.
    #[track_caller]
    pub fn wait(mut self, within: Duration) -> Ran {
        let within = super::allowing_for_load(within);
        let end = Instant::now() + within;
        let mut pause = Duration::from_micros(200);
        while !self.has_ended() {
            if Instant::now() >= end {
                self.kill9();
                let (out, err) = self.so_far();
                panic!(
                    "did not end within {within:?}: {}\n-- stdout\n{out}\n-- stderr\n{err}",
                    self.name
                );
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
        }
        let took = self.started.elapsed();
        // A daemon that inherited the pipes must not hold the test up: what is there a moment later
        // is what it said.
        self.out.finish(Duration::from_secs(2));
        self.err.finish(Duration::from_secs(2));
        let status = self.ended.unwrap();
        let (stdout, stderr) = self.so_far();
        Ran {
            command: std::mem::take(&mut self.name),
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr,
            took,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.kill9();
            let _ = self.child.wait();
        }
    }
}

struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Collected {
    fn start(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 8192];
            while let Ok(n @ 1..) = from.read(&mut piece) {
                into.lock().unwrap().extend_from_slice(&piece[..n]);
            }
        });
        Self { bytes, reader }
    }

    fn finish(&self, within: Duration) {
        let end = Instant::now() + within;
        while !self.reader.is_finished() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }
}

/// A server that runs until this is dropped, or until the test process ends, however it ends: a
/// shell between the two holds the lease.
pub struct Leased {
    shell: Child,
    lease: Option<ChildStdin>,
    /// The server's own process id.
    pub pid: i32,
}

// A limit on the size of its files is to act on a server as a full disk, not to end it. The shell
// outlives a test that ends before it reads the id: that ended the shell, and left the server.
const LEASE: &str = r#"trap '' XFSZ; "$@" </dev/null >>"$LEASE_LOG" 2>&1 & p=$!
trap '' PIPE; echo $p
while read -r _; do :; done
kill -9 $p 2>/dev/null
wait $p 2>/dev/null"#;

impl Leased {
    /// Starts it; what it says goes to the file `log`.
    #[track_caller]
    pub fn start(program: &Path, arguments: &[&str], log: &Path) -> Self {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", LEASE, "lease"])
            .arg(program)
            .args(arguments)
            .env("LEASE_LOG", log)
            .env_remove("NOTIFY_SOCKET");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        let mut shell = command.spawn().expect("cannot start /bin/sh");
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let pid = line
            .trim()
            .parse()
            .expect("the lease prints the server's process id");
        let lease = shell.stdin.take();
        Self { shell, lease, pid }
    }

    /// Whether the server runs.
    pub fn is_alive(&self) -> bool {
        std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).is_ok_and(|s| {
            s.rsplit_once(')')
                .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
        })
    }

    /// Whether it is gone with all its threads, the last of which closes its sockets.
    pub fn is_gone(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid));
        !self.is_alive() && threads.map_or(0, Iterator::count) <= 1
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        drop(self.lease.take());
        let _ = self.shell.wait();
    }
}
