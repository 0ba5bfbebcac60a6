//! What goes wrong, in the form it is told: one sentence, its causes, a hint to paste, and the exit
//! code.

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
        }
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

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts: Vec<String> = self.problems.iter().map(Problem::text).collect();
        f.write_str(&texts.join("\n"))
    }
}

impl std::error::Error for Error {}
