//! What is around the documents of all commands:
//! `"format": 1`, the command, the error that ended it. Fields are added, never renamed.

use super::form::Changed;
use crate::error::{Exit, Problem};
use crate::hidden::hides;
use serde::Serialize;
use std::fmt::Write as _;

/// The document of a command: `"format": 1`, its name, and the fields of `content`.
#[derive(Serialize)]
struct Document<'a, T> {
    format: u8,
    command: Option<&'static str>,
    #[serde(flatten)]
    content: &'a T,
}

impl<'a, T> Document<'a, T> {
    fn of(content: &'a T) -> Self {
        Self {
            format: 1,
            command: super::form::command(),
            content,
        }
    }
}

/// The document of the command.
pub fn document(content: &impl Serialize) -> String {
    // These types have string keys and no fallible values: there is nothing that can fail.
    let text = serde_json::to_string_pretty(&Document::of(content)).unwrap_or_default();
    harmless(&text)
}

/// What ended a run.
#[derive(Debug, Serialize)]
pub struct Fault {
    /// The kind of error, by the exit code.
    code: &'static str,
    exit: u8,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    /// Whether something is otherwise than before the command.
    changed: Changed,
    /// Where there is more than one thing wrong: the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    further: Vec<Further>,
}

#[derive(Debug, Serialize)]
struct Further {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Fault {
    /// Of the problems that ended it; nothing where there are none.
    pub fn of(problems: &[Problem], exit: Exit) -> Option<Self> {
        let mut all = problems.iter().map(|problem| Further {
            message: problem.what.clone(),
            causes: problem.causes.clone(),
            hint: problem.hint.clone(),
        });
        let first = all.next()?;
        let code = match exit {
            Exit::Done => return None,
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::Refused => "refused",
            Exit::Problems => "problems",
            Exit::Stopped => "stopped",
            Exit::Interrupted => "interrupted",
        };
        Some(Self {
            code,
            exit: exit as u8,
            message: first.message,
            causes: first.causes,
            hint: first.hint,
            changed: Changed::No,
            further: all.collect(),
        })
    }
}

impl Fault {
    /// The same, with what was said before it.
    pub fn and(mut self, earlier: Self) -> Self {
        self.further.push(Further {
            message: earlier.message,
            causes: earlier.causes,
            hint: earlier.hint,
        });
        self.further.extend(earlier.further);
        self
    }

    /// The same, of a command that has changed that.
    pub fn after(self, changed: Changed) -> Self {
        Self { changed, ..self }
    }
}

#[derive(Serialize)]
struct Failed<'a> {
    error: &'a Fault,
}

/// A document with its error as the last field; of nothing but the error where there is no
/// document.
pub fn with_fault(made: Option<String>, fault: Option<&Fault>) -> String {
    let made = made.unwrap_or_else(|| document(&serde_json::Map::new()));
    let Some(error) = fault else {
        return made;
    };
    let fault = serde_json::to_string_pretty(&Failed { error }).unwrap_or_default();
    match (made.strip_suffix("\n}"), fault.strip_prefix("{\n")) {
        (Some(made), Some(fault)) => format!("{made},\n{}", harmless(fault)),
        (Some(_) | None, _) => made,
    }
}

/// Prints such a document as a result, piece by piece: memory need not hold it.
///
/// # Errors
/// The content cannot be read, and why; what was printed by then is no whole document.
pub fn print(content: &impl Serialize) -> Result<(), String> {
    let mut failed = None;
    super::form::printed();
    super::stream::result_by(|out| {
        let document = Document::of(content);
        let written = serde_json::to_writer_pretty(Harmless(out), &document);
        written.map_err(|error| {
            if !error.is_io() {
                failed = Some(error.to_string());
            }
            std::io::Error::from(error)
        })
    });
    failed.map_or(Ok(()), Err)
}

/// Writes JSON text as [`harmless`] makes it.
struct Harmless<'a>(&'a mut dyn std::io::Write);

impl std::io::Write for Harmless<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // JSON text is written in whole characters.
        match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() && !text.contains('\x7f') => self.0.write_all(bytes)?,
            Ok(text) => self.0.write_all(harmless(text).as_bytes())?,
            Err(error) => return Err(std::io::Error::other(error)),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// JSON leaves DEL, the C1 controls and bidirectional overrides as they are; a terminal would obey
/// them. They only stand inside strings.
fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        let layout = c == '\n';
        if !layout && (c.is_control() || hides(c)) {
            for half in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{half:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_field_of_the_document_that_there_is() {
        let hostile = "a \u{7f}\u{202e} \"quoted\"\n}";
        let problems = [hostile, "another"].map(|what| Problem::new(what).hint("do"));
        let fault = Fault::of(&problems, Exit::Stopped);
        let fault = fault.map(|fault| fault.after(Changed::Unknown));
        let made = document(&serde_json::json!({ "node": hostile, "list": [{}] }));
        for document in [Some(made.clone()), None] {
            let had = document.is_some();
            let text = with_fault(document, fault.as_ref());
            assert!(!text.contains('\u{7f}') && !text.contains('\u{202e}'));
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["format"], 1);
            assert_eq!(json.get("node").is_some(), had);
            assert_eq!(json["error"]["message"], hostile);
            assert_eq!(json["error"]["code"], "stopped");
            assert_eq!(json["error"]["exit"], 5);
            assert_eq!(json["error"]["changed"], "unknown");
            assert_eq!(json["error"]["further"][0]["message"], "another");
        }
        assert_eq!(with_fault(Some(made.clone()), None), made);
    }
}
