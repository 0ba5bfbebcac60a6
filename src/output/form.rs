//! The form of results: text for people, or one JSON document with its error in it; how
//! much is said beside it.
//!
//! It is chosen once, before anything is printed.

use super::fault::{Fault, Notice, Rest, finished};
use super::json::{document, end};
use super::stream;
use crate::engine::Warning;
use crate::error::{Error, Exit, Problem};
use serde::Serialize;
use std::sync::{Mutex, OnceLock, PoisonError};

/// What the command line says of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// JSON on stdout, errors too.
    pub json: bool,
    /// Nothing on stderr but errors and questions.
    pub quiet: bool,
    /// The name of the command, as its document has it; none where it is not known.
    pub command: Option<String>,
}

static FORM: OnceLock<Form> = OnceLock::new();
static TOLD: Mutex<Told> = Mutex::new(Told {
    document: None,
    fault: None,
    warnings: Vec::new(),
    notices: Vec::new(),
    printed: false,
    open: false,
});

/// What is printed at the end, where JSON is wanted.
struct Told {
    document: Option<String>,
    fault: Option<Fault>,
    /// What was warned of.
    warnings: Vec<String>,
    /// What the plan was warned of, as data.
    notices: Vec<Notice>,
    /// A result stands on stdout already.
    printed: bool,
    /// Its end is not printed yet.
    open: bool,
}

/// Chooses the form. Later choices count for nothing.
pub fn choose(form: Form) {
    let _ = FORM.set(form);
}

/// Whether JSON is wanted.
pub fn json() -> bool {
    FORM.get().is_some_and(|form| form.json)
}

/// Whether only errors and questions are printed.
pub fn quiet() -> bool {
    FORM.get().is_some_and(|form| form.quiet)
}

/// The name of the command.
pub(super) fn command() -> Option<&'static str> {
    FORM.get()?.command.as_deref()
}

/// Tells the result: `content` where JSON is wanted, else the text that is made of it.
pub fn told(content: &impl Serialize, text: impl FnOnce() -> String) {
    told_where(content, || Some(text()));
}

/// The same of a result of which there is nothing to say to people in some cases.
pub fn told_where(content: &impl Serialize, text: impl FnOnce() -> Option<String>) {
    if json() {
        held().document = Some(document(content));
    } else if let Some(text) = text() {
        super::result(&text);
    }
}

/// Notes that a result was printed piece by piece; `open`: but for its end.
pub(super) fn printed(open: bool) {
    let mut told = held();
    (told.printed, told.open) = (true, open);
}

/// Says what ended the run: on stderr for people, and for programs at the end, with all that is
/// known by then.
pub fn failed(error: &Error) {
    for problem in &error.problems {
        super::problem(problem);
    }
    keep(error);
}

/// Says what is left to do after something that is done all the same, and is why the exit code is
/// not 0.
pub fn left(problem: &Problem, exit: Exit) {
    super::say(
        problem,
        &super::paint::err("warning:", super::paint::Tone::Warn),
    );
    keep(&problem.clone().exit(exit));
}

/// Keeps a warning for the JSON document. The caller prints it for people.
pub(super) fn warned(problem: &Problem) {
    if json() {
        let warning = problem.in_one_line();
        let mut told = held();
        if !told.warnings.contains(&warning) {
            told.warnings.push(warning);
        }
    }
}

/// Notes for programs what a plan is warned of; what an earlier look was warned of is forgotten.
pub fn noticed(warnings: &[Warning]) {
    if json() {
        held().notices = warnings.iter().map(Notice::of).collect();
    }
}

/// Notes for programs what ended the run; people have been told.
pub fn keep(error: &Error) {
    if json() {
        let mut told = held();
        let earlier = told.fault.take();
        told.fault = match (Fault::of(&error.problems, error.exit), earlier) {
            (Some(fault), Some(earlier)) => Some(fault.and(earlier)),
            (fault, earlier) => fault.or(earlier),
        };
    }
}

/// Prints the document, where JSON is wanted: a result, an error, or both.
pub fn finish() {
    if !json() {
        return;
    }
    let (document, mut rest, open) = {
        let mut told = held();
        let open = std::mem::take(&mut told.open);
        if told.printed && !open {
            return;
        }
        told.printed = true;
        let rest = Rest {
            warnings: std::mem::take(&mut told.warnings),
            notices: std::mem::take(&mut told.notices),
            error: told.fault.take(),
        };
        (told.document.take(), rest, open)
    };
    let fault = rest.error.take();
    rest.error = fault.map(|fault| fault.after(stream::change()));
    if open {
        end(&rest);
    } else {
        super::result(&finished(document, rest));
    }
}

/// Prints the end of a document of which all else is printed.
pub fn close() {
    let open = held().open;
    if open {
        finish();
    }
}

/// Ends with this error, unless a document is being written already: whether it is. One that only
/// waits for its end gets it.
pub(super) fn interrupted(error: &Error) -> bool {
    {
        let told = held();
        if told.printed && !told.open {
            return true;
        }
    }
    failed(error);
    super::flush(Some(super::question::WRITTEN));
    finish();
    false
}

fn held() -> std::sync::MutexGuard<'static, Told> {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether something was changed, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Nothing was, or all was put back.
    No,
    /// Something is otherwise than before.
    Yes,
    /// Something may be.
    Unknown,
}

impl Serialize for Changed {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::No => to.serialize_bool(false),
            Self::Yes => to.serialize_bool(true),
            Self::Unknown => to.serialize_str("unknown"),
        }
    }
}
