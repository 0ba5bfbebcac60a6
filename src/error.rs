//! Errors in the form in which they are reported: one sentence, its causes, a hint to paste, and
//! the exit code.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// Exit codes; their table stands in docs/output.md and in `replctl help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or healthy.
    Done = 0,
    /// It failed, and nothing was changed or all was put back.
    Failed = 1,
    /// The command line or the inventory is wrong.
    Usage = 2,
    /// Refused: nothing was touched.
    Refused = 3,
    /// It looked, and found problems.
    Problems = 4,
    /// It stopped half-way: `replctl resume`.
    Stopped = 5,
    /// Ctrl-C.
    Interrupted = 130,
}

/// The error in one word for programs, finer than the exit code. The words are stable, and the
/// schema has each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The command line.
    Usage,
    /// The inventory: it is not there, cannot be read, or something in it is wrong.
    Inventory,
    /// A refusal that has no word of its own.
    #[default]
    Refused,
    /// Another operator's claim on the servers or the hosts.
    Claimed,
    /// Another operation on this machine.
    Locked,
    /// An operation that stopped half-way comes first.
    Unfinished,
    /// It is not known what an earlier operation did.
    Unknown,
    /// The question was answered with no.
    NotConfirmed,
    /// There is nobody to ask.
    NoTerminal,
    /// A password cannot be read, is not valid, or cannot be changed at present.
    Secret,
    /// `before_promote` forbids it.
    Hook,
    /// Acknowledged writes would be lost: `--allow-data-loss`.
    DataLoss,
    /// The old primary may come back and take writes: `--accept-split-brain`.
    SplitBrain,
    /// Keys would be replaced: `--discard-data`.
    DiscardData,
    /// What differs from the primary, and what a role would not outlive: `--ignore`.
    Difference,
    /// Commands that the user may not run.
    Permission,
    /// Sentinels: those that cannot be asked, do not agree, or are at work.
    Sentinel,
    /// The node does not have its data yet, or is in the middle of a failover.
    NotReady,
    /// The inventory has no node of that name.
    NoNode,
    /// A node does not have the role that the operation needs; or there is no primary, or more than
    /// one.
    Role,
    /// The replication topology does not allow it.
    Topology,
    /// A server, a Sentinel or a file that replctl has not made.
    Foreign,
    /// The version of a server.
    Version,
    /// What replctl does not do.
    Unsupported,
    /// A host lacks something, or does not let it be done.
    Host,
    /// A replica could not log in at its new upstream, or could not connect to it.
    Login,
    /// What was done cannot be undone, or something else was done since.
    Undo,
    /// A server or a host does not answer.
    Unreachable,
    /// It failed before anything was changed.
    Failed,
    /// It failed, and what had been changed was put back.
    FailedPutBack,
    /// It failed half-way: some of it is done.
    FailedHalfWay,
    /// A look found problems.
    Problems,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The word if only the exit code is known.
    pub fn reason(self) -> Reason {
        match self {
            Self::Done | Self::Problems => Reason::Problems,
            Self::Failed => Reason::Failed,
            Self::Usage => Reason::Usage,
            Self::Refused => Reason::Refused,
            Self::Stopped => Reason::FailedHalfWay,
            Self::Interrupted => Reason::Interrupted,
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One lower-case sentence that names the node (or file, line, column and key) and what could
    /// not be done.
    pub what: String,
    /// The server's, ssh's or the system's own words.
    pub causes: Vec<String>,
    /// What to do next, with a command to paste.
    pub hint: Option<String>,
    /// In one word; where there is none, the exit code has one.
    pub reason: Option<Reason>,
}

/// One or more problems that end the run, with its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Never empty.
    pub problems: Vec<Problem>,
    /// The exit code.
    pub exit: Exit,
}

/// The result of most things.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Problem {
    /// A problem in one sentence.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            causes: Vec::new(),
            hint: None,
            reason: None,
        }
    }

    /// Names the reason for programs.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Adds a cause.
    #[must_use]
    pub fn cause(mut self, cause: impl std::fmt::Display) -> Self {
        self.causes.push(format!("{cause}"));
        self
    }

    /// Adds the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Ends the run with this problem.
    pub fn exit(self, exit: Exit) -> Error {
        Error {
            problems: vec![self],
            exit,
        }
    }

    /// All of it in one line, as a warning stands in JSON.
    pub fn in_one_line(&self) -> String {
        let mut out = self.what.clone();
        for cause in &self.causes {
            let _ = write!(out, ": {cause}");
        }
        if let Some(hint) = &self.hint {
            let _ = write!(out, "; hint: {hint}");
        }
        out
    }

    /// The text as it is printed, without colour.
    pub fn text(&self) -> String {
        let mut out = format!("error: {}", self.what);
        for cause in &self.causes {
            let _ = write!(out, "\ncaused by: {cause}");
        }
        if let Some(hint) = &self.hint {
            let _ = write!(out, "\n hint: {hint}");
        }
        out
    }
}

impl Error {
    /// Names the reason for programs, where none is named yet.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        for problem in &mut self.problems {
            problem.reason.get_or_insert(reason);
        }
        self
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts: Vec<String> = self.problems.iter().map(Problem::text).collect();
        f.write_str(&texts.join("\n"))
    }
}

impl std::error::Error for Error {}
