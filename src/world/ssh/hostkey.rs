//! Decides whether a host is the one it should be: reads the `known_hosts` files, decides, asks,
//! and adds one line. It never accepts a changed or revoked key, whatever the configuration says.

use super::algorithms;
use super::ask::Questions;
use super::auth::quoted;
use super::directives::WAY_OUT;
use super::error::{SshError, SshErrorKind};
use super::known::{self, HostKeyLookup};
use super::known_hosts::{Place, Verdict, fingerprint, line_for, name_of, type_of};
use super::settings::Target;
use super::tokens::Tokens;
use crate::output::escape;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The signature algorithms for host keys, best first, each with the key type it uses. Certificates
/// are left out on purpose: nothing here could check them.
const ALGORITHMS: [(&str, &str); 6] = [
    ("ssh-ed25519", "ssh-ed25519"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "ssh-rsa"),
    ("rsa-sha2-256", "ssh-rsa"),
];

/// The allowed host key algorithms to offer. Those of the known keys come first, so that the host
/// shows a key that replctl knows.
///
/// # Errors
/// `Config` where a `known_hosts` file cannot be read, or nothing is left to offer.
pub(super) fn algorithms(target: &Target) -> Result<String, SshError> {
    let known =
        known::read(target, HostKeyLookup::Order)?.key_types(&target.known_as, target.known_port());
    let allowed = target.algorithms.host_keys.as_deref();
    let (mut first, then): (Vec<_>, Vec<_>) = ALGORITHMS
        .iter()
        .filter(|(name, _)| allowed.is_none_or(|list| algorithms::has(list, name)))
        .partition(|(_, key)| known.iter().any(|k| k == key));
    first.extend(then);
    if first.is_empty() {
        let here = ALGORITHMS.map(|(name, _)| name);
        return Err(algorithms::nothing(
            target,
            "HostKeyAlgorithms",
            allowed,
            &here,
        ));
    }
    Ok(first
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(","))
}

/// Accepts the key, or says why not. `peer` is the address of the host, where the connection goes
/// straight to it.
///
/// # Errors
/// `HostKeyUnknown`, `HostKeyChanged`, `HostKeyRevoked`; `Config` where a file that decides cannot
/// be read or written.
pub(super) fn check(
    key: &[u8],
    target: &Target,
    peer: Option<IpAddr>,
    questions: &Questions,
    accept_new: bool,
) -> Result<(), SshError> {
    known::refuse_revoked(key, target)?;
    known::refuse_short(key, target)?;
    if let Some(address) = peer.filter(|_| target.check_host_ip) {
        check_address(key, target, address)?;
    }
    if verdict(key, target)? {
        return Ok(());
    }
    // replctl decides about one host key at a time. While this one waited for its turn, another
    // connection may have added the very same key.
    let turn = questions.turn();
    if verdict(key, target)? {
        return Ok(());
    }
    if let (Some(place), false) = (authority(target)?, accept_new) {
        return Err(vouched_for(key, target, &place));
    }
    let may_ask = questions.can_ask() && !target.strict && !target.methods.batch;
    let accepted = accept_new || (may_ask && questions.confirm(&question(key, target), &turn));
    if !accepted {
        return Err(unknown(key, target, may_ask));
    }
    add(key, target)
}

/// `CheckHostIP`: the address must not have another key. Where no key of the address is known, the
/// name alone decides.
fn check_address(key: &[u8], target: &Target, address: IpAddr) -> Result<(), SshError> {
    let name = address.to_string();
    if address.is_loopback() || name == target.host {
        return Ok(());
    }
    match known::read(target, HostKeyLookup::Address(key, address))?.look_up(
        &name,
        target.port,
        key,
    ) {
        Verdict::Known | Verdict::Unknown => Ok(()),
        Verdict::Changed(place) | Verdict::Revoked(place) => {
            let by_address = Target {
                known_as: name,
                tokens: Tokens::default(),
                ..target.clone()
            };
            Err(changed(key, &by_address, &place)
                .cause("CheckHostIP is set in the ssh configuration"))
        }
    }
}

fn authority(target: &Target) -> Result<Option<Place>, SshError> {
    Ok(known::read(target, HostKeyLookup::Order)?.authority(&target.known_as, target.known_port()))
}

/// The error for a host that may have a certificate. OpenSSH would check the certificate.
fn vouched_for(key: &[u8], target: &Target, place: &Place) -> SshError {
    let name = name_of(&target.known_as, target.known_port());
    SshError::new(
        SshErrorKind::HostKeyUnknown,
        format!("the host key of {name} is not known, and replctl's built-in ssh client checks no host certificates"),
    )
    .cause(format!("it shows {} {}", type_of(key), fingerprint(key)))
    .cause(format!("@cert-authority is in {} line {}", place.file, place.line))
    .hint(WAY_OUT)
}

