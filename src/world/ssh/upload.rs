//! Puts a file on a host: under a name of its own beside the target, flushed, its sha256 checked there, and moved over the target in one
//! step. Whatever fails, the target is as it was and nothing is left beside it.
//!
//! By SFTP where the login may write there itself; by `cat` where it has to be root through sudo, or the host has no SFTP.

use super::conn::{Cancel, Conn, Stop, Until, is_broken};
use super::error::{SshError, SshErrorKind, words};
use super::exec::Limit;
use super::output::last_lines;
use super::script::quote;
use super::worker::{Order, Worker};
use sha2::{Digest as _, Sha256};
use ssh2::{OpenFlags, OpenType, Sftp};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

/// Bytes handed to libssh2 at once; measured: with 32 KB a link of 50 ms is more than ten times slower.
pub(super) const CHUNK: usize = 1 << 20;
/// How long checking, moving and removing may take.
const FINISH_TIME: Duration = Duration::from_mins(1);
/// How long SFTP may take to begin.
const SFTP_TIME: Duration = Duration::from_secs(10);
const REMOVE_TIME: Duration = Duration::from_secs(5);

/// A file to be put on a host.
pub(super) struct Upload<'a> {
    pub data: &'a [u8],
    /// Absolute.
    pub path: &'a str,
    pub mode: u32,
    pub root: bool,
    pub cancel: &'a Cancel,
    /// Told how many bytes have gone.
    pub progress: &'a dyn Fn(u64),
}

/// Puts the file there.
///
/// # Errors
/// `Transfer` for what concerns the file; else as commands.
pub(super) fn put(worker: &mut Worker, upload: &Upload<'_>) -> Result<(), SshError> {
    let shown = worker.shown();
    let (folder, name) = match upload.path.rsplit_once('/') {
        Some((folder, name))
            if upload.path.starts_with('/') && !name.is_empty() && !upload.path.contains('\0') =>
        {
            (folder, name)
        }
        Some(_) | None => {
            return Err(SshError::new(
                SshErrorKind::Transfer,
                format!(
                    "`{}` is no absolute path of a file on {shown}",
                    upload.path.escape_debug()
                ),
            ));
        }
    };
    let part = format!("{folder}/.{name}.{}", super::nonce());
    let sent = if upload.root && !worker.is_root() {
        by_cat(worker, upload, &part)
    } else {
        by_sftp(worker, upload, &part)
    };
    let done = sent.and_then(|()| finish(worker, upload, &part));
    if done.is_err() {
        // Best effort: the connection may be gone, and the first reason is the one to tell.
        let tidy = Cancel::default();
        let _ = worker.run(&Order::new(
            &format!("rm -f -- {}", quote(&part)),
            upload.root,
            Limit::Total(REMOVE_TIME),
            &tidy,
        ));
    }
    done
}

fn by_cat(worker: &mut Worker, upload: &Upload<'_>, part: &str) -> Result<(), SshError> {
    let part = quote(part);
    let command =
        format!("umask 077; set -C; cat >{part} && {{ sync {part} 2>/dev/null || sync; }}");
    let order = Order {
        stdin: upload.data,
        progress: upload.progress,
        ..Order::new(
            &command,
            upload.root,
            Limit::Stall(worker.stall()),
            upload.cancel,
        )
    };
    let out = worker.run(&order)?;
    match out.failure() {
        None => Ok(()),
        Some(why) => Err(not_written(worker, upload, &why)),
    }
}

fn by_sftp(worker: &mut Worker, upload: &Upload<'_>, part: &str) -> Result<(), SshError> {
    if worker.without_sftp {
        return by_cat(worker, upload, part);
    }
    let Some(sftp) = begin_sftp(worker, upload.cancel)? else {
        worker.without_sftp = true;
        return by_cat(worker, upload, part);
    };
    let written = write(worker, &sftp, upload, Path::new(part));
    if written.is_err() {
        // Dropping an SFTP session waits for the host unless the socket is down; a refusal by the host leaves it usable.
        if !matches!(written, Err(Written::Refused(_))) {
            worker.cut();
        }
    }
    drop(sftp);
    written.map_err(|e| match e {
        Written::Refused(why) => not_written(worker, upload, &why),
        Written::Broken(why) => SshError::new(
            SshErrorKind::Io,
            format!(
                "the connection to {} broke while {} was sent",
                worker.shown(),
                upload.path
            ),
        )
        .cause(why),
        Written::Stalled => SshError::new(
            SshErrorKind::Transfer,
            format!(
                "nothing moved to {} for {} s while {} was sent",
                worker.shown(),
                worker.stall().as_secs_f32(),
                upload.path
            ),
        ),
        Written::Cancelled => SshError::new(
            SshErrorKind::Transfer,
            format!("sending {} to {} was given up", upload.path, worker.shown()),
        ),
    })
}

/// An SFTP session; `None` where the host has none, or one that does not speak the protocol (rc files that print do that).
fn begin_sftp(worker: &mut Worker, cancel: &Cancel) -> Result<Option<Sftp>, SshError> {
    let until = Until::new(SFTP_TIME.min(worker.stall()), cancel);
    // The connection is seen to be alive first, so that a failure below is the answer of the host's SFTP.
    drop(worker.channel(&until)?);
    let conn = worker.conn()?;
    match conn.step(&until, ssh2::Session::sftp) {
        Ok(sftp) => Ok(Some(sftp)),
        Err(Stop::Ssh(e)) if !is_broken(&e) => Ok(None),
        Err(_) => {
            // What is left of the attempt cannot be got rid of but with its session. Whatever is really wrong shows on the next one.
            conn.cut();
            Ok(None)
        }
    }
}

