//! This machine as a host: commands run by `/bin/sh`, in a session of their own, without a daemon
//! in between.

use super::error::{SshError, SshErrorKind};
use super::settings::Target;
use super::streams::{self, From, Pipes, Streams};
use super::{detached, dial, tokens};
use crate::inventory::SshSettings;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// This machine, as messages name it.
pub(super) fn target(settings: &SshSettings, address: &str) -> Target {
    Target {
        host: "localhost".to_owned(),
        port: 22,
        user: tokens::me().name.clone(),
        sudo: settings.sudo,
        command: settings.command(address),
        ..Target::default()
    }
}

/// Whether `command`, the beginning of a command that reaches a host, is that for this machine: see
/// [`SshSettings::command`].
pub(super) fn is_here(command: &str) -> bool {
    command == "env"
}

/// Connects to `host:port`, in at most `time` for all addresses together.
///
/// # Errors
/// `NameUnknown`, `Refused`, `NoAnswer`, `Io`.
pub(super) fn connect(host: &str, port: u16, time: Duration) -> Result<TcpStream, SshError> {
    let what = || format!("this machine cannot connect to {host} port {port}");
    let hint = format!("nc -vz {host} {port}");
    let end = Instant::now() + time;
    let to = Target {
        host: host.to_owned(),
        port,
        ..Target::default()
    };
    let addresses = dial::look_up(&to, time)?;
    let mut last = SshError::new(SshErrorKind::NoAnswer, what()).hint(hint.clone());
    for address in addresses {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(e) => {
                last = SshError::new(kind(&e), what()).cause(e).hint(hint.clone());
            }
        }
    }
    Err(last)
}

fn kind(error: &io::Error) -> SshErrorKind {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut};
    let kinds = [
        (ConnectionRefused, SshErrorKind::Refused),
        (TimedOut, SshErrorKind::NoAnswer),
        (HostUnreachable, SshErrorKind::NoRoute),
        (NetworkUnreachable, SshErrorKind::NoRoute),
    ];
    let known = kinds.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or(SshErrorKind::Io, |(_, kind)| *kind)
}

/// Starts a command line as a login shell would get it.
///
/// # Errors
/// Where the system has no more descriptors or processes.
pub(super) fn run(line: &str) -> io::Result<Streams> {
    streams::reap();
    let Pipes { near, far } = Pipes::new()?;
    let mut command = Command::new("/bin/sh");
    // The environment of this process may hold a password. A program that starts here and goes on
    // must not get it.
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    // These are as a login sets them. `sudo -E` and `su` leave the home of another user in the
    // environment, and then two operators would hold different locks.
    let me = tokens::me();
    let home = Some(me.home.as_path()).filter(|home| home.is_dir());
    command
        .env("HOME", &me.home)
        .env("USER", &me.name)
        .env("LOGNAME", &me.name)
        .env("SHELL", &me.shell)
        .args(["-c", line])
        .current_dir(home.unwrap_or(Path::new("/")))
        .stdin(Stdio::from(far.stdin))
        .stdout(Stdio::from(far.stdout))
        .stderr(Stdio::from(far.stderr));
    let child = detached::start(command, false)?;
    Ok(near.of(From::Child(child)))
}
