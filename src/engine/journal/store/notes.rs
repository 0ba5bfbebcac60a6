//! The notes beside the journals: pending demotions, nodes detached on purpose, abandoned
//! operations. Each is a small file, which one writer at a time replaces as a whole. A note that
//! cannot be read is unknown, and never counts as empty.

use super::{Store, trust};
use crate::engine::journal::PendingDemotion;
use crate::topology::{Address, NodeName};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The longest note that is read, bytes. A note of 1,000 nodes has a tenth of this.
const LONGEST: u64 = 1 << 20;
const DEBTS: &str = "debts.json";
/// The lock of the process that replaces a note.
const WRITER: &str = "notes.lock";

/// How long to wait for another writer, who holds the lock while a small file is written.
const PATIENCE: Duration = Duration::from_secs(2);

/// Holds the lock of the writers.
fn wait_for(writer: &File) -> io::Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        match writer.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other(
                    "another replctl writes it and does not end",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// A note that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub why: String,
    /// What is not known because of it.
    pub unknown: &'static str,
    /// The command that puts it aside.
    pub aside: String,
}

impl Store {
    /// The pending demotions. None if their note cannot be read: [`Store::unread`] reports that.
    pub fn pending_demotions(&self) -> Vec<PendingDemotion> {
        self.read_notes(DEBTS).unwrap_or_default()
    }

    /// The notes that cannot be read.
    pub fn unread(&self) -> Vec<Unread> {
        let pending_demotions = self.read_notes::<PendingDemotion>(DEBTS).err();
        let alone = self.read_notes::<PendingDemotion>(super::alone::FILE).err();
        let given_up = self.read_notes::<super::abandoned::Abandoned>(super::abandoned::FILE);
        let all = [
            (
                DEBTS,
                pending_demotions,
                "which old primaries have a pending demotion",
            ),
            (
                super::alone::FILE,
                alone,
                "which nodes were detached on purpose",
            ),
            (
                super::abandoned::FILE,
                given_up.err(),
                "which unfinished operations are left as they are",
            ),
        ];
        let unread = all.into_iter().filter_map(|(file, error, unknown)| {
            let path = self.folder.join(file);
            let mut name = path.clone().into_os_string();
            name.push(".unread");
            let (from, to) = (trust::quoted(&path), trust::quoted(Path::new(&name)));
            Some(Unread {
                why: error?.to_string(),
                unknown,
                aside: format!("mv {from} {to}"),
                path,
            })
        });
        unread.collect()
    }

    /// What a note says; nothing where there is none.
    ///
    /// # Errors
    /// The note is there and cannot be trusted or understood.
    pub(super) fn read_notes<T: DeserializeOwned>(&self, file: &str) -> io::Result<Vec<T>> {
        let path = self.folder.join(file);
        let about = match fs::symlink_metadata(&path) {
            Ok(about) => about,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        // Only a regular file is opened, never a pipe.
        if let Some(why) = trust::distrust(&path, &about) {
            return Err(io::Error::other(why));
        }
        if about.len() > LONGEST {
            return Err(io::Error::other("it is longer than any such note"));
        }
        let mut text = Vec::new();
        File::open(&path)?.take(LONGEST).read_to_end(&mut text)?;
        if text.iter().all(|b| b.is_ascii_whitespace() || *b == 0) {
            return Err(io::Error::other("nothing is in it"));
        }
        serde_json::from_slice(&text).map_err(|e| io::Error::other(format!("it is damaged: {e}")))
    }

    /// Changes a note, if `change` changes its content. One process at a time reads and replaces
    /// it. A note that cannot be read stays as it is.
    pub(super) fn change_notes<T: DeserializeOwned + Serialize + PartialEq + Clone>(
        &self,
        file: &str,
        change: impl FnOnce(&mut Vec<T>),
    ) -> io::Result<()> {
        let writer = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.folder.join(WRITER))?;
        wait_for(&writer)?;
        let before: Vec<T> = self.read_notes(file)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        replace(&self.folder.join(file), &serde_json::to_vec_pretty(&after)?)
    }

    /// Adds a pending demotion, in place of an older one of the same node.
    pub fn remember(&self, node: &NodeName, address: &Address) -> io::Result<()> {
        self.change_notes(DEBTS, |pending_demotions: &mut Vec<PendingDemotion>| {
            pending_demotions.retain(|d| d.node != *node);
            pending_demotions.push(PendingDemotion {
                node: node.clone(),
                address: address.clone(),
                since: Timestamp::now(),
            });
        })
    }

