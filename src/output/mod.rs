//! The only module that prints. stdout gets the result, stderr everything else. The program never
//! waits for stderr during an operation, and never ends because of it.

pub mod ended;
mod fault;
pub mod findings;
pub mod form;
pub mod json;
pub mod outcome;
pub mod paint;
pub mod plan;
mod question;
pub mod returned;
pub mod screen;
mod stream;
pub mod table;
pub mod verdict;

pub use form::{print, print_where};
pub use question::{before_interruption, heard_elsewhere, unanswered};
pub use stream::{changed, flush, perhaps_changed, result};

use crate::error::{Exit, Problem};
use crate::hidden::hides;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The end of the program: writes everything. The exit code reports a result that could not be
/// written.
pub fn end(exit: Exit) -> Exit {
    form::finish();
    let exit = match stream::lost() {
        None => exit,
        // A reader that closed the pipe has seen what it wanted.
        Some((error, false)) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Some((error, changed)) => {
            let what = if changed {
                "the change is done, and its result could not be written to stdout"
            } else {
                "the result could not be written to stdout"
            };
            let mut told = Problem::new(what).cause(error);
            if changed {
                told = told.hint("look at it: replctl status");
            }
            problem(&told);
            match exit {
                Exit::Done | Exit::Problems => Exit::Failed,
                Exit::Failed | Exit::Usage | Exit::Refused | Exit::Stopped | Exit::Interrupted => {
                    exit
                }
            }
        }
    };
    // A reader of stderr may take long. The program holds nothing any more, so Ctrl-C may end it at
    // once.
    stream::signals_end_it();
    flush(None);
    exit
}

/// Whether a person reads stderr and types on stdin, so that questions can be asked.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Prints to stderr, a newline after it, unless only errors and questions are wanted. It does not
/// wait.
pub fn note(text: &str) {
    if !form::quiet() {
        stream::note(text);
    }
}

/// Prints to stderr what a person must read before the next question.
pub fn before_question(text: &str) {
    stream::note(text);
}

/// What `--quiet` held back, and a person must see before a question.
static HELD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Prints a prepared warning to stderr. With `--quiet`, it is kept for the first question.
fn warned(text: &str) {
    if form::quiet() {
        held().push(text.to_owned());
    } else {
        stream::note(text);
    }
}

fn held() -> MutexGuard<'static, Vec<String>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks a question, after all earlier text is written to stderr.
pub fn ask<T>(question: impl FnOnce() -> T) -> T {
    for warning in held().drain(..) {
        stream::note(&warning);
    }
    flush(None);
    question::asked(question)
}

/// Text from elsewhere, made safe to print: control characters, bidirectional overrides and the
/// like become `\u{…}` escapes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || hides(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Prints one problem to stderr: the sentence, its causes, its hint.
pub fn problem(problem: &Problem) {
    say(problem, &paint::err("error:", paint::Tone::Bad));
}

/// The same for a problem that stops nothing.
pub fn warning(problem: &Problem) {
    form::warned(problem);
    warned(&labelled(
        problem,
        &paint::err("warning:", paint::Tone::Warn),
    ));
}

/// The same for a problem that is printed nowhere else: `--quiet` does not hide it.
pub fn not_to_be_missed(problem: &Problem) {
    form::warned(problem);
    say(problem, &paint::err("warning:", paint::Tone::Warn));
}

fn say(problem: &Problem, word: &str) {
    stream::note(&labelled(problem, word));
}

fn labelled(problem: &Problem, word: &str) -> String {
    use paint::{Tone, err};
    let mut text = vec![format!("{} {}", word, lines(&problem.what))];
    for cause in &problem.causes {
        text.push(format!("{} {}", err("caused by:", Tone::Dim), lines(cause)));
    }
    if let Some(hint) = &problem.hint {
        text.push(format!("{} {}", err(" hint:", Tone::Strong), lines(hint)));
    }
    text.join("\n")
}

/// Escapes each line, and keeps the line ends.
pub fn lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A person who answers a question has seen the warnings before it.
    #[test]
    fn a_warning_that_was_kept_is_gone_after_a_question() {
        held().push("warning: kept".to_owned());
        ask(|| ());
        assert!(held().is_empty());
    }
}
