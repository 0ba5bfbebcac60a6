//! Puts a file on a host: under a name of its own beside the target, flushed, its sha256 checked
//! there, and moved over the target in one step. Whatever fails, the target is as it was and
//! nothing is left beside it.
//!
//! By one command that reads it, which every host with a shell has. SFTP would cost a process of
//! the host's more, and checking and moving a command of their own all the same.

use super::conn::Cancel;
use super::error::{SshError, SshErrorKind};
use super::exec::Limit;
use super::output::last_lines;
use super::script::quote;
use super::worker::{Order, Worker};
use crate::world::host::Around;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Bytes handed to libssh2 at once; measured: with 32 KB a link of 50 ms is more than ten times
/// slower.
pub(super) const CHUNK: usize = 1 << 20;
/// The status of the command where the file could not be written beside its place.
const NOT_WRITTEN: i32 = 70;
/// The last of those where it could not be put in its place.
const NOT_MOVED: i32 = 74;
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
    /// What else the command does.
    pub around: &'a Around,
}

/// Puts the file there.
///
/// # Errors
/// `Transfer` for what concerns the file; else as commands.
pub(super) fn put(worker: &mut Worker, upload: &Upload<'_>) -> Result<String, SshError> {
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
    let done = send(worker, upload, &part);
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

/// Sends it, and checks what arrived and moves it over the target.
fn send(worker: &mut Worker, upload: &Upload<'_>, part: &str) -> Result<String, SshError> {
    let command = command(upload, part);
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
    let why = match out.failure() {
        None => return Ok(out.text()),
        Some(_) if !matches!(out.status, NOT_WRITTEN..=NOT_MOVED) => out.last_lines(12),
        Some(why) => why,
    };
    if out.status == NOT_WRITTEN {
        return Err(not_written(worker, upload, &why));
    }
    let what = if (NOT_WRITTEN..=NOT_MOVED).contains(&out.status) {
        format!(
            "{} on {} was not replaced: what arrived could not be put in its place",
            upload.path,
            worker.shown()
        )
    } else {
        // What was to be done before or after it says itself what is wrong.
        return Err(SshError::new(SshErrorKind::Transfer, why));
    };
    Err(SshError::new(SshErrorKind::Transfer, what).cause(why))
}

fn command(upload: &Upload<'_>, part: &str) -> String {
    let want = hex(&Sha256::digest(upload.data));
    let mode = upload.mode & 0o7777;
    let sum = "s=$(sha256sum <\"$f\" 2>/dev/null) || s=$(openssl dgst -sha256 -r <\"$f\" 2>/dev/null) || s=$(shasum -a 256 <\"$f\" 2>/dev/null)";
    let Around {
        unless_there,
        after,
    } = upload.around;
    let there = if *unless_there {
        // As it would be put there: the same bytes with other rights, or of another user, are not
        // what was asked for.
        format!(
            "f=$p; [ -f \"$f\" ] && [ ! -L \"$f\" ] && [ \"$(stat -c '%a %u' \"$f\" 2>/dev/null)\" = \"{mode:o} $(id -u)\" ] && \
             {{ {sum}; }} && [ \"${{s%% *}}\" = {want} ]"
        )
    } else {
        "false".to_owned()
    };
    // The trap: where the connection breaks, nobody else is there to tidy up.
    // `set -C`: nobody's file or link of that name is ever written through.
    format!(
        "t={part}; p={path}\n\
         if {there}; then cat >/dev/null; else\n\
         trap 'rm -f -- \"$t\"' EXIT; trap 'exit 1' HUP INT TERM\n\
         (umask 077; set -C; cat >\"$t\") && {{ sync \"$t\" 2>/dev/null || sync; }} || exit {NOT_WRITTEN}\n\
         f=$t; {sum} || \
         {{ ls -l \"$t\" >/dev/null && echo 'no sha256sum, openssl or shasum there' >&2; exit 71; }}\n\
         s=${{s%% *}}\n\
         [ \"$s\" = {want} ] || {{ echo \"sha256 is $s, should be {want}\" >&2; exit 72; }}\n\
         [ ! -d \"$p\" ] || {{ echo \"$p is a folder\" >&2; exit 73; }}\n\
         chmod {mode:04o} \"$t\" && mv -f -- \"$t\" \"$p\" || exit {NOT_MOVED}\n\
         trap - EXIT HUP INT TERM\n\
         sync \"${{p%/*}}/\" 2>/dev/null\nfi\n:\n{after}",
        part = quote(part),
        path = quote(upload.path),
    )
}

/// The failure to write beside the target, with what the disk says: SFTP tells no reason, and a
/// full disk is the usual one.
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
        // What had come of it was removed before.
        Some(free) => failure.cause(format!(
            "it has {} KB, and {free} KB are free there",
            upload.data.len().div_ceil(1024)
        )),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::Path;
    use std::process::{Command, Stdio};

    const PROGRAM: &[u8] = b"#!/bin/sh\necho a program\n";

    /// What the command of an upload comes to where `sent` arrives.
    fn run(shell: &[&str], path: &Path, sent: &[u8], around: &Around) -> Option<i32> {
        let upload = Upload {
            data: PROGRAM,
            path: path.to_str().unwrap(),
            mode: 0o755,
            root: false,
            cancel: &Cancel::default(),
            progress: &|_| {},
            around,
        };
        let part = path.with_file_name(".part");
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .arg(command(&upload, part.to_str().unwrap()))
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(sent).unwrap();
        drop(input);
        let status = child.wait().unwrap().code();
        let beside = path.parent().unwrap().read_dir().unwrap();
        let names: Vec<_> = beside.map(|e| e.unwrap().file_name()).collect();
        assert!(!names.contains(&".part".into()), "{names:?}");
        status
    }

    const SHELLS: [&[&str]; 2] = [&["sh", "-c"], &["busybox", "sh", "-c"]];

    #[test]
    fn an_upload_that_breaks_off_leaves_nothing() {
        for shell in SHELLS {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("p");
            let around = Around::default();
            assert_eq!(run(shell, &path, &PROGRAM[..9], &around), Some(72));
            assert!(!path.exists());
            assert_eq!(run(shell, &path, PROGRAM, &around), Some(0));
            assert_eq!(fs::read(&path).unwrap(), PROGRAM);
        }
    }

    #[test]
    fn a_file_is_kept_only_where_it_is_just_as_it_would_be_put_there() {
        let around = Around {
            unless_there: true,
            after: "exit 9".to_owned(),
        };
        for shell in SHELLS {
            let folder = tempfile::tempdir().unwrap();
            let (path, other) = (folder.path().join("p"), folder.path().join("other"));
            let number = |path: &Path| fs::metadata(path).unwrap().ino();
            assert_eq!(run(shell, &path, PROGRAM, &around), Some(9));
            let first = number(&path);
            assert_eq!(run(shell, &path, PROGRAM, &around), Some(9));
            assert_eq!(number(&path), first);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            assert_eq!(run(shell, &path, PROGRAM, &around), Some(9));
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o755);
            fs::rename(&path, &other).unwrap();
            symlink(&other, &path).unwrap();
            assert_eq!(run(shell, &path, PROGRAM, &around), Some(9));
            assert!(!path.is_symlink());
            if fs::metadata(&path).unwrap().uid() == 0 {
                std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
                assert_eq!(run(shell, &path, PROGRAM, &around), Some(9));
                assert_eq!(fs::metadata(&path).unwrap().uid(), 0);
            }
        }
    }
}
