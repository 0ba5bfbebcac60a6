//! Reads what this machine knows of host keys: the files, the output of `KnownHostsCommand`, and
//! the lists of revoked keys. What cannot be read or run never counts as empty.

use super::auth::quoted;
use super::error::{SshError, SshErrorKind};
use super::known_hosts::{KnownHosts, fingerprint, name_of, rsa_bits, type_of};
use super::output::last_lines;
use super::program::{self, Unended, too_much};
use super::revoked;
use super::settings::Target;
use crate::world::busy::patience;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

/// How long `KnownHostsCommand` may take on a machine that does nothing else: it may ask a
/// directory far away.
const COMMAND_TIME: Duration = Duration::from_secs(30);

/// The name in place of a file for a line that the command wrote.
pub(super) const BY_COMMAND: &str = "the output of KnownHostsCommand";

/// Why replctl looks up known host keys. `KnownHostsCommand` gets this reason.
#[derive(Debug, Clone, Copy)]
pub(super) enum HostKeyLookup<'a> {
    /// To choose the kinds of keys that the host may show.
    Order,
    /// The host has shown this key.
    Name(&'a [u8]),
    /// The host at this address has shown this key.
    Address(&'a [u8], IpAddr),
}

/// Reads all that is known.
///
/// # Errors
/// `Config` where a file cannot be read, or the command fails.
pub(super) fn read(target: &Target, asked: HostKeyLookup<'_>) -> Result<KnownHosts, SshError> {
    let mut known = KnownHosts::default();
    for file in target
        .user_known_hosts
        .iter()
        .chain(&target.global_known_hosts)
    {
        match std::fs::read(file) {
            Ok(text) => known.add(file.display().to_string(), &text),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(e) => {
                return Err(SshError::new(
                    SshErrorKind::Config,
                    format!(
                        "cannot read {}, so the key of {} cannot be checked",
                        file.display(),
                        target.shown()
                    ),
                )
                .cause(e)
                .hint(format!("ls -l {}", quoted(file))));
            }
        }
    }
    if let Some(command) = &target.known_hosts_command {
        known.add(BY_COMMAND, &run(target, command, asked)?);
    }
    Ok(known)
}

fn run(target: &Target, command: &str, asked: HostKeyLookup<'_>) -> Result<Vec<u8>, SshError> {
    let failed = |why: String| {
        SshError::new(
            SshErrorKind::Config,
            format!(
                "KnownHostsCommand in the ssh configuration of {} fails, so its key cannot be checked",
                target.shown()
            ),
        )
        .cause(command)
        .cause(why)
        .hint(target.command.replacen("ssh", "ssh -v", 1))
    };
    let words = shlex::split(command).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| failed("its quotation marks do not match".to_owned()))?;
    let words = words
        .iter()
        .map(|word| target.tokens.all(word, |token| more(target, asked, token)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|why| failed(why.to_string()))?;
    if !words[0].starts_with('/') {
        return Err(failed("it does not begin with an absolute path".to_owned()));
    }
    let mut program = Command::new(&words[0]);
    program.args(&words[1..]);
    let time = patience(COMMAND_TIME);
    match program::run(program, time) {
        Ok(ended) if ended.status.success() => Ok(ended.out),
        Ok(ended) => Err(failed(format!(
            "{} {}",
            ended.status,
            last_lines(&ended.err, 3)
        ))),
        Err(Unended::Unstarted(e)) => Err(failed(e.to_string())),
        Err(Unended::Late) => Err(failed(format!(
            "it did not end within {} s",
            time.as_secs()
        ))),
        Err(Unended::TooMuch) => Err(failed(too_much())),
    }
}

/// The tokens that only this command has.
fn more(target: &Target, asked: HostKeyLookup<'_>, token: char) -> Option<String> {
    let key = match asked {
        HostKeyLookup::Order => None,
        HostKeyLookup::Name(key) | HostKeyLookup::Address(key, _) => Some(key),
    };
    let of_key = |tell: fn(&[u8]) -> String| key.map_or_else(|| "NONE".to_owned(), tell);
    Some(match (token, asked) {
        ('I', HostKeyLookup::Order) => "ORDER".to_owned(),
        ('I', HostKeyLookup::Name(_)) => "HOSTNAME".to_owned(),
        ('I', HostKeyLookup::Address(..)) => "ADDRESS".to_owned(),
        ('H', HostKeyLookup::Order) => target.known_as.clone(),
        ('H', HostKeyLookup::Name(_)) => name_of(&target.known_as, target.known_port()),
        ('H', HostKeyLookup::Address(_, address)) => name_of(&address.to_string(), target.port),
        ('t', _) => of_key(|key| type_of(key).to_owned()),
        ('f', _) => of_key(fingerprint),
        ('K', _) => of_key(|key| STANDARD.encode(key)),
        _ => return None,
    })
}

/// Refuses a key that a list of `RevokedHostKeys` names. Refuses every key where the list cannot be
/// read, as OpenSSH does.
///
/// # Errors
/// `HostKeyRevoked`; `Config` where the list cannot be read.
pub(super) fn refuse_revoked(key: &[u8], target: &Target) -> Result<(), SshError> {
    for file in &target.revoked {
        let unread = |why: String| {
            SshError::new(
                SshErrorKind::Config,
                format!(
                    "cannot read {}, which RevokedHostKeys names, so no key of {} is accepted",
                    file.display(),
                    target.shown()
                ),
            )
            .cause(why)
            .hint(format!("ls -l {}", quoted(file)))
        };
        let list = std::fs::read(file).map_err(|e| unread(e.to_string()))?;
        if revoked::names(&list, key).map_err(|why| unread(why.to_owned()))? {
            let place = format!("named in {} (RevokedHostKeys)", file.display());
            return Err(revoked(key, target, &place));
        }
    }
    Ok(())
}

/// The error for a host that shows a revoked key.
pub(super) fn revoked(key: &[u8], target: &Target, place: &str) -> SshError {
    SshError::new(
        SshErrorKind::HostKeyRevoked,
        format!("{} shows a host key that is revoked", target.shown()),
    )
    .cause(format!("{} {} is {place}", type_of(key), fingerprint(key)))
    .hint("do not log in: give that host a new key, and put the new one into known_hosts")
}

/// Refuses an RSA key that is shorter than `RequiredRSASize`.
///
/// # Errors
/// `Config`.
pub(super) fn refuse_short(key: &[u8], target: &Target) -> Result<(), SshError> {
    match rsa_bits(key) {
        Some(bits) if bits < target.rsa_bits => Err(SshError::new(
            SshErrorKind::Config,
            format!("the RSA host key of {} has {bits} bits", target.shown()),
        )
        .cause(format!(
            "RequiredRSASize in the ssh configuration is {}",
            target.rsa_bits
        ))
        .hint("give that host an ed25519 key, or a longer one")),
        Some(_) | None => Ok(()),
    }
}
