//! The folder of a control socket: only this user may enter it, and its name is short.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The longest name of the folder around it: with the socket's own name and what ssh adds while it
/// makes it, 108 bytes must do.
const LONGEST: usize = 60;
/// What its name begins with; the number of the process follows.
const PREFIX: &str = "replctl-ssh-";

/// From when on one may be left by a process that was killed.
const OLD: Duration = Duration::from_mins(5);

/// Makes one, and removes those of processes that were killed.
///
/// # Errors
/// Where nothing can be written.
pub(super) fn make() -> io::Result<TempDir> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let bases = [own, Some(std::env::temp_dir()), Some(PathBuf::from("/tmp"))];
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for base in bases.into_iter().flatten().filter(|base| is_plain(base)) {
        sweep(&base);
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

/// Whether ssh takes a path in it as it stands.
fn is_plain(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c));
    path.is_absolute() && path.is_dir() && text.len() <= LONGEST && !text.contains(odd)
}

/// Removes our folders of processes that are no more.
fn sweep(base: &Path) {
    let Ok(me) = std::fs::metadata("/proc/self").map(|m| m.uid()) else {
        return;
    };
    for entry in std::fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'))
            .and_then(|(pid, _)| pid.parse::<u32>().ok());
        let dead = process.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
        // A process of another namespace is not seen: what is young or answers may be its own.
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
