//! This machine as a host: commands by `/bin/sh`, in a session of their own, without a daemon in
//! between.

use super::detached;
use super::error::{SshError, SshErrorKind};
use super::settings::Target;
use super::streams::{From, Pipes, Streams};
use crate::inventory::SshSettings;
use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// This machine, as messages call it.
pub(super) fn target(settings: &SshSettings, address: &str) -> Target {
    Target {
        host: "localhost".to_owned(),
        port: 22,
        user: std::env::var("USER")
            .or_else(|_| std::env::var("LOGNAME"))
            .unwrap_or_else(|_| "root".to_owned()),
        sudo: settings.sudo,
        command: settings.command(address),
        ..Target::default()
    }
}

/// A connection to `host:port`, within that time in all.
///
/// # Errors
/// `NameUnknown`, `Refused`, `NoAnswer`, `Io`.
pub(super) fn connect(host: &str, port: u16, time: Duration) -> Result<TcpStream, SshError> {
    let what = || format!("this machine cannot connect to {host} port {port}");
    let hint = format!("nc -vz {host} {port}");
    let end = Instant::now() + time;
    let addresses = (host, port).to_socket_addrs().map_err(|e| {
        SshError::new(SshErrorKind::NameUnknown, what())
            .cause(e)
            .hint(hint.clone())
    })?;
    let mut last = SshError::new(SshErrorKind::NameUnknown, what());
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
    let Pipes { near, far } = Pipes::new()?;
    let mut command = Command::new("/bin/sh");
    // What stands in the environment of this process, perhaps a password, is not for what is
    // started here and goes on.
    command.env_clear();
    for name in ["PATH", "HOME", "USER", "LOGNAME", "SHELL"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .args(["-c", line])
        .current_dir(home())
        .stdin(Stdio::from(far.stdin))
        .stdout(Stdio::from(far.stdout))
        .stderr(Stdio::from(far.stderr));
    let child = detached::start(command, false)?;
    Ok(near.of(From::Child(child)))
}

/// Where a login begins: the home, or else the root folder.
fn home() -> std::path::PathBuf {
    etcetera::home_dir()
        .ok()
        .filter(|home| home.is_dir())
        .unwrap_or_else(|| "/".into())
}
