//! The form of results: text for people, or one JSON document with its error; and the amount of
//! text beside it.
//!
//! The form is chosen once, before anything is printed.

use super::fault::{Fault, Notice, Rest, finished};
use super::json::{document, end};
use super::stream;
use crate::engine::Warning;
use crate::error::{Error, Exit, Problem};
use serde::Serialize;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The form by the command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// JSON on stdout, errors too.
    pub json: bool,
    /// Nothing on stderr but errors and questions.
    pub quiet: bool,
    /// The name of the command in its document; none if it is unknown.
    pub command: Option<String>,
}

static FORM: OnceLock<Form> = OnceLock::new();
static TOLD: Mutex<AtTheEnd> = Mutex::new(AtTheEnd {
    document: None,
    fault: None,
    warnings: Vec::new(),
    notices: Vec::new(),
    printed: false,
    open: false,
});

/// The parts to print at the end for JSON.
struct AtTheEnd {
    document: Option<String>,
    fault: Option<Fault>,
    /// What was warned of.
    warnings: Vec<String>,
    /// What the plan was warned of, as data.
    notices: Vec<Notice>,
    /// A result was printed to stdout already.
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

/// Prints the result: `content` as JSON, or the text made of it.
pub fn print(content: &impl Serialize, text: impl FnOnce() -> String) {
    print_where(content, || Some(text()));
}

/// The same for a result that may have no text for people.
pub fn print_where(content: &impl Serialize, text: impl FnOnce() -> Option<String>) {
    if json() {
        held().document = Some(document(content));
    } else if let Some(text) = text() {
        super::result(&text);
    }
}

/// Notes that a result was printed piece by piece; `open`: its end is missing.
pub(super) fn printed(open: bool) {
    let mut told = held();
    (told.printed, told.open) = (true, open);
}

/// Reports what ended the run: on stderr for people, and for programs at the end, with everything
/// that is known by then.
pub fn failed(error: &Error) {
    for problem in &error.problems {
        super::problem(problem);
    }
    keep(error);
}

/// Reports what is left to do after an operation that succeeded. It is the reason for an exit code
/// other than 0.
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

/// Notes a plan's warnings for programs; replaces those of an earlier look.
pub fn noticed(warnings: &[Warning]) {
    if json() {
        held().notices = warnings.iter().map(Notice::of).collect();
    }
}

/// Notes the run's error for programs; people have seen it.
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

/// For JSON, prints the document: a result, an error, or both.
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

/// Prints the end of a document whose other parts are printed.
pub fn close() {
    let open = held().open;
    if open {
        finish();
    }
}

/// Prints the document with this error, unless one is being written already; returns whether one
/// is. A document that only waits for its end gets the error.
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

fn held() -> std::sync::MutexGuard<'static, AtTheEnd> {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether something changed, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Nothing changed, or everything was restored.
    No,
    /// Something changed.
    Yes,
    /// Something may have changed.
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
