//! Where the journals, the notes and the lock are: `$XDG_STATE_HOME/replctl/DEPLOYMENT/`, our own
//! folder, which no other user can write into.

mod abandoned;
mod alone;
mod backups;
mod file;
mod lock;
mod newest;
mod notes;
mod order;
mod record;
mod room;
mod trust;

pub use abandoned::{Abandoned, FILE as ABANDONED};
pub use file::FileJournal;
pub use notes::Unread;
pub use record::Record;

use super::story::Story;
use super::{Entry, PendingDemotion, reader};
use crate::engine::Plan;
use crate::error::{Error, Exit, Problem, Result};
use etcetera::{BaseStrategy, choose_base_strategy};
use jiff::{SignedDuration, Timestamp};
use order::Listed;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder of one deployment on the operator's machine.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    deployment: String,
}

/// How many earlier operations are searched for unfinished work.
const LOOKED_BACK: usize = 20;
/// The longest journal that is read, bytes.
const LONGEST: u64 = 1 << 30;

impl Store {
    /// The folder of `deployment`, made if need be.
    ///
    /// # Errors
    /// It cannot be made, or others can write what is in it.
    pub fn open(deployment: &str) -> Result<Self> {
        let base = base().map_err(|e| {
            Problem::new("the home folder cannot be found")
                .cause(e)
                .exit(Exit::Failed)
        })?;
        let this = Self::of(&base, deployment);
        trust::check(&this.own())?;
        let journals = this.folder.join("journal");
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&journals);
        made.map_err(|e| {
            Problem::new(format!(
                "{}: the journal folder cannot be made",
                this.folder.display()
            ))
            .cause(e)
            .hint("set XDG_STATE_HOME to a folder you can write to")
            .exit(Exit::Failed)
        })?;
        readable(&journals)?;
        Ok(this)
    }

    /// The folder of `deployment`, if it is there: nothing is made.
    ///
    /// # Errors
    /// Others can write what is in it.
    pub fn existing(deployment: &str) -> Result<Option<Self>> {
        let this = base().ok().map(|base| Self::of(&base, deployment));
        let Some(this) = this.filter(|this| this.folder.is_dir()) else {
            return Ok(None);
        };
        trust::check(&this.own())?;
        let journals = this.folder.join("journal");
        if journals.exists() {
            readable(&journals)?;
        }
        Ok(Some(this))
    }

    /// The folder of `deployment` for a command that only looks: nothing is made. A folder that
    /// cannot be read counts as empty; the reason is returned, too.
    ///
    /// # Errors
    /// Others can write what is in it.
    pub fn look(deployment: &str) -> Result<(Self, Option<Problem>)> {
        let unknown = |cause: String| {
            Problem::new(
                "what replctl did before on this machine is not known, nor what stopped half-way",
            )
            .cause(cause)
        };
        // No folder can be there.
        let nowhere = Self::of(Path::new("/dev/null"), deployment);
        let base = match base() {
            Ok(base) => base,
            Err(e) => return Ok((nowhere, Some(unknown(e.to_string())))),
        };
        let this = Self::of(&base, deployment);
        let journals = this.folder.join("journal");
        let listed = |()| journals.exists().then(|| readable(&journals)).transpose();
        let seen = trust::check(&this.own()).and_then(listed);
        match seen {
            Ok(_) => Ok((this, None)),
            Err(error) if error.exit == Exit::Failed => {
                let causes = error.problems.iter().map(Problem::text);
                let cause = causes.collect::<Vec<_>>().join("; ");
                Ok((nowhere, Some(unknown(cause))))
            }
            Err(error) => Err(error),
        }
    }

    fn of(base: &Path, deployment: &str) -> Self {
        Self {
            folder: base.join("replctl").join(deployment),
            deployment: deployment.to_owned(),
        }
    }

    /// The folders that replctl has made, from the top.
    fn own(&self) -> [PathBuf; 3] {
        let top = self.folder.parent().unwrap_or(&self.folder).to_owned();
        [top, self.folder.clone(), self.folder.join("journal")]
    }

    /// Starts the journal of a new operation: its plan is on disk when this returns, and it says
    /// which unfinished operations it leaves behind.
    pub fn begin(&self, plan: &Plan, who: &str, claim: &str) -> Result<(String, FileJournal)> {
        let mut name = plan.operation.verb().to_owned();
        if let Some(node) = plan.operation.node() {
            name = format!("{name}-{node}");
        }
        // This time is for people. The sequence gives the order of the operations.
        let mut now = Timestamp::now();
        let id = loop {
            let stamp = now.strftime("%Y%m%dT%H%M%S%.3fZ");
            let id = format!("{stamp}-{name}");
            if fs::symlink_metadata(self.file(&id)).is_err() {
                break id;
            }
            now += SignedDuration::from_millis(1);
        };
        let listed = self.list();
        self.tidy();
        let entry = Entry::Planned {
            format: reader::FORMAT,
            sequence: Some(order::next(&listed)),
            overtakes: self
                .open_of(&listed, None)
                .into_iter()
                .map(|s| s.id)
                .collect(),
            deployment: self.deployment.clone(),
            who: who.to_owned(),
            process: Some(std::process::id()),
            claim: Some(claim.to_owned()),
            plan: Box::new(plan.clone()),
        };
        let journal = self
            .create(&id, plan, &entry)
            .map_err(|e| self.cannot_write(&id, &e))?;
        journal.passed();
        Ok((id, journal))
    }

    /// Removes the files of runs that died before their journal had its name. Those runs had
    /// changed nothing.
    fn tidy(&self) {
        let entries = fs::read_dir(self.folder.join("journal"));
        for entry in entries.into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "new") {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// A journal gets its name when its first line is on disk. So we never leave an empty one, or
    /// one without its plan.
    fn create(&self, id: &str, plan: &Plan, first: &Entry) -> io::Result<FileJournal> {
        let new = self.folder.join("journal").join(format!("{id}.new"));
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        let journal = FileJournal::of(file, plan);
        let named = journal.write(first, true).and_then(|()| {
            fs::rename(&new, self.file(id))?;
            File::open(self.folder.join("journal"))?.sync_all()
        });
        if let Err(error) = named {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        Ok(journal)
    }

    /// Opens the journal of an operation to continue it.
    pub fn go_on(&self, id: &str, plan: &Plan) -> Result<FileJournal> {
        let file = self.end_of(id).map_err(|e| self.cannot_write(id, &e))?;
        Ok(FileJournal::of(file, plan))
    }

    /// Opens a journal to add lines, beside the process that writes it.
    pub fn append(&self, id: &str) -> Result<FileJournal> {
        let file = self.end_of(id).map_err(|e| self.cannot_write(id, &e))?;
        Ok(FileJournal::new(file))
    }

    /// A journal to append to. If its writer died inside a line, the next line begins below it.
    fn end_of(&self, id: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).open(self.file(id))?;
        if file.metadata()?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
            }
        }
        Ok(file)
    }

    fn cannot_write(&self, id: &str, e: &io::Error) -> Error {
        Problem::new(format!(
            "{}: the journal cannot be written; nothing was touched",
            self.file(id).display()
        ))
        .cause(e)
        .exit(Exit::Failed)
    }

    fn file(&self, id: &str) -> PathBuf {
        self.folder.join("journal").join(format!("{id}.jsonl"))
    }

    /// The file of an id, also where its name is no UTF-8.
    fn path_of(&self, id: &str) -> PathBuf {
        let path = self.file(id);
        if fs::symlink_metadata(&path).is_ok() {
            return path;
        }
        let found = self.list().into_iter().find(|one| one.id == id);
        found.map_or(path, |one| one.path)
    }

    /// All journals, the newest first. The opening of the store has checked that the folder can be
    /// read.
    fn list(&self) -> Vec<Listed> {
        order::list(&self.folder.join("journal")).unwrap_or_default()
    }

    /// Unfinished operations, the newest first: they stopped half-way, or their journal cannot be
    /// read. `holder`: the holder of the lock, in the lock's own words, to leave out the operation
    /// that runs now.
    pub fn open_operations(&self, holder: Option<&str>) -> Vec<Story> {
        self.open_of(&self.list(), holder)
    }

    fn open_of(&self, listed: &[Listed], holder: Option<&str>) -> Vec<Story> {
        let abandoned = self.abandoned();
        order::candidates(listed, Timestamp::now())
            .into_iter()
            .map(|one| self.read(&one.id, &one.path))
            .filter(|story| story.is_open(holder) && self.given_up(&abandoned, &story.id).is_none())
            .collect()
    }

    /// The newest operation that is unfinished and can be resumed.
    pub fn unfinished(&self) -> Option<Record> {
        self.open_operations(None).into_iter().find_map(Record::of)
    }

    /// The newest operation, if only a hook that failed after the promotion is left to do.
    pub fn hook_left(&self) -> Option<Record> {
        let listed = self.list();
        let newest = listed.first()?;
        Record::of(self.read(&newest.id, &newest.path)).filter(Record::hook_left)
    }

    /// The ids of all operations, newest first.
    pub fn ids(&self) -> Vec<String> {
        self.list().into_iter().map(|one| one.id).collect()
    }

    /// What the journal of an operation tells.
    pub fn story(&self, id: &str) -> Story {
        self.read(id, &self.path_of(id))
    }

    fn read(&self, id: &str, path: &Path) -> Story {
        let text = match text(path) {
            Ok(text) => text,
            Err(why) => {
                let mut story = Story::new(id);
                story.spoil(why);
                return story;
            }
        };
        let mut story = reader::read(id, &text);
        if let Some(other) = &story.deployment
            && *other != self.deployment
        {
            story.spoil(format!("it is of the deployment `{other}`"));
        }
        story
    }

    /// The operation of that id, if all of its journal can be read.
    pub fn record(&self, id: &str) -> Option<Record> {
        let known = self.list().into_iter().any(|one| one.id == id);
        known.then(|| self.story(id)).and_then(Record::of)
    }
}

