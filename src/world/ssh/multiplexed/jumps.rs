//! The hosts in between, for the installed `ssh`. The client that `ssh` starts by itself for a
//! `ProxyJump` knows nothing of our options and of the inventory. So replctl calls the client for
//! each host in between itself, as the `ProxyCommand` of the client for the host behind it. The
//! configuration of a host in between counts as it does for `ssh`.

use super::super::between::{Between, between};
use super::super::connect::{MOST_HOPS, too_many_hosts};
use super::super::error::SshError;
use super::super::settings::{Jump, Target};
use super::super::{Options, openssh};
use super::plan::{for_each_client, quoted};
use crate::inventory::SshSettings;
use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// How replctl calls `ssh` for one host in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    pub arguments: Vec<OsString>,
    /// The host in messages.
    pub shown: String,
    /// A command that logs in to it, for hints.
    pub command: String,
}

/// The hosts in between, the last one first. Each is reached through the next one in this list.
///
/// # Errors
/// `Config`: what `ssh -G` says of one of them cannot be used, or they are too many.
pub(super) fn chain(
    options: &Options,
    settings: &SshSettings,
    target: &Target,
    mut jumps: Vec<Jump>,
) -> Result<Vec<Hop>, SshError> {
    let mut all = Vec::new();
    let mut to = (target.host.clone(), target.port);
    while let Some(jump) = jumps.pop() {
        if all.len() >= MOST_HOPS {
            return Err(too_many_hosts(target));
        }
        let named = SshSettings {
            host: Some(jump.host.clone()),
            user: jump.user.clone(),
            port: jump.port,
            ..SshSettings::default()
        };
        let said = openssh::ask(options, &named, &jump.host)?.unwrap_or_default();
        let between = between(&said, &jump.host, settings.known_hosts.is_some())?;
        all.push(Hop {
            arguments: arguments(options, settings, &jump, &between, &to),
            shown: between.shown(),
            command: command(settings, named, &jumps),
        });
        to = (between.host, between.port);
        // Hosts that are named before this one are the way to it. Without such hosts, its own
        // configuration shows the way.
        if jumps.is_empty() {
            jumps = between.jumps;
        }
    }
    Ok(all)
}

fn arguments(
    options: &Options,
    settings: &SshSettings,
    jump: &Jump,
    between: &Between,
    (host, port): &(String, u16),
) -> Vec<OsString> {
    let mut all = for_each_client(options, between.is_patient);
    let mut option = |text: String| all.extend([OsString::from("-o"), text.into()]);
    // What the inventory names counts on the way, too. The rest comes from the host's own settings.
    if let Some(file) = &settings.known_hosts {
        let own = between.known_hosts.iter().map(String::as_str);
        let file = file.to_string_lossy();
        let names: Vec<String> = [&*file].into_iter().chain(own).map(quoted).collect();
        option(format!("UserKnownHostsFile={}", names.join(" ")));
    }
    if !settings.identity_files.is_empty() {
        let named = settings.identity_files.iter().map(|f| f.to_string_lossy());
        // A file that is named replaces those that `ssh` has by default.
        let own = between.identity_files.iter().map(|f| f.as_str().into());
        for file in own.chain(named) {
            option(format!("IdentityFile={}", quoted(&file)));
        }
    }
    let mut add = |words: &[&str]| all.extend(words.iter().map(OsString::from));
    if let Some(user) = &jump.user {
        add(&["-l", user]);
    }
    if let Some(port) = jump.port {
        add(&["-p", &port.to_string()]);
    }
    add(&["-W", &format!("[{host}]:{port}"), "--", &jump.host]);
    all
}

/// A command that logs in to the host, with what the inventory names.
fn command(settings: &SshSettings, named: SshSettings, before: &[Jump]) -> String {
    let host = named.host.clone().unwrap_or_default();
    let with = SshSettings {
        identity_files: settings.identity_files.clone(),
        known_hosts: settings.known_hosts.clone(),
        ..named
    };
    let command = with.command(&host);
    if before.is_empty() {
        return command;
    }
    // Each name is quoted by itself: a comma needs no quotation marks.
    let quoted = |jump: &Jump| {
        let shown = jump.shown();
        shlex::try_quote(&shown).map_or_else(|_| "''".to_owned(), Cow::into_owned)
    };
    let before: Vec<String> = before.iter().map(quoted).collect();
    command.replacen("ssh", &format!("ssh -J {}", before.join(",")), 1)
}

