//! What is around the documents of all commands: `"format": 1` and the command. Fields are added,
//! never renamed.

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

/// A document that is printed before the command has ended, and what was warned of by then.
#[derive(Serialize)]
struct Early<'a, T> {
    #[serde(flatten)]
    document: &'a T,
    warnings: Vec<String>,
}

/// The document of the command.
pub fn document(content: &impl Serialize) -> String {
    // These types have string keys and no fallible values: there is nothing that can fail.
    let text = serde_json::to_string_pretty(&Document::of(content)).unwrap_or_default();
    harmless(&text)
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
        let document = Early {
            document: &document,
            warnings: super::form::warnings(),
        };
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
pub(super) fn harmless(json: &str) -> String {
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
