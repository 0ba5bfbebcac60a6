//! The order of the journals, and which of them may be unfinished.
//!
//! The sequence in the journals is their order. So a clock that is wrong, or was set back, changes
//! nothing. Each operation names the unfinished operations that it leaves behind. Journals without
//! a sequence (those of the first replctl, and those whose first line is not understood) are
//! ordered by the time in them. A journal that is dated in the future proves nothing about the
//! others: it hides none, and none hides it.

use crate::engine::journal::reader::{self, Head};
use crate::engine::journal::story::stamp;
use jiff::Timestamp;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// The longest first line that is looked at, bytes: a plan for a thousand nodes has some megabytes.
const LONGEST_HEAD: u64 = 256 << 20;

/// One journal, as far as its name and its first line tell.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Its id: the name of the file.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// Its first line, where that is understood.
    pub head: Option<Head>,
}

impl Listed {
    fn new(path: PathBuf) -> Self {
        let stem = path.file_stem().unwrap_or_default();
        Self {
            id: stem.to_string_lossy().into_owned(),
            head: head(&path),
            path,
        }
    }

    fn sequence(&self) -> Option<u64> {
        let head = self.head.as_ref().filter(|head| head.is_known())?;
        head.sequence
    }

    fn time(&self) -> Option<Timestamp> {
        let head = self.head.as_ref();
        head.map(|head| head.time).or_else(|| stamp(&self.id))
    }
}

fn head(path: &Path) -> Option<Head> {
    // Only a regular file is opened, never a pipe.
    let about = fs::symlink_metadata(path).ok()?;
    if !about.is_file() {
        return None;
    }
    let mut line = Vec::new();
    let file = File::open(path).ok()?.take(LONGEST_HEAD);
    BufReader::new(file).read_until(b'\n', &mut line).ok()?;
    reader::head(line.trim_ascii_end())
}

/// All journals in a folder, the newest first.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Listed>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "jsonl") {
            all.push(Listed::new(path));
        }
    }
    Ok(newest_first(all))
}

/// The sequence of the next one.
pub(super) fn next(all: &[Listed]) -> u64 {
    let known = all
        .iter()
        .filter_map(|one| one.head.as_ref()?.sequence)
        .max();
    known.map_or(1, |last| last.saturating_add(1))
}

fn newest_first(all: Vec<Listed>) -> Vec<Listed> {
    let (mut numbered, other): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| one.sequence().is_some());
    numbered.sort_by_key(|one| std::cmp::Reverse(one.sequence()));
    // If a journal's time is after the time of a later journal, its clock was wrong. It then gets
    // the later journal's time.
    let mut times: Vec<(Option<Timestamp>, u64, Listed)> = Vec::new();
    for one in numbered {
        let own = one.time();
        let later = times.last().and_then(|(time, _, _)| *time);
        let time = later.map_or(own, |later| own.map(|own| own.min(later)));
        times.push((time, one.sequence().unwrap_or(0), one));
    }
    times.extend(other.into_iter().map(|one| (one.time(), 0, one)));
    times.sort_by(|(a, m, one), (b, n, two)| (b, n, &two.id).cmp(&(a, m, &one.id)));
    times.into_iter().map(|(_, _, one)| one).collect()
}

/// The journals that must be read to know what is unfinished: no later journal says that it left
/// them behind.
pub(super) fn candidates(all: &[Listed], now: Timestamp) -> Vec<&Listed> {
    let heads = all.iter().filter(|one| one.sequence().is_some());
    let overtaken: Vec<&str> = heads
        .filter_map(|one| one.head.as_ref())
        .flat_map(|head| head.overtakes.iter().map(String::as_str))
        .collect();
    let last = all.iter().filter_map(Listed::sequence).max();
    let past = |one: &Listed| one.time().filter(|time| *time <= now);
    // Among journals without a sequence, each began after the ones before it were settled.
    let others = all.iter().filter(|one| one.sequence().is_none());
    let newest = others.filter_map(|one| Some((past(one)?, &one.id))).max();
    all.iter()
        .filter(|one| match one.sequence() {
            Some(sequence) => Some(sequence) == last,
            None => past(one).is_none_or(|time| Some((time, &one.id)) == newest),
        })
        .filter(|one| !overtaken.contains(&one.id.as_str()))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "order/tests.rs"]
mod tests;