/// Whether the journals in a folder can be listed. An unreadable folder does not count as an empty
/// one.
fn readable(journals: &Path) -> Result<()> {
    fs::read_dir(journals).map(drop).map_err(|e| {
        Problem::new(format!("{} cannot be read", journals.display()))
            .cause(e)
            .hint(format!("chmod u+rwx {}", trust::quoted(journals)))
            .exit(Exit::Failed)
    })
}

/// The text of a journal, or why it cannot be trusted or read.
fn text(path: &Path) -> std::result::Result<Vec<u8>, String> {
    let unread = |e: io::Error| format!("it cannot be read ({e})");
    // Only a regular file is opened, never a pipe.
    let about = fs::symlink_metadata(path).map_err(unread)?;
    if let Some(why) = trust::distrust(path, &about) {
        return Err(why);
    }
    if about.len() > LONGEST {
        return Err(format!("it is longer than {} MiB", LONGEST >> 20));
    }
    let mut text = Vec::new();
    let file = File::open(path).map_err(unread)?;
    file.take(LONGEST).read_to_end(&mut text).map_err(unread)?;
    Ok(text)
}

/// The folder that the state of programs is kept in.
fn base() -> std::result::Result<PathBuf, etcetera::HomeDirError> {
    let strategy = choose_base_strategy()?;
    Ok(strategy.state_dir().unwrap_or_else(|| strategy.data_dir()))
}
