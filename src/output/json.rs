//! The frame of all commands' documents: `"format": 1` and the command. Fields are added, never
//! renamed.

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
    // These types have string keys and no fallible values, so nothing can fail.
    let text = serde_json::to_string_pretty(&Document::of(content)).unwrap_or_default();
    harmless(&text)
}

/// What ends a document.
const END: &str = "\n}";

/// Prints such a document as a result, piece by piece, so that memory need not hold it. Its end is
/// kept back: later warnings of the command still go into it.
///
/// # Errors
/// The reason why the content cannot be read. The output up to then is no complete document.
pub fn print(content: &impl Serialize) -> Result<(), String> {
    let mut failed = None;
    super::form::printed(false);
    super::stream::part_by(|out| {
        let document = Document::of(content);
        let mut open = WithoutEnd {
            out: &mut Harmless(out),
            kept: Vec::new(),
        };
        let written = serde_json::to_writer_pretty(&mut open, &document);
        written.map_err(|error| {
            if !error.is_io() {
                failed = Some(error.to_string());
            }
            std::io::Error::from(error)
        })
    });
    // After a failed write, the end would belong to another document.
    super::form::printed(failed.is_none() && super::stream::lost().is_none());
    failed.map_or(Ok(()), Err)
}

/// Prints the end of such a document, with these fields before it.
pub(super) fn end(fields: &impl Serialize) {
    let fields = serde_json::to_string_pretty(fields).unwrap_or_default();
    let rest = fields.strip_prefix('{').unwrap_or_default();
    super::result(&format!(",{}", harmless(rest)));
}

/// Keeps the end of a document back.
struct WithoutEnd<'a> {
    out: &'a mut dyn std::io::Write,
    kept: Vec<u8>,
}

impl std::io::Write for WithoutEnd<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // The last bytes may be the end, so they are written together with the next ones.
        self.kept.extend_from_slice(bytes);
        if !END.as_bytes().starts_with(&self.kept) {
            let begun = (1..=END.len()).rev();
            let ends = begun.map(|n| &END.as_bytes()[..n]);
            let keep = ends.clone().find(|end| self.kept.ends_with(end));
            let whole = self.kept.len() - keep.map_or(0, <[u8]>::len);
            self.out.write_all(&self.kept[..whole])?;
            self.kept.drain(..whole);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
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

/// JSON leaves DEL, the C1 controls and bidirectional overrides as they are, and a terminal would
/// obey them. They occur only inside strings.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// The pieces may be cut anywhere.
    #[test]
    fn the_end_of_a_document_is_kept_back() {
        let text = serde_json::to_string_pretty(&serde_json::json!({
            "list": [{"a": "x\n}"}, {}], "b": {"c": 1},
        }));
        let text = text.unwrap();
        for size in 1..=text.len() {
            let mut out = Vec::new();
            let mut open = WithoutEnd {
                out: &mut out,
                kept: Vec::new(),
            };
            for piece in text.as_bytes().chunks(size) {
                open.write_all(piece).unwrap();
            }
            assert_eq!(open.kept, END.as_bytes(), "{size}");
            assert_eq!(out, text.strip_suffix(END).unwrap().as_bytes(), "{size}");
        }
    }
}