    /// Removes the pending demotions of nodes that were seen in their right place.
    pub fn forget(&self, paid: &[NodeName]) -> io::Result<()> {
        // With nothing to remove, it writes nothing and waits for no writer.
        if !self
            .pending_demotions()
            .iter()
            .any(|d| paid.contains(&d.node))
        {
            return Ok(());
        }
        self.change_notes(DEBTS, |pending_demotions: &mut Vec<PendingDemotion>| {
            pending_demotions.retain(|d| !paid.contains(&d.node));
        })
    }
}

/// Replaces a small file as a whole, and returns when that is on the disk.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = PathBuf::from(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn store(folder: &tempfile::TempDir) -> Store {
        let store = Store::of(folder.path(), "orders");
        fs::create_dir_all(&store.folder).unwrap();
        store
    }

    fn names(pending_demotions: &[PendingDemotion]) -> Vec<&str> {
        pending_demotions
            .iter()
            .map(|d| d.node.0.as_str())
            .collect()
    }

    #[test]
    fn what_is_written_is_read_and_nothing_is_unread() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = store(&folder);
        assert!(store.pending_demotions().is_empty() && store.unread().is_empty());
        let address = Address::new("10.0.0.1", 6379);
        store.remember(&"a".into(), &address).unwrap();
        store.remember(&"b".into(), &address).unwrap();
        store.remember(&"a".into(), &address).unwrap();
        assert_eq!(names(&store.pending_demotions()), ["b", "a"]);
        store.forget(&["a".into(), "c".into()]).unwrap();
        assert_eq!(names(&store.pending_demotions()), ["b"]);
        store.note_alone(&"d".into(), &address).unwrap();
        assert_eq!(names(&store.alone()), ["d"]);
        assert!(store.unread().is_empty());
    }

    #[test]
    fn writers_at_once_lose_nothing() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = store(&folder);
        let address = Address::new("10.0.0.1", 6379);
        std::thread::scope(|scope| {
            for n in 0..24 {
                let (store, address) = (&store, &address);
                let node = NodeName(format!("n{n}"));
                scope.spawn(move || store.remember(&node, address).unwrap());
            }
        });
        assert_eq!(store.pending_demotions().len(), 24);
    }

    /// One damaged note of each kind: it is reported with its file, not read as empty, and not
    /// overwritten.
    #[test]
    fn what_is_damaged_is_not_known_and_stays() {
        let address = Address::new("10.0.0.1", 6379);
        let folder = tempfile::TempDir::new().unwrap();
        let store = store(&folder);
        store.remember(&"a".into(), &address).unwrap();
        let path = store.folder.join(DEBTS);
        let whole = fs::read(&path).unwrap();
        let cut = whole[..whole.len() / 2].to_vec();
        let zeros = vec![0; whole.len()];
        let mut other = whole.clone();
        other[whole.len() / 2] = 0xff;
        let twice = [&whole[..], &whole[..]].concat();
        let long = vec![b' '; usize::try_from(LONGEST).unwrap() + 1];
        let (list, object) = (b"[1]".to_vec(), b"{}".to_vec());
        for bytes in [cut, zeros, other, twice, long, list, object, Vec::new()] {
            fs::write(&path, &bytes).unwrap();
            let [unread] = &store.unread()[..] else {
                panic!("it is read: {:?}", String::from_utf8_lossy(&bytes))
            };
            assert_eq!(unread.path, path);
            assert!(store.pending_demotions().is_empty());
            assert!(store.remember(&"b".into(), &address).is_err());
            store.forget(&["a".into()]).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes, "it was written over");
        }
        fs::write(&path, &whole).unwrap();
        assert!(store.unread().is_empty());
    }

    #[test]
    fn what_is_no_file_of_ours_is_not_known() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = store(&folder);
        let path = store.folder.join(super::super::alone::FILE);
        fs::write(&path, "[]").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(store.unread().len(), 1, "others can write it");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(store.unread().len(), 1, "it is a folder");
        fs::remove_dir(&path).unwrap();
        symlink(folder.path().join("nowhere"), &path).unwrap();
        assert_eq!(store.unread().len(), 1, "it is a link");
        // After the reported command has put the note aside, there is none.
        let aside = store.unread()[0].aside.clone();
        let ran = std::process::Command::new("sh")
            .args(["-c", &aside])
            .status();
        assert!(ran.unwrap().success() && store.unread().is_empty());
    }
}
