//! Writes a changed inventory: the whole file or nothing of it. It writes only if the file still
//! has the text that the change was made for.

use crate::engine::execute::Failure;
use crate::inventory::edit::{Edit, Kind, digest};
use rustix::fs::{Access, access};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

/// Makes the change, and says in a few words what was seen.
///
/// # Errors
/// Somebody has changed the file since, or it cannot be read or written. It is as it was then.
pub fn write(edit: &Edit) -> Result<String, Failure> {
    let failed = |what: &str, error: io::Error| {
        Failure::none(format!("{} cannot be {what}: {error}", edit.file))
    };
    // A link stays one: what it leads to is written.
    let path = fs::canonicalize(&edit.file).map_err(|e| failed("read", e))?;
    let text = fs::read_to_string(&path).map_err(|e| failed("read", e))?;
    if edit.holds(&text) {
        return Ok("it says so already".to_owned());
    }
    let Some(new) = edit.apply(&text) else {
        let (file, node) = (&edit.file, &edit.node);
        // The node is somebody else's again when this is read.
        if edit.kind == Kind::Adopt {
            return Err(changed(file));
        }
        let by_hand = match &edit.kind {
            Kind::Add => format!("write `{node}` into it"),
            Kind::Remove => format!("take `{node}` out of it"),
            Kind::Repoint { to, .. } => format!("let `{node}` follow `{to}` in it"),
            Kind::Adopt | Kind::Release => format!("write `managed = false` under `{node}`"),
        };
        return Err(Failure::none(format!(
            "{file} was changed since this was planned, and is left as it is: {by_hand} by hand, and run this again"
        )));
    };
    replace(&path, &new).map_err(|e| failed("written", e))?;
    Ok("written".to_owned())
}

fn changed(file: &str) -> Failure {
    Failure::none(format!(
        "{file} was changed since this was planned, and is left as it is: run this again, to plan with it as it is now"
    ))
}

/// Checks that the file still has the text with that digest.
///
/// # Errors
/// It has another, or it cannot be read or replaced.
pub fn see(file: &str, wanted: &str) -> Result<&'static str, Failure> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|e| Failure::none(format!("{file} cannot be read: {e}")))?;
    if digest(&text) != wanted {
        return Err(changed(file));
    }
    let writable = replaceable(Path::new(file)).and_then(|()| try_beside(Path::new(file)));
    writable.map_err(|e| Failure::none(format!("{file} cannot be written: {e}")))?;
    Ok("unchanged")
}

/// Whether another file can be put in the place of this one: it may be written, its folder takes a
/// new file, and nothing is mounted on it. It creates no file.
///
/// # Errors
/// The reason.
pub fn replaceable(path: &Path) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    OpenOptions::new().write(true).open(&path)?;
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    if is_mounted(&String::from_utf8_lossy(&mounts), &path) {
        return Err(io::Error::other(format!(
            "{} is mounted as a single file, and no other file can be put in its place",
            path.display()
        )));
    }
    let temporary = beside(&path);
    if temporary.is_dir() && !temporary.is_symlink() {
        let why = format!("{} is a directory", temporary.display());
        return Err(takes_no_file(&io::Error::other(why)));
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    access(folder, rights).map_err(|e| takes_no_file(&e.into()))
}

/// Creates a file in its folder, with a name that nothing else has, and removes it.
fn try_beside(path: &Path) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let (pid, now) = (process::id(), now.unwrap_or_default().as_nanos());
    let probe = path.with_file_name(format!(".{name}.replctl-try-{pid}-{now}"));
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&probe);
    made.and_then(|_| fs::remove_file(&probe))
        .map_err(|e| takes_no_file(&e))
}

fn takes_no_file(error: &io::Error) -> io::Error {
    let why = format!("its folder takes no new file: {error}");
    io::Error::new(error.kind(), why)
}

/// Whether a path is a mount point in that list. In it, blanks and the like are octal numbers.
fn is_mounted(mounts: &str, path: &Path) -> bool {
    let plain = path.to_string_lossy();
    let mut escaped = String::new();
    for c in plain.chars() {
        match c {
            ' ' => escaped.push_str("\\040"),
            '\t' => escaped.push_str("\\011"),
            '\n' => escaped.push_str("\\012"),
            '\\' => escaped.push_str("\\134"),
            other => escaped.push(other),
        }
    }
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    points.into_iter().any(|point| point == escaped)
}

/// Writes a new text if the present text still has that digest; false: it does not.
///
/// # Errors
/// It cannot be read or written. It is as it was then.
pub fn rewrite(path: &Path, before: &str, text: &str) -> io::Result<bool> {
    let path = fs::canonicalize(path)?;
    if digest(&fs::read_to_string(&path)?) != before {
        return Ok(false);
    }
    replace(&path, text)?;
    Ok(true)
}

