//! The folder of a control socket. Only this user may enter it, and its name is short.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The longest name of the folder around it. The socket's own name and what ssh adds while it makes
/// the socket must fit, too, in 108 bytes in all.
const LONGEST: usize = 60;
/// The beginning of its name. The number of the process follows.
const PREFIX: &str = "replctl-ssh-";

/// The age from which a folder may be left from a process that was killed.
const OLD: Duration = Duration::from_mins(5);

/// Makes a folder, and removes those that killed processes left.
///
/// # Errors
/// Where nothing can be written.
pub(super) fn make() -> io::Result<TempDir> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let bases = [own, Some(std::env::temp_dir()), Some(PathBuf::from("/tmp"))];
    make_in(&bases.map(Option::unwrap_or_default), me()?)
}

/// Makes a folder for the user `me` in the first of `bases` that fits.
fn make_in(bases: &[PathBuf], me: u32) -> io::Result<TempDir> {
    let mut last = io::Error::other("no folder for temporary files is safe from other users");
    let fit = |base: &&PathBuf| is_plain(base) && is_safe(base, me);
    for base in bases.iter().filter(fit) {
        sweep(base, me);
        let made = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(base);
        match made {
            Ok(folder) => return Ok(folder),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// The number of our user.
fn me() -> io::Result<u32> {
    std::fs::metadata("/proc/self").map(|m| m.uid())
}

/// Whether nobody else can rename what we make in this folder: after `su`, `XDG_RUNTIME_DIR` is
/// still the folder of the user before.
fn is_safe(path: &Path, me: u32) -> bool {
    const STICKY: u32 = 0o1000;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    std::fs::metadata(path).is_ok_and(|m| {
        let closed = m.mode() & WRITABLE_BY_OTHERS == 0 || m.mode() & STICKY != 0;
        closed && (m.uid() == me || m.uid() == 0)
    })
}

/// Whether ssh takes a path in this folder as it is.
fn is_plain(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c));
    path.is_absolute() && path.is_dir() && text.len() <= LONGEST && !text.contains(odd)
}

/// Removes our folders of processes that have ended.
fn sweep(base: &Path, me: u32) {
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'))
            .and_then(|(pid, _)| pid.parse::<u32>().ok());
        let dead = process.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
        // A process of another namespace is not visible here. A folder that is young, or whose
        // socket answers, may belong to it.
        let old = |m: &std::fs::Metadata| {
            let age = m.modified().ok().and_then(|at| at.elapsed().ok());
            age.is_some_and(|age| age > OLD)
        };
        let ours = || {
            entry
                .metadata()
                .is_ok_and(|m| m.is_dir() && m.uid() == me && old(&m))
        };
        if dead && ours() && UnixStream::connect(entry.path().join("s")).is_err() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs::{File, FileTimes, Permissions};
    use std::os::unix::net::UnixListener;
    use std::time::SystemTime;

    fn folder(of: &Path, name: &str, mode: u32) -> PathBuf {
        let path = of.join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_folder_where_another_user_may_rename_it_is_not_taken() {
        let all = tempfile::tempdir().unwrap();
        let me = me().unwrap();
        let own = folder(all.path(), "own", 0o700);
        let open = folder(all.path(), "open", 0o777);
        let group = folder(all.path(), "group", 0o770);
        let sticky = folder(all.path(), "sticky", 0o1777);
        for (bases, taken) in [
            ([&open, &own], &own),
            ([&group, &sticky], &sticky),
            ([&own, &sticky], &own),
        ] {
            let made = make_in(&bases.map(Clone::clone), me).unwrap();
            assert_eq!(made.path().parent().unwrap(), taken);
        }
        assert!(make_in(&[open, group], me).is_err());
        // The folder of a user who is neither we nor root.
        let other = me.max(1) + 1;
        if me == 0 {
            std::os::unix::fs::chown(&own, Some(other), None).unwrap();
            assert!(make_in(&[own], me).is_err());
        } else {
            assert!(make_in(&[own], other).is_err());
        }
    }

    #[test]
    fn only_old_folders_of_ended_processes_that_do_not_answer_are_removed() {
        let base = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::now() - OLD * 2;
        let gone = {
            let mut child = std::process::Command::new("true").spawn().unwrap();
            child.wait().unwrap();
            child.id()
        };
        let make = |name: &str| folder(base.path(), name, 0o700);
        let left = make(&format!("{PREFIX}{gone}-left"));
        let young = make(&format!("{PREFIX}{gone}-young"));
        let answers = make(&format!("{PREFIX}{gone}-answers"));
        let alive = make(&format!("{PREFIX}{}-alive", std::process::id()));
        let strange = make("strange");
        let _listener = UnixListener::bind(answers.join("s")).unwrap();
        for old in [&left, &answers, &alive, &strange] {
            let times = FileTimes::new().set_modified(long_ago);
            File::open(old).unwrap().set_times(times).unwrap();
        }
        sweep(base.path(), me().unwrap());
        assert!(!left.exists());
        for stays in [young, answers, alive, strange] {
            assert!(stays.exists(), "{}", stays.display());
        }
    }
}
