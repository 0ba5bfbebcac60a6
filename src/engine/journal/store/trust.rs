//! Whether the state folder can be trusted: it is ours, no other user can write into it, and it is
//! no link that another user made.

use crate::error::{Error, Exit, Problem, Reason};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bits of the mode with which somebody else can write.
const OTHERS_WRITE: u32 = 0o022;
/// The bit of it for everybody.
const ALL_WRITE: u32 = 0o002;
/// Only the owner of a file may remove it from such a folder.
const STICKY: u32 = 0o1000;

/// Checks `own` (folders that replctl made) and the folders above the first of them. Folders that
/// do not exist yet are left out.
///
/// # Errors
/// Refused, with the command that repairs it.
pub(super) fn check(own: &[PathBuf]) -> Result<(), Error> {
    let me = effective_uid();
    for folder in own {
        let about = match fs::symlink_metadata(folder) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unseen(folder, &error)),
        };
        if let Some(problem) = wrong(folder, &about, me) {
            return Err(not_believed(problem));
        }
        if about.is_symlink() {
            let there = fs::metadata(folder).map_err(|error| unseen(folder, &error))?;
            if let Some(problem) = wrong(folder, &there, me) {
                return Err(not_believed(problem));
            }
        }
    }
    let above = own
        .first()
        .into_iter()
        .flat_map(|own| own.ancestors().skip(1));
    for folder in above {
        let Ok(about) = fs::metadata(folder) else {
            continue;
        };
        if about.mode() & ALL_WRITE != 0 && about.mode() & STICKY == 0 {
            let shown = folder.display();
            let problem = Problem::new(format!(
                "everybody can write into {shown}, and so replace the journals below it; nothing was touched"
            ));
            let repair = format!("chmod o-w {}", quoted(folder));
            return Err(not_believed(problem.hint(repair)));
        }
    }
    Ok(())
}

/// Whoever can write there can hide what an earlier operation did.
fn not_believed(problem: Problem) -> Error {
    problem.because(Reason::Unknown).exit(Exit::Refused)
}

/// Why a journal is not trusted, if others can write it.
pub(super) fn distrust(file: &Path, about: &Metadata) -> Option<String> {
    if !about.is_file() {
        return Some("it is no regular file".to_owned());
    }
    if about.uid() != effective_uid() {
        return Some(format!("it belongs to another user (uid {})", about.uid()));
    }
    let open = about.mode() & OTHERS_WRITE != 0;
    open.then(|| {
        let repair = format!("chmod go-w {}", quoted(file));
        format!("others can write it; if nobody has: {repair}")
    })
}

fn wrong(folder: &Path, about: &Metadata, me: u32) -> Option<Problem> {
    let shown = folder.display();
    let path = quoted(folder);
    if about.is_symlink() {
        let trusted = about.uid() == me || about.uid() == 0;
        return (!trusted).then(|| {
            Problem::new(format!(
                "{shown}, where the journals are, is a link that another user made (uid {}); nothing was touched",
                about.uid()
            ))
            .hint(format!("rm {path}"))
        });
    }
    if !about.is_dir() {
        let what = format!("{shown}, where the journals are, is no folder; nothing was touched");
        return Some(Problem::new(what).hint(format!("mv {path} {path}.old")));
    }
    if about.uid() != me {
        let what = format!(
            "{shown}, where the journals are, belongs to another user (uid {}); nothing was touched",
            about.uid()
        );
        return Some(Problem::new(what).hint(format!("sudo chown -R \"$(id -u)\" {path}")));
    }
    (about.mode() & OTHERS_WRITE != 0).then(|| {
        let mode = about.mode() & 0o7777;
        Problem::new(format!(
            "others can write into {shown} (mode {mode:04o}), where the journals are; nothing was touched"
        ))
        .hint(format!("chmod -R go-w {path}"))
    })
}

fn unseen(folder: &Path, error: &io::Error) -> Error {
    Problem::new(format!("{} cannot be looked at", folder.display()))
        .cause(error)
        .exit(Exit::Failed)
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let shown = path.display().to_string();
    shlex::try_quote(&shown).map_or_else(|_| shown.clone(), std::borrow::Cow::into_owned)
}

/// Who we are to the file system.
#[allow(unsafe_code)]
fn effective_uid() -> u32 {
    // SAFETY: it takes nothing, changes nothing and cannot fail.
    unsafe { libc::geteuid() }
}