/// Writes the scripts that call these clients into the folder, which must have a plain name.
/// Returns the arguments by which the client for the host itself goes through the first of them.
///
/// # Errors
/// Where nothing can be written.
pub(super) fn write(hops: &[Hop], folder: &Path) -> io::Result<Vec<OsString>> {
    let script = |number: usize| folder.join(format!("j{number}"));
    let way_by = |number: usize| {
        if number < hops.len() {
            through(&script(number))
        } else {
            Vec::new()
        }
    };
    for (number, hop) in hops.iter().enumerate() {
        let mut words: Vec<OsString> = vec!["exec".into(), "ssh".into()];
        words.extend(way_by(number + 1));
        words.extend(hop.arguments.iter().cloned());
        std::fs::write(script(number), line(&words)?)?;
    }
    Ok(way_by(0))
}

/// The arguments by which a client goes through the program that the script calls. That program
/// passes no descriptor back, whatever the configuration says of other commands.
fn through(script: &Path) -> Vec<OsString> {
    let command = format!("ProxyCommand=/bin/sh {}", script.display());
    ["-o", &command, "-o", "ProxyUseFdpass=no"]
        .map(OsString::from)
        .to_vec()
}

/// The words as one line of a shell.
fn line(words: &[OsString]) -> io::Result<Vec<u8>> {
    let words = words.iter().map(|word| word.as_bytes());
    let mut line = shlex::bytes::try_join(words).map_err(io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_client_that_goes_through_another_takes_its_output_for_the_connection() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(&[], folder.path()).unwrap(), [""; 0]);
        let hops = ["gate", "outer"].map(|host| Hop {
            arguments: vec!["--".into(), host.into()],
            shown: host.to_owned(),
            command: format!("ssh {host}"),
        });
        let way = write(&hops, folder.path()).unwrap();
        let script = |name: &str| folder.path().join(name);
        let expected = |name: &str| {
            let command = format!("ProxyCommand=/bin/sh {}", script(name).display());
            ["-o", &command, "-o", "ProxyUseFdpass=no"].map(str::to_owned)
        };
        assert_eq!(way, expected("j0").map(OsString::from));
        let words = |name: &str| {
            let line = std::fs::read_to_string(script(name)).unwrap();
            shlex::split(&line).unwrap()
        };
        let exec = ["exec", "ssh"].map(str::to_owned);
        let gate = ["--", "gate"].map(str::to_owned);
        assert_eq!(words("j0"), [&exec[..], &expected("j1"), &gate].concat());
        assert_eq!(words("j1"), ["exec", "ssh", "--", "outer"]);
    }

    #[test]
    fn a_shell_takes_the_hosts_of_a_hint_as_they_are() {
        let jump = |user: Option<&str>, host: &str, port| Jump {
            host: host.to_owned(),
            user: user.map(str::to_owned),
            port,
        };
        let told = |before: &[Jump]| {
            let named = SshSettings {
                host: Some("gate".to_owned()),
                ..SshSettings::default()
            };
            command(&SshSettings::default(), named, before)
        };
        assert_eq!(told(&[]), "ssh gate");
        let plain = [
            jump(None, "outer", None),
            jump(Some("ops"), "inner", Some(2222)),
        ];
        assert_eq!(told(&plain), "ssh -J outer,ops@inner:2222 gate");
        let odd = [
            jump(Some("a b"), "$(id)", None),
            jump(None, "fd00::1", Some(22)),
            jump(Some("o'neil"), "h;reboot", None),
        ];
        let words = shlex::split(&told(&odd)).unwrap();
        assert_eq!(
            words,
            [
                "ssh",
                "-J",
                "a b@$(id),[fd00::1]:22,o'neil@h;reboot",
                "gate"
            ]
        );
        // The shell interprets nothing in these names.
        assert!(told(&odd).contains("'a b@$(id)',"), "{}", told(&odd));
    }
}
