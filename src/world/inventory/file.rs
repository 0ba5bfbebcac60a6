//! Writes a changed inventory: the whole file or nothing of it. It writes only if the file still
//! has the text that the change was made for.

use crate::engine::execute::Failure;
use crate::inventory::edit::{Edit, Kind, digest};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

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
        let by_hand = match &edit.kind {
            Kind::Add => format!("write `{node}` into it"),
            Kind::Remove => format!("take `{node}` out of it"),
            Kind::Repoint { to, .. } => format!("let `{node}` follow `{to}` in it"),
            Kind::Adopt => {
                format!("take `managed`, `unit` and `config_file` of `{node}` out of it")
            }
            Kind::Release => format!("write `managed = false` under `{node}`"),
        };
        return Err(Failure::none(format!(
            "{file} was changed since this was planned, and is left as it is: {by_hand} by hand, and run this again"
        )));
    };
    replace(&path, &new).map_err(|e| failed("written", e))?;
    Ok("written".to_owned())
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