/// Puts a file with this text in the place of another, with its mode and, where that is allowed,
/// its owner.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A file that may not be written is not replaced either, although its folder would allow it.
    let before = OpenOptions::new().write(true).open(path)?.metadata()?;
    let temporary = beside(path);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        // As with an editor, a file of somebody else's in a shared folder becomes ours.
        let _ = chown(&temporary, Some(before.uid()), Some(before.gid()));
        file.set_permissions(Permissions::from_mode(before.mode() & 0o7777))?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // The file is there already. It is only uncertain whether it survives a power failure at this
    // moment.
    if let Some(folder) = path.parent().and_then(|f| File::open(f).ok()) {
        let _ = folder.sync_all();
    }
    Ok(())
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.replctl-new"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::inventory::edit::{NewNode, add};
    use crate::topology::Address;
    use std::os::unix::fs::symlink;

    const TEXT: &str = "[deployment]\nname = \"x\"\nauth = \"none\"\n[[node]]\nname = \"a\"\naddress = \"10.0.0.1\"\n";

    fn edit(path: &Path) -> Edit {
        let node = NewNode {
            name: "b".into(),
            address: Address::new("10.0.0.2", 6379),
            replicaof: "a".into(),
            announce: None,
            priority: None,
            ssh: None,
        };
        add(path.to_str().unwrap(), TEXT, &node).unwrap()
    }

    #[test]
    fn it_is_there_wholly_with_its_mode_and_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (
            folder.path().join("real.toml"),
            folder.path().join("i.toml"),
        );
        fs::write(&real, TEXT).unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
        symlink("real.toml", &link).unwrap();
        // What an earlier run left half-written.
        fs::write(beside(&real), "half").unwrap();
        let edit = edit(&link);
        assert_eq!(write(&edit).unwrap(), "written");
        assert_eq!(write(&edit).unwrap(), "it says so already");
        assert!(link.is_symlink());
        assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o640);
        assert!(fs::read_to_string(&real).unwrap().contains("10.0.0.2"));
        assert_eq!(write(&edit.reversed()).unwrap(), "written");
        assert_eq!(fs::read_to_string(&real).unwrap(), TEXT);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_replaced_is_seen_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.toml");
        fs::write(&path, TEXT).unwrap();
        replaceable(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let file = path.to_str().unwrap();
        assert_eq!(see(file, &digest(TEXT)).unwrap(), "unchanged");
        let why = see(file, &digest("another")).unwrap_err().why;
        assert!(why.contains("run this again"), "{why}");
        // Something that cannot be replaced lies where the new text would be written.
        fs::create_dir(beside(&path)).unwrap();
        let why = replaceable(&path).unwrap_err().to_string();
        assert!(why.starts_with("its folder takes no new file"), "{why}");
        let mounts = "36 35 98:0 / / rw - ext4 /dev/x rw\n40 36 0:5 /i /a\\040b/i.toml rw - ext4 /dev/x rw\n";
        assert!(is_mounted(mounts, Path::new("/a b/i.toml")));
        assert!(!is_mounted(mounts, Path::new("/a b")));
    }

    /// Another run may be writing its new text there.
    #[test]
    fn a_look_touches_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.toml");
        fs::write(&path, TEXT).unwrap();
        let other = folder.path().join("other");
        fs::write(&other, "kept").unwrap();
        symlink(&other, beside(&path)).unwrap();
        let long_ago = UNIX_EPOCH + std::time::Duration::from_secs(9);
        let changed = || fs::metadata(folder.path()).unwrap().modified().unwrap();
        let of_folder = File::open(folder.path()).unwrap();
        of_folder.set_modified(long_ago).unwrap();
        replaceable(&path).unwrap();
        assert_eq!(changed(), long_ago);
        let file = path.to_str().unwrap();
        assert_eq!(see(file, &digest(TEXT)).unwrap(), "unchanged");
        assert!(changed() > long_ago);
        assert_eq!(fs::read_to_string(&other).unwrap(), "kept");
        assert!(beside(&path).is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_somebody_else_has_changed_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.toml");
        let theirs = format!("{TEXT}# mine\n");
        fs::write(&path, &theirs).unwrap();
        let failure = write(&edit(&path)).unwrap_err();
        assert!(failure.why.contains("was changed since"), "{}", failure.why);
        assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
        let missing = folder.path().join("no.toml");
        assert!(
            write(&edit(&missing))
                .unwrap_err()
                .why
                .contains("cannot be read")
        );
    }
}
