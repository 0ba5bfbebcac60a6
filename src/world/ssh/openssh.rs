//! Asks `ssh -G` what the user's configuration says of a host: once for the hosts of which it says the same, and by no more processes at a time than this
//! machine has processors.

use super::Options;
use super::ask::lock;
use super::error::{SshError, SshErrorKind};
use super::same::{self, Sameness};
use crate::inventory::SshSettings;
use crate::world::busy::patience;
use std::collections::HashMap;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long `ssh -G` may take where nothing else is to do: it runs the commands of `Match exec`.
const TIME: Duration = Duration::from_secs(2);

/// What was answered of one of several hosts that may share it.
enum Shared {
    /// Nobody has asked yet.
    Open,
    /// The answer, and the host that was asked about.
    Same(String, String),
    /// It depends on the host.
    Each,
}

/// The answers of this process. The key holds all that the answer comes from.
static ANSWERS: Mutex<Option<HashMap<Sameness, Arc<Mutex<Shared>>>>> = Mutex::new(None);

/// The output of `ssh -G`, or `None` where OpenSSH's client is not installed.
///
/// # Errors
/// `Config`: it says that something is wrong, or nothing in time.
pub(super) fn ask(
    options: &Options,
    settings: &SshSettings,
    host: &str,
) -> Result<Option<String>, SshError> {
    let config = options.ssh_config.as_deref();
    let Some(sameness) = same::sameness(config, settings, host) else {
        return ask_alone(options, settings, host);
    };
    let place = {
        let mut answers = lock(&ANSWERS);
        let answers = answers.get_or_insert_default();
        Arc::clone(
            answers
                .entry(sameness)
                .or_insert_with(|| Arc::new(Mutex::new(Shared::Open))),
        )
    };
    // Held while one asks: the others wait for what it hears.
    let mut shared = lock(&place);
    match &*shared {
        Shared::Same(text, of) => return Ok(Some(same::for_host(text, of, host))),
        Shared::Each => {
            drop(shared);
            return ask_alone(options, settings, host);
        }
        Shared::Open => {}
    }
    let answer = ask_alone(options, settings, host)?;
    if let Some(text) = &answer {
        *shared = if same::depends_on(text, host) {
            Shared::Each
        } else {
            Shared::Same(text.clone(), host.to_owned())
        };
    }
    Ok(answer)
}

/// One of as many turns as there are processors.
struct Turn;

/// Turns that are taken.
static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Self {
        let most = std::thread::available_parallelism().map_or(2, usize::from);
        let mut taken = lock(&TAKEN);
        while *taken >= most {
            taken = FREED.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *lock(&TAKEN) -= 1;
        FREED.notify_one();
    }
}

/// Asks about one host, when it is its turn.
fn ask_alone(
    options: &Options,
    settings: &SshSettings,
    host: &str,
) -> Result<Option<String>, SshError> {
    let _turn = Turn::take();
    let time = patience(TIME);
    let mut command = openssh(options, settings, host);
    let failed = |why: String| {
        SshError::new(
            SshErrorKind::Config,
            format!("`ssh -G {host}` does not tell how to reach {host}"),
        )
        .cause(why)
        .hint(format!(
            "run `ssh -G {host}` and mend what it complains about in ~/.ssh/config"
        ))
    };
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e.to_string())),
    };
    let out = child.stdout.take().map(drain);
    let err = child.stderr.take().map(drain);
    let end = Instant::now() + time;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("no answer within {} s", time.as_secs())));
            }
        }
    };
    // A grandchild of `Match exec` may keep the pipe open: the answer is waited for no longer than the program.
    let text = |from: Option<std::sync::mpsc::Receiver<String>>| {
        from.and_then(|r| r.recv_timeout(Duration::from_millis(500)).ok())
            .unwrap_or_default()
    };
    if status.success() {
        Ok(Some(text(out)))
    } else {
        Err(failed(text(err)))
    }
}

fn openssh(options: &Options, settings: &SshSettings, host: &str) -> Command {
    let mut command = Command::new("ssh");
    command.arg("-G");
    if let Some(file) = &options.ssh_config {
        command.arg("-F").arg(file);
    }
    if let Some(user) = &settings.user {
        command.arg("-l").arg(user);
    }
    if let Some(port) = settings.port {
        command.arg("-p").arg(port.to_string());
    }
    command.arg("--").arg(host);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn drain(mut from: impl std::io::Read + Send + 'static) -> std::sync::mpsc::Receiver<String> {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.by_ref().take(1 << 20).read_to_end(&mut bytes);
        let _ = tell.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    told
}
