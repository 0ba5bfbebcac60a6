//! A backup's folder on this machine. A file has another name until it is whole and on the disk.
//! The manifest comes last. No other user can read the folder.

use crate::rescue::dump::Whole;
use crate::rescue::manifest::{BackupFile, FILE, Manifest};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Pieces that may wait for the disk.
const WAITING: usize = 16;
/// Folders of one name that are tried.
const MOST: u32 = 1000;

/// A folder that is being filled.
pub struct Folder {
    path: PathBuf,
    held: Vec<BackupFile>,
}

/// A file that is being written by a thread of its own.
pub struct Sink {
    name: String,
    to: Option<mpsc::Sender<Vec<u8>>>,
    done: JoinHandle<io::Result<(u64, String)>>,
}

impl Folder {
    /// Makes `wanted`. If a whole backup is there already, it takes the next free name: no backup
    /// is ever overwritten.
    pub fn make(wanted: &Path) -> io::Result<Self> {
        let free = names(wanted).find(|p| !p.join(FILE).exists());
        let path = free.ok_or(io::ErrorKind::AlreadyExists)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)?;
        Ok(Self {
            path,
            held: Vec::new(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the files so far.
    pub fn held(&self) -> &[BackupFile] {
        &self.held
    }

    /// Begins a file.
    pub fn begin(&self, name: &str) -> Sink {
        let path = self.part(name);
        let (to, mut pieces) = mpsc::channel::<Vec<u8>>(WAITING);
        let done = tokio::task::spawn_blocking(move || {
            let mut file = create(&path)?;
            let (mut bytes, mut hash) = (0, Sha256::new());
            while let Some(piece) = pieces.blocking_recv() {
                file.write_all(&piece)?;
                hash.update(&piece);
                bytes += piece.len() as u64;
            }
            file.sync_all()?;
            Ok((bytes, hex(&hash.finalize())))
        });
        Sink {
            name: name.to_owned(),
            to: Some(to),
            done,
        }
    }

    /// Gives a file its name: it is whole.
    pub async fn keep(&mut self, sink: Sink, dump: Option<Whole>) -> io::Result<()> {
        let name = sink.name.clone();
        let (bytes, sha256) = sink.end().await?;
        fs::rename(self.part(&name), self.path.join(&name))?;
        self.held.push(BackupFile {
            name,
            bytes,
            sha256,
            dump,
        });
        Ok(())
    }

    /// Writes a file of pieces.
    pub async fn write(
        &mut self,
        name: &str,
        pieces: impl Iterator<Item = Result<Vec<u8>, String>>,
    ) -> io::Result<()> {
        let mut sink = self.begin(name);
        for piece in pieces {
            sink.push(piece.map_err(io::Error::other)?).await?;
            // Another task renews a fence at the same time.
            tokio::task::yield_now().await;
        }
        self.keep(sink, None).await
    }

    /// Writes the manifest: from here on it is a backup.
    pub fn finish(self, manifest: &Manifest) -> io::Result<()> {
        let part = self.part(FILE);
        let mut file = create(&part)?;
        file.write_all(&serde_json::to_vec_pretty(manifest)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        // The names of the files must be on the disk before the manifest that lists them.
        sync(&self.path)?;
        fs::rename(part, self.path.join(FILE))?;
        sync(&self.path)?;
        self.path.parent().map_or(Ok(()), sync)
    }

    /// Removes what was written: it is no backup.
    pub fn abandon(self) {
        for held in &self.held {
            let _ = fs::remove_file(self.path.join(&held.name));
        }
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries.filter(|e| e.path().extension().is_some_and(|x| x == "part")) {
            let _ = fs::remove_file(entry.path());
        }
        // Where something else is in it, it stays.
        let _ = fs::remove_dir(&self.path);
    }

    fn part(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.part"))
    }
}

impl Sink {
    /// The next bytes of the file.
    pub async fn push(&mut self, piece: Vec<u8>) -> io::Result<()> {
        let to = self.to.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        if to.send(piece).await.is_ok() {
            return Ok(());
        }
        // The thread has ended, and knows why.
        self.to = None;
        match (&mut self.done).await {
            Ok(Err(error)) => Err(error),
            Ok(Ok(_)) | Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    async fn end(mut self) -> io::Result<(u64, String)> {
        self.to = None;
        self.done.await.map_err(io::Error::other)?
    }
}

/// The newest whole backup that was made for `wanted`, with the sizes of its files compared.
pub fn latest(wanted: &Path) -> Result<Manifest, String> {
    let whole = names(wanted)
        .take_while(|p| p.exists())
        .filter(|p| p.join(FILE).exists())
        .last()
        .ok_or_else(|| format!("there is no whole backup in {}", wanted.display()))?;
    read(&whole)
}

/// The manifest of a backup, with the sizes of its files compared.
pub fn read(folder: &Path) -> Result<Manifest, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{}: {e}", folder.join(FILE).display());
    let text = fs::read(folder.join(FILE)).map_err(|e| wrong(&e))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| wrong(&e))?;
    for held in &manifest.files {
        let path = folder.join(&held.name);
        let there = fs::metadata(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        if there.len() != held.bytes {
            return Err(format!(
                "{} has {} bytes, and had {}",
                path.display(),
                there.len(),
                held.bytes
            ));
        }
    }
    Ok(manifest)
}

/// A file of a backup, with its hash compared; `None` where the backup has no such file.
pub fn file(folder: &Path, manifest: &Manifest, name: &str) -> Result<Option<File>, String> {
    let Some(held) = manifest.files.iter().find(|held| held.name == name) else {
        return Ok(None);
    };
    let path = folder.join(name);
    let hashed = || {
        let mut file = File::open(&path)?;
        let (mut hash, mut piece) = (Sha256::new(), vec![0; 256 << 10]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok((file, hex(&hash.finalize()))),
                count => hash.update(&piece[..count]),
            }
        }
    };
    let (file, sha256) = hashed().map_err(|e: io::Error| format!("{}: {e}", path.display()))?;
    if sha256 == held.sha256 {
        Ok(Some(file))
    } else {
        Err(format!(
            "{} was changed since it was written",
            path.display()
        ))
    }
}

/// `wanted`, `wanted-2`, `wanted-3`, …
fn names(wanted: &Path) -> impl Iterator<Item = PathBuf> {
    (1..=MOST).map(move |n| {
        if n == 1 {
            return wanted.to_owned();
        }
        let mut name = wanted.as_os_str().to_owned();
        name.push(format!("-{n}"));
        PathBuf::from(name)
    })
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