enum Written {
    /// The host said no.
    Refused(String),
    Broken(String),
    Stalled,
    Cancelled,
}

impl From<Stop> for Written {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Late => Self::Stalled,
            Stop::Cancelled => Self::Cancelled,
            Stop::Ssh(e) => match e.code() {
                ssh2::ErrorCode::SFTP(_) => Self::Refused(words(&e)),
                ssh2::ErrorCode::Session(_) => Self::Broken(words(&e)),
            },
        }
    }
}

fn write(
    worker: &mut Worker,
    sftp: &Sftp,
    upload: &Upload<'_>,
    part: &Path,
) -> Result<(), Written> {
    let stall = worker.stall();
    let conn = worker.conn().map_err(|e| Written::Broken(e.to_string()))?;
    // EXCLUSIVE: nobody's file or link of that name is ever written through.
    let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let mut file = conn.step(&Until::new(stall, upload.cancel), |_| {
        sftp.open_mode(part, flags, 0o600, OpenType::File)
    })?;
    let mut sent = 0;
    let mut until = Until::new(stall, upload.cancel);
    let result = loop {
        let rest = &upload.data[sent..];
        if rest.is_empty() {
            break Ok(());
        }
        match file.write(&rest[..rest.len().min(CHUNK)]) {
            Ok(n) => {
                sent += n;
                (upload.progress)(sent as u64);
                until = Until::new(stall, upload.cancel);
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                if let Some(stop) = until.over() {
                    break Err(stop.into());
                }
                conn.wait(until.left());
            }
            Err(e) => break Err(why_not(conn, &e)),
        }
    };
    let until = Until::new(stall, upload.cancel);
    let result = result.and_then(|()| {
        // Not every server can flush (it is an extension): then the file system decides when.
        match conn.step(&until, |_| file.fsync()) {
            Ok(()) | Err(Stop::Ssh(_)) => Ok(()),
            Err(stop) => Err(stop.into()),
        }
    });
    if matches!(result, Err(Written::Stalled | Written::Cancelled)) {
        conn.cut();
        return result;
    }
    let closed = conn.step(&until, |_| file.close());
    result.and_then(|()| closed.map_err(Written::from))
}

/// The host's refusal, or a broken connection (which libssh2 tells by the session's last error only).
fn why_not(conn: &mut Conn, error: &io::Error) -> Written {
    let refused = ssh2::ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_SFTP_PROTOCOL);
    match ssh2::Error::last_session_error(&conn.session) {
        Some(last) if last.code() == refused => Written::Refused(error.to_string()),
        Some(_) | None => {
            conn.cut();
            Written::Broken(error.to_string())
        }
    }
}

/// Checks what arrived and moves it over the target.
fn finish(worker: &mut Worker, upload: &Upload<'_>, part: &str) -> Result<(), SshError> {
    let want = hex(&Sha256::digest(upload.data));
    let command = format!(
        "t={part}; p={path}\n\
         s=$( {{ sha256sum <\"$t\" || openssl dgst -sha256 -r <\"$t\" || shasum -a 256 <\"$t\"; }} 2>/dev/null ) || \
         {{ ls -l \"$t\" >/dev/null && echo 'no sha256sum, openssl or shasum there' >&2; exit 71; }}\n\
         s=${{s%% *}}\n\
         [ \"$s\" = {want} ] || {{ echo \"sha256 is $s, should be {want}\" >&2; exit 72; }}\n\
         [ ! -d \"$p\" ] || {{ echo \"$p is a folder\" >&2; exit 73; }}\n\
         chmod {mode:04o} \"$t\" && mv -f -- \"$t\" \"$p\" || exit 74\n\
         sync \"${{p%/*}}/\" 2>/dev/null; :",
        part = quote(part),
        path = quote(upload.path),
        mode = upload.mode & 0o7777,
    );
    let out = worker.run(&Order::new(
        &command,
        upload.root,
        Limit::Total(FINISH_TIME),
        upload.cancel,
    ))?;
    match out.failure() {
        None => Ok(()),
        Some(why) => Err(SshError::new(
            SshErrorKind::Transfer,
            format!(
                "{} on {} was not replaced: what arrived could not be put in its place",
                upload.path,
                worker.shown()
            ),
        )
        .cause(why)),
    }
}

/// The failure to write beside the target, with what the disk says: SFTP tells no reason, and a full disk is the usual one.
fn not_written(worker: &mut Worker, upload: &Upload<'_>, why: &str) -> SshError {
    let shown = worker.shown();
    let folder = match upload.path.rsplit_once('/') {
        Some((folder, _)) if !folder.is_empty() => folder,
        Some(_) | None => "/",
    };
    let failure = SshError::new(
        SshErrorKind::Transfer,
        format!("cannot write {} on {shown}", upload.path),
    )
    .cause(why)
    .hint(format!(
        "{1} ls -ld {0}; {1} df -h {0}",
        quote(folder),
        worker.ssh()
    ));
    let look = format!(
        "ls -ld {0} >&2 && df -Pk {0} | tail -n 1",
        quote(&format!("{folder}/"))
    );
    let tidy = Cancel::default();
    let Ok(out) = worker.run(&Order::new(
        &look,
        upload.root,
        Limit::Total(REMOVE_TIME),
        &tidy,
    )) else {
        return failure;
    };
    let failure = failure.cause(last_lines(&out.stderr, 1));
    // File system, blocks, used, free, share, mounted on.
    let text = out.text();
    match text
        .split_whitespace()
        .nth(3)
        .and_then(|free| free.parse::<u64>().ok())
    {
        Some(free) => failure.cause(format!("{free} KB are free there")),
        None => failure,
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}
