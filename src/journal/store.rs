//! Where journals, debts and the lock live: `$XDG_STATE_HOME/replctl/DEPLOYMENT/`, a folder nobody else can read.

mod alone;
mod backups;
mod file;
mod lock;
mod notes;
mod record;

pub use file::FileJournal;
pub use record::Record;

use super::story::Story;
use super::{Debt, Entry, Journal, Outcome};
use crate::error::{Exit, Problem, Result};
use crate::plan::{Operation, Plan};
use crate::topology::NodeName;
use etcetera::{BaseStrategy, choose_base_strategy};
use jiff::Timestamp;
use record::read;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

/// The folder of one deployment on the operator's machine.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    deployment: String,
}

/// How many operations are looked back at for what they left undone.
const LOOKED_BACK: usize = 20;

impl Store {
    /// The folder of `deployment`, made if need be.
    pub fn open(deployment: &str) -> Result<Self> {
        let folder = folder(deployment).map_err(|e| {
            Problem::new("the home folder cannot be found")
                .cause(e)
                .exit(Exit::Failed)
        })?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder.join("journal"))
            .map_err(|e| {
                Problem::new(format!(
                    "{}: the journal folder cannot be made",
                    folder.display()
                ))
                .cause(e)
                .hint("set XDG_STATE_HOME to a folder you can write to")
                .exit(Exit::Failed)
            })?;
        Ok(Self {
            folder,
            deployment: deployment.to_owned(),
        })
    }

    /// The folder of `deployment`, if it is there: nothing is made, nothing is told.
    pub fn existing(deployment: &str) -> Option<Self> {
        let folder = folder(deployment).ok().filter(|f| f.is_dir())?;
        Some(Self {
            folder,
            deployment: deployment.to_owned(),
        })
    }

    /// Starts the journal of a new operation: its plan is on disk when this returns.
    pub fn begin(&self, plan: &Plan, who: &str) -> Result<(String, FileJournal)> {
        let mut name = plan.operation.verb().to_owned();
        if let Some(node) = plan.operation.node() {
            name = format!("{name}-{node}");
        }
        // In UTC and to the millisecond: the order of the names is the order of the operations.
        let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ").to_string();
        let id = format!("{stamp}-{name}");
        let journal = self.append(&id)?;
        let entry = Entry::Planned {
            format: 1,
            deployment: self.deployment.clone(),
            who: who.to_owned(),
            process: Some(std::process::id()),
            plan: Box::new(plan.clone()),
        };
        journal
            .record(&entry, true)
            .map_err(|e| self.cannot_write(&id, &e))?;
        Ok((id, journal))
    }

    /// Goes on with a journal.
    pub fn append(&self, id: &str) -> Result<FileJournal> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.file(id))
            .map_err(|e| self.cannot_write(id, &e))?;
        Ok(FileJournal::new(file))
    }

    fn cannot_write(&self, id: &str, e: &io::Error) -> crate::error::Error {
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

    /// The newest operation, if it is unfinished. An older one has been overtaken by what came after it. A journal that cannot be read is passed over.
    pub fn unfinished(&self) -> Option<Record> {
        self.newest().filter(Record::unfinished)
    }

    /// The newest operation, if all of it is done but a hook that failed after the promotion.
    pub fn hook_left(&self) -> Option<Record> {
        self.newest().filter(Record::hook_left)
    }

    fn newest(&self) -> Option<Record> {
        self.newest_first().find_map(|f| read(&f))
    }

    /// The nodes whose role the newest operation that tried could not write into their files.
    pub fn unwritten(&self) -> Vec<NodeName> {
        let mut written: Vec<NodeName> = Vec::new();
        let mut unwritten: Vec<NodeName> = Vec::new();
        for record in self
            .newest_first()
            .take(LOOKED_BACK)
            .filter_map(|f| read(&f))
        {
            for (node, done) in record.roles_written() {
                if !written.contains(&node) && !unwritten.contains(&node) {
                    if done { &mut written } else { &mut unwritten }.push(node);
                }
            }
        }
        unwritten
    }

    /// The node that the newest promotion or repair which reached its goal made primary.
    pub fn last_promoted(&self) -> Option<NodeName> {
        let mut records = self
            .newest_first()
            .take(LOOKED_BACK)
            .filter_map(|f| read(&f));
        records.find_map(|record| {
            let reached = matches!(
                record.outcome,
                Some(Outcome::Completed | Outcome::Incomplete { .. })
            );
            let made = if let Operation::Promote(promote) = record.plan.operation {
                promote.node
            } else if let Operation::Repair(repair) = record.plan.operation {
                repair.keep
            } else {
                return None;
            };
            reached.then_some(made)
        })
    }

    fn newest_first(&self) -> impl Iterator<Item = PathBuf> + use<> {
        let entries = fs::read_dir(self.folder.join("journal")).ok();
        let mut files: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
            .collect();
        files.sort();
        files.into_iter().rev()
    }

    /// The ids of all operations, newest first.
    pub fn ids(&self) -> Vec<String> {
        let name = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
        self.newest_first().filter_map(name).collect()
    }

    /// What the journal of an operation tells. A journal that cannot be read tells nothing but its id.
    pub fn story(&self, id: &str) -> Story {
        Story::read(id, &fs::read(self.file(id)).unwrap_or_default())
    }

    /// The operation of that id.
    pub fn record(&self, id: &str) -> Option<Record> {
        read(&self.file(id)).filter(|r| r.id == id)
    }
}

fn folder(deployment: &str) -> std::result::Result<PathBuf, etcetera::HomeDirError> {
    let strategy = choose_base_strategy()?;
    let base = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Ok(base.join("replctl").join(deployment))
}
