//! Where journals, debts and the lock live: `$XDG_STATE_HOME/replctl/DEPLOYMENT/`, a folder nobody else can read.

mod alone;

use super::{At, Debt, Entry, Journal, Line, Outcome, Progress};
use crate::error::{Exit, Problem, Result};
use crate::plan::{Action, Operation, Plan};
use crate::topology::{Address, NodeName};
use etcetera::{BaseStrategy, choose_base_strategy};
use jiff::Timestamp;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The folder of one deployment on the operator's machine.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    deployment: String,
}

/// How many operations are looked back at for what they left undone.
const LOOKED_BACK: usize = 20;

/// One operation as its journal tells it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its id, the file's name.
    pub id: String,
    /// The plan.
    pub plan: Plan,
    /// How far it came.
    pub progress: Progress,
    /// How its last run ended; `None`: it was killed.
    pub outcome: Option<Outcome>,
}

impl Record {
    /// Whether it needs `resume` or `rollback`.
    pub fn unfinished(&self) -> bool {
        match &self.outcome {
            None | Some(Outcome::Stopped { .. } | Outcome::Halted { .. }) => true,
            Some(Outcome::Completed | Outcome::Incomplete { .. } | Outcome::RolledBack { .. }) => {
                false
            }
        }
    }
}

impl Record {
    /// The nodes whose role it set out to write into their files, and whether it was seen there. Nothing of a run that was put back.
    fn roles_written(&self) -> Vec<(NodeName, bool)> {
        let ended = matches!(
            self.outcome,
            Some(Outcome::Completed | Outcome::Incomplete { .. })
        );
        let mut nodes = Vec::new();
        for (stage, s) in self.plan.stages.iter().enumerate().filter(|_| ended) {
            for (step, wrote) in s.steps.iter().enumerate() {
                if wrote.action == Action::PersistRole {
                    let done = self.progress.done.contains(&At { stage, step });
                    nodes.push((wrote.node.clone(), done));
                }
            }
        }
        nodes
    }
}

