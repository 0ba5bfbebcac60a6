//! Puts files on a host: each under a name of its own beside the target, flushed, its sha256
//! checked there, and moved over the target in one step. Whatever fails before that, the targets
//! are as they were and nothing is left beside them.
//!
//! By one command that reads them, which every host with a shell has. SFTP would cost a process of
//! the host's more, and checking and moving a command of their own all the same.

use super::conn::Cancel;
use super::error::{SshError, SshErrorKind};
use super::exec::Limit;
use super::output::last_lines;
use super::script::quote;
use super::worker::{Order, Worker};
use crate::world::host::UploadOptions;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// Bytes handed to libssh2 at once; measured: with 32 KB a link of 50 ms is more than ten times
/// slower.
pub(super) const CHUNK: usize = 1 << 20;
/// The status of the command where the file could not be written beside its place.
const NOT_WRITTEN: i32 = 70;
/// The last of those where it could not be put in its place.
const NOT_MOVED: i32 = 74;
const REMOVE_TIME: Duration = Duration::from_secs(5);

/// Files to be put on a host.
pub(super) struct Upload<'a> {
    /// Their absolute paths and what is in them; all lie in one folder. They are put in their
    /// places from the last to the first.
    pub files: &'a [(String, Arc<Vec<u8>>)],
    pub mode: u32,
    pub root: bool,
    pub cancel: &'a Cancel,
    /// Told how many bytes have gone.
    pub progress: &'a dyn Fn(u64),
    /// What else the command does.
    pub options: &'a UploadOptions,
}

/// Puts the files there.
///
/// # Errors
/// `Transfer` for what concerns the files; else as commands.
pub(super) fn put(worker: &mut Worker, upload: &Upload<'_>) -> Result<String, SshError> {
    let mut parts = Vec::new();
    for (path, _) in upload.files {
        let Some((folder, name)) = place(path) else {
            return Err(SshError::new(
                SshErrorKind::Transfer,
                format!(
                    "`{}` is no absolute path of a file on {}",
                    path.escape_debug(),
                    worker.shown()
                ),
            ));
        };
        parts.push(format!("{folder}/.{name}.{}", super::nonce()));
    }
    let done = send(worker, upload, &parts);
    if done.is_err() {
        // Best effort: the connection may be gone, and the first reason is the one to tell.
        let tidy = Cancel::default();
        let _ = worker.run(&Order::new(
            &format!("rm -f --{}", words(&parts)),
            upload.root,
            Limit::Total(REMOVE_TIME),
            &tidy,
        ));
    }
    done
}

/// The folder and the name of a file.
fn place(path: &str) -> Option<(&str, &str)> {
    let good = path.starts_with('/') && !path.contains('\0');
    path.rsplit_once('/')
        .filter(|(_, name)| good && !name.is_empty())
}

/// Each behind a blank.
fn words(paths: &[String]) -> String {
    paths.iter().fold(String::new(), |mut out, path| {
        let _ = write!(out, " {}", quote(path));
        out
    })
}