/// Whether the key is known; anything but "known" and "not known" is an error.
fn verdict(key: &[u8], target: &Target) -> Result<bool, SshError> {
    match known::read(target, HostKeyLookup::Name(key))?.look_up(
        &target.known_as,
        target.known_port(),
        key,
    ) {
        Verdict::Known => Ok(true),
        Verdict::Unknown => Ok(false),
        Verdict::Changed(place) => Err(changed(key, target, &place)),
        Verdict::Revoked(place) => {
            let place = format!("marked @revoked in {} line {}", place.file, place.line);
            Err(known::revoked(key, target, &place))
        }
    }
}

fn question(key: &[u8], target: &Target) -> String {
    format!(
        "The key of {} is not known.\n{} {}\nCompare it with `ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub` on that host. Is it right?",
        escape(&name_of(&target.known_as, target.known_port())),
        escape(type_of(key)),
        fingerprint(key),
        short(type_of(key)),
    )
}

fn unknown(key: &[u8], target: &Target, asked: bool) -> SshError {
    let name = name_of(&target.known_as, target.known_port());
    let shown = SshError::new(
        SshErrorKind::HostKeyUnknown,
        format!("the host key of {name} is not known"),
    )
    .cause(format!("it shows {} {}", type_of(key), fingerprint(key)));
    let dns = target
        .beyond
        .ways
        .iter()
        .find(|way| way.starts_with("verifyhostkeydns"));
    if let Some(dns) = dns {
        return shown
            .cause(format!(
                "{dns}: replctl's built-in ssh client asks no DNS for keys"
            ))
            .hint(WAY_OUT);
    }
    if asked {
        return shown.hint(format!(
            "on that host, `ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub` shows the right one",
            short(type_of(key))
        ));
    }
    shown.hint(format!(
        "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub` on that host; then run again on a terminal, or with --accept-new-host-keys",
        short(type_of(key))
    ))
}

fn changed(key: &[u8], target: &Target, place: &Place) -> SshError {
    let name = name_of(&target.known_as, target.known_port());
    let remedy = if place.file == known::BY_COMMAND {
        "correct what KnownHostsCommand says".to_owned()
    } else {
        format!(
            "`ssh-keygen -R {} -f {}`",
            quoted(Path::new(&name)),
            quoted(Path::new(&place.file))
        )
    };
    SshError::new(
        SshErrorKind::HostKeyChanged,
        format!("the host key of {name} is not the one that is known"),
    )
    .cause(format!("it shows {} {}", type_of(key), fingerprint(key)))
    .cause(format!(
        "{} line {} has {} {}",
        place.file, place.line, place.key_type, place.fingerprint
    ))
    .hint(format!(
        "somebody may be in between. If that host was installed anew, `ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub` on it shows the new key: then {remedy}",
        short(type_of(key))
    ))
}

/// The word for the key's type in the file name of a host key.
fn short(key_type: &str) -> &'static str {
    match key_type {
        "ssh-rsa" => "rsa",
        t if t.starts_with("ecdsa") => "ecdsa",
        _ => "ed25519",
    }
}

/// Adds one line to the first file. Makes the file and its folder where they are missing. The
/// caller holds the turn.
fn add(key: &[u8], target: &Target) -> Result<(), SshError> {
    let Some(file) = target.user_known_hosts.first() else {
        return Ok(());
    };
    append(file, key, target).map_err(|e| {
        SshError::new(
            SshErrorKind::Config,
            format!(
                "cannot add the key of {} to {}",
                target.shown(),
                file.display()
            ),
        )
        .cause(e)
        .hint(format!("ls -ld {}", quoted(file.parent().unwrap_or(file))))
    })
}

fn append(path: &Path, key: &[u8], target: &Target) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    // Another replctl may be adding a line. The lock is best effort, for a file system without
    // locks must not stop the login.
    let _lock = file.try_lock();
    let salt = if target.hash_known_hosts {
        Some(salt()?)
    } else {
        None
    };
    let line = line_for(
        &target.known_as,
        target.known_port(),
        key,
        salt.as_ref().map(<[u8; 20]>::as_slice),
    );
    let text = if ends_in_newline(&mut file)? {
        format!("{line}\n")
    } else {
        format!("\n{line}\n")
    };
    file.write_all(text.as_bytes())
}

fn ends_in_newline(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}

fn salt() -> io::Result<[u8; 20]> {
    let mut salt = [0; 20];
    File::open("/dev/urandom")?.read_exact(&mut salt)?;
    Ok(salt)
}