/// Held while an operation changes things: a second one on this machine is refused. Freed by the kernel at the latest.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

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

    /// Takes the lock, or says who holds it.
    pub fn lock(&self, who: &str) -> Result<Lock> {
        let path = self.folder.join("lock");
        let refused = |e: &dyn std::fmt::Display| {
            Problem::new(format!("{}: the lock cannot be taken", path.display()))
                .cause(e)
                .exit(Exit::Failed)
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| refused(&e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                return Err(Problem::new(format!(
                    "another operation on `{}` is running; nothing was touched",
                    self.deployment
                ))
                .cause(holder.trim())
                .hint("wait for it to end; the lock goes with its process")
                .exit(Exit::Refused));
            }
            Err(fs::TryLockError::Error(e)) => return Err(refused(&e)),
        }
        file.set_len(0)
            .and_then(|()| {
                file.write_all(format!("{who}, process {}\n", std::process::id()).as_bytes())
            })
            .map_err(|e| refused(&e))?;
        Ok(Lock { _file: file })
    }

    /// Starts the journal of a new operation: its plan is on disk when this returns.
    pub fn begin(&self, plan: &Plan, who: &str) -> Result<(String, FileJournal)> {
        let verb = match &plan.operation {
            Operation::Setup(_) => "setup".to_owned(),
            Operation::Promote(p) => format!("promote-{}", p.node),
            Operation::Detach(d) => format!("detach-{}", d.node),
            Operation::Move(m) => format!("move-{}", m.node),
        };
        // In UTC and to the millisecond: the order of the names is the order of the operations.
        let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ").to_string();
        let id = format!("{stamp}-{verb}");
        let journal = self.append(&id)?;
        let entry = Entry::Planned {
            format: 1,
            deployment: self.deployment.clone(),
            who: who.to_owned(),
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
        let newest = self.newest_first().find_map(|f| read(&f));
        newest.filter(Record::unfinished)
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

    /// The operation of that id.
    pub fn record(&self, id: &str) -> Option<Record> {
        read(&self.file(id)).filter(|r| r.id == id)
    }

    /// The debts.
    pub fn debts(&self) -> Vec<Debt> {
        self.read_notes("debts.json")
    }

    fn read_notes(&self, file: &str) -> Vec<Debt> {
        fs::read(self.folder.join(file))
            .ok()
            .and_then(|b| serde_json::from_slice(&b).ok())
            .unwrap_or_default()
    }

    /// Adds a debt, in place of an older one of the same node.
    pub fn remember(&self, node: &NodeName, address: &Address) -> io::Result<()> {
        let mut debts = self.debts();
        debts.retain(|d| d.node != *node);
        debts.push(Debt {
            node: node.clone(),
            address: address.clone(),
            since: Timestamp::now(),
        });
        self.write_notes("debts.json", &debts)
    }

    /// Forgets the debts of nodes that were seen to be where they belong.
    pub fn forget(&self, paid: &[NodeName]) -> io::Result<()> {
        let mut debts = self.debts();
        let before = debts.len();
        debts.retain(|d| !paid.contains(&d.node));
        if debts.len() == before {
            Ok(())
        } else {
            self.write_notes("debts.json", &debts)
        }
    }

    fn write_notes(&self, name: &str, notes: &[Debt]) -> io::Result<()> {
        let temporary = self.folder.join(format!("{name}.new"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(notes)?)?;
        file.sync_all()?;
        fs::rename(temporary, self.folder.join(name))
    }
}

fn folder(deployment: &str) -> std::result::Result<PathBuf, etcetera::HomeDirError> {
    let strategy = choose_base_strategy()?;
    let base = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Ok(base.join("replctl").join(deployment))
}

fn read(path: &Path) -> Option<Record> {
    let id = path.file_stem()?.to_str()?.to_owned();
    let mut plan = None;
    let mut progress = Progress::default();
    let mut outcome = None;
    for line in BufReader::new(File::open(path).ok()?).lines() {
        // The last line may be cut: whoever wrote it died there.
        let Ok(Line { entry, .. }) = serde_json::from_str(&line.ok()?) else {
            continue;
        };
        progress.take(&entry);
        match entry {
            Entry::Planned { plan: p, .. } => plan = Some(*p),
            Entry::Ended { outcome: o } => outcome = Some(o),
            Entry::Resumed { .. } => outcome = None,
            Entry::Connection { .. }
            | Entry::Started { .. }
            | Entry::Done { .. }
            | Entry::Failed { .. }
            | Entry::Undone { .. }
            | Entry::UndoFailed { .. } => {}
        }
    }
    Some(Record {
        id,
        plan: plan?,
        progress,
        outcome,
    })
}

/// A journal in a file. Each line is one write.
#[derive(Debug)]
pub struct FileJournal {
    file: Mutex<File>,
    #[cfg(debug_assertions)]
    die_after: Mutex<Option<usize>>,
}

impl FileJournal {
    fn new(file: File) -> Self {
        Self {
            file: Mutex::new(file),
            // For tests of what a death at each line leaves behind; not compiled into releases.
            #[cfg(debug_assertions)]
            die_after: Mutex::new(
                std::env::var("REPLCTL_DIE_AFTER_JOURNAL_LINES")
                    .ok()
                    .and_then(|n| n.parse().ok()),
            ),
        }
    }

    #[cfg(debug_assertions)]
    fn maybe_die(&self) {
        let mut left = self
            .die_after
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(n) = left.as_mut() {
            *n = n.saturating_sub(1);
            if *n == 0 {
                kill_self();
            }
        }
    }
}

#[cfg(debug_assertions)]
#[allow(unsafe_code)]
fn kill_self() {
    // SAFETY: kill(2) with our own process id and a constant signal; it reads and writes no memory of ours.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
}

impl Journal for FileJournal {
    fn record(&self, entry: &Entry, durable: bool) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Line {
            time: Timestamp::now(),
            entry: entry.clone(),
        })?;
        line.push(b'\n');
        {
            let mut file = self
                .file
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            file.write_all(&line)?;
            if durable {
                file.sync_data()?;
            }
        }
        #[cfg(debug_assertions)]
        self.maybe_die();
        Ok(())
    }
}
