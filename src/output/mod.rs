//! The only room that prints. stdout is the result, everything else goes to stderr. Never panics on a closed pipe.

pub mod clients;
pub mod endpoint;
pub mod history;
pub mod json;
pub mod lost;
pub mod members;
pub mod moved;
pub mod paint;
pub mod plan;
pub mod proof;
pub mod repair;
pub mod report;
pub mod screen;
pub mod sentinel;
pub mod status;
pub mod table;
pub mod verdict;

use std::io::{self, IsTerminal, Write};

/// Prints the command's result, a newline after it. A reader that has gone is no error.
pub fn result(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Prints to stderr, a newline after it.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether a person reads stderr and types on stdin, so that questions can be asked.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Text from elsewhere, made safe to print: control characters, bidirectional overrides and the like become `\u{…}` escapes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if c.is_control() || hidden {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Prints one problem to stderr: the sentence, its causes, its hint.
pub fn problem(problem: &crate::error::Problem) {
    told(problem, &paint::err("error:", paint::Tone::Bad));
}

/// The same for what keeps nothing from being done.
pub fn warning(problem: &crate::error::Problem) {
    told(problem, &paint::err("warning:", paint::Tone::Warn));
}

fn told(problem: &crate::error::Problem, word: &str) {
    use paint::{Tone, err};
    note(&format!("{} {}", word, lines(&problem.what)));
    for cause in &problem.causes {
        note(&format!(
            "{} {}",
            err("caused by:", Tone::Dim),
            lines(cause)
        ));
    }
    if let Some(hint) = &problem.hint {
        note(&format!("{} {}", err(" hint:", Tone::Strong), lines(hint)));
    }
}

/// Escapes each line, and keeps the line ends.
pub fn lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}