/// Sends them, checks what arrived, and moves it over the targets.
fn send(worker: &mut Worker, upload: &Upload<'_>, parts: &[String]) -> Result<String, SshError> {
    let command = command(upload, parts);
    let joined: Vec<u8>;
    let stdin: &[u8] = match upload.files {
        [(_, data)] => data,
        all => {
            let data: Vec<&[u8]> = all.iter().map(|(_, data)| data.as_slice()).collect();
            joined = data.concat();
            &joined
        }
    };
    let order = Order {
        stdin,
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
    let what = if out.status == NOT_MOVED && upload.files.len() > 1 {
        format!(
            "not each of {} on {} was replaced: one could not be put in its place",
            named(upload),
            worker.shown()
        )
    } else if (NOT_WRITTEN..=NOT_MOVED).contains(&out.status) {
        format!(
            "{} on {} was not replaced: what arrived could not be put in its place",
            named(upload),
            worker.shown()
        )
    } else {
        // What was to be done before or after it says itself what is wrong.
        return Err(SshError::new(SshErrorKind::Transfer, why));
    };
    Err(SshError::new(SshErrorKind::Transfer, what).cause(why))
}

/// The files, in messages.
fn named(upload: &Upload<'_>) -> String {
    let paths: Vec<&str> = upload.files.iter().map(|(path, _)| path.as_str()).collect();
    paths.join(" or ")
}

fn command(upload: &Upload<'_>, parts: &[String]) -> String {
    let UploadOptions {
        unless_there,
        after,
    } = upload.options;
    let mode = upload.mode & 0o7777;
    let paths: Vec<String> = upload.files.iter().map(|(path, _)| path.clone()).collect();
    let folder = paths
        .first()
        .and_then(|path| place(path))
        .map_or("", |(folder, _)| folder);
    let want = upload
        .files
        .iter()
        .fold(String::new(), |mut out, (_, data)| {
            let _ = write!(out, " {}", hex(&Sha256::digest(data.as_slice())));
            out
        });
    let there = if *unless_there {
        // As it would be put there: the same bytes with other rights, or of another user, are not
        // what was asked for.
        let is = paths.iter().map(|path| {
            let path = quote(path);
            format!("[ -f {path} ] && [ ! -L {path} ] && [ \"$(stat -c '%a %u' {path} 2>/dev/null)\" = \"{mode:o} $(id -u)\" ] && ")
        });
        let is: String = is.collect();
        format!(
            "{is}sums{} 2>/dev/null && [ \"$s\" = '{want}' ]",
            words(&paths)
        )
    } else {
        "false".to_owned()
    };
    let last = parts.iter().zip(&paths).rev().map(|(part, path)| {
        format!(
            "mv -f -- {} {} || exit {NOT_MOVED}\n",
            quote(part),
            quote(path)
        )
    });
    let moved: String = last.collect();
    let free = paths.iter().map(|path| {
        let path = quote(path);
        format!("[ ! -d {path} ] || {{ echo {path}' is a folder' >&2; exit 73; }}\n")
    });
    let free: String = free.collect();
    let all = words(parts);
    // The trap: where the connection breaks, nobody else is there to tidy up.
    // `set -C`: nobody's file or link of that name is ever written through.
    format!(
        "{SUMS}if {there}; then cat >/dev/null; else\n\
         trap 'rm -f --'{tidied} EXIT; trap 'exit 1' HUP INT TERM\n\
         (umask 077; set -C; {{ {taken}; }} && {{ sync{all} 2>/dev/null || sync; }}) || exit {NOT_WRITTEN}\n\
         sums{all} || {{ ls -l{all} >/dev/null && echo 'no sha256sum, openssl or shasum there' >&2; exit 71; }}\n\
         [ \"$s\" = '{want}' ] || {{ echo \"sha256 is$s, should be{want}\" >&2; exit 72; }}\n\
         {free}chmod {mode:04o}{all} || exit {NOT_MOVED}\n{moved}\
         trap - EXIT HUP INT TERM\n\
         sync {folder} 2>/dev/null\nfi\n:\n{after}",
        tidied = quote(&all),
        taken = taken(upload, parts),
        folder = quote(&format!("{folder}/")),
    )
}

/// Sets `$s` to the checksums of these files, a blank before each. A program that escapes a name
/// says so with a backslash before the sum.
const SUMS: &str = r#"sums() {
s=$(sha256sum "$@" 2>/dev/null) || s=$(openssl dgst -sha256 -r "$@" 2>/dev/null) || s=$(shasum -a 256 "$@" 2>/dev/null) || return 1
set -f; IFS='
'; set -- $s; unset IFS; set +f
s=; for l; do l=${l#\\}; s="$s ${l%% *}"; done
}
"#;

/// Takes what arrives apart: all of it becomes the first file, and what belongs to the others is
/// cut off from its end. No program of every host takes just so many bytes of a stream.
fn taken(upload: &Upload<'_>, parts: &[String]) -> String {
    let first = parts.first().map(|part| quote(part)).unwrap_or_default();
    let mut text = format!("cat >{first}");
    let mut left: usize = upload.files.iter().map(|(_, data)| data.len()).sum();
    for ((_, data), part) in upload.files.iter().zip(parts).skip(1).rev() {
        left -= data.len();
        let _ = write!(
            text,
            " && tail -c {} <{first} >{} && {{ s=$(dd if=/dev/null of={first} bs=1 seek={left} 2>&1) || {{ echo \"$s\" >&2; false; }}; }}",
            data.len(),
            quote(part)
        );
    }
    text
}

/// The failure to write beside the target, with what the disk says: SFTP tells no reason, and a
/// full disk is the usual one.
fn not_written(worker: &mut Worker, upload: &Upload<'_>, why: &str) -> SshError {
    let shown = worker.shown();
    let folder = upload.files.first().and_then(|(path, _)| place(path));
    let folder = folder.map_or("", |(folder, _)| folder);
    let folder = if folder.is_empty() { "/" } else { folder };
    let failure = SshError::new(
        SshErrorKind::Transfer,
        format!("cannot write {} on {shown}", named(upload)),
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
            "it takes {} KB, and {free} KB are free there",
            room(upload).div_ceil(1024)
        )),
        None => failure,
    }
}

/// What they take while they are taken apart, bytes: all of them, and once more the largest that is
/// cut off.
fn room(upload: &Upload<'_>) -> usize {
    let sizes = || upload.files.iter().map(|(_, data)| data.len());
    sizes().sum::<usize>() + sizes().skip(1).max().unwrap_or(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

#[cfg(test)]
mod tests;
