//! The result of a command: its end and its two outputs, with a limit.

/// The most that is kept of each output, in bytes.
pub const KEPT: usize = 1 << 20;

/// The end of a command and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// Exit status; without a meaning where `signal` is set.
    pub status: i32,
    /// The signal that killed it, without `SIG`.
    pub signal: Option<String>,
    /// Standard output: its first [`KEPT`] bytes.
    pub stdout: Vec<u8>,
    /// Standard error: its last [`KEPT`] bytes, for the reason of a failure is at its end.
    pub stderr: Vec<u8>,
    /// The number of dropped bytes of both.
    pub dropped: u64,
}

impl Output {
    /// It ended by itself with status 0.
    pub fn success(&self) -> bool {
        self.status == 0 && self.signal.is_none()
    }

    /// How it ended, and the last lines it wrote: `None` where it succeeded. Not escaped.
    pub fn failure(&self) -> Option<String> {
        if self.success() {
            return None;
        }
        let end = match &self.signal {
            Some(signal) => format!("killed by signal {signal}"),
            None => format!("exit status {}", self.status),
        };
        let lines = self.last_lines(5);
        Some(if lines.is_empty() {
            end
        } else {
            format!("{end}: {lines}")
        })
    }

    /// Its last lines on standard error, or on standard output where there are none.
    pub fn last_lines(&self, count: usize) -> String {
        let from = if self.stderr.trim_ascii().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        last_lines(from, count)
    }

    /// Standard output as text, without the white space at its end.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }
}

/// The last non-empty lines of a text, joined by ` / `, each cut at 300 characters.
pub(super) fn last_lines(text: &[u8], count: usize) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(|l| l.chars().take(300).collect())
        .collect();
    lines[lines.len().saturating_sub(count)..].join(" / ")
}

/// Keeps the beginning or the end of a stream, up to a limit.
#[derive(Debug, Default)]
pub(super) struct OutputBuffer {
    bytes: Vec<u8>,
    /// How many bytes came.
    seen: u64,
    end: bool,
}

impl OutputBuffer {
    /// The first line, once it is whole.
    pub fn line(&self) -> Option<String> {
        let end = self.bytes.iter().position(|b| *b == b'\n')?;
        Some(String::from_utf8_lossy(&self.bytes[..end]).into_owned())
    }

    /// Keeps the first bytes.
    pub fn beginning() -> Self {
        Self::default()
    }

    /// Keeps the last bytes.
    pub fn end() -> Self {
        Self {
            end: true,
            ..Self::default()
        }
    }

    pub fn add(&mut self, more: &[u8]) {
        self.seen += more.len() as u64;
        if self.end {
            self.bytes.extend_from_slice(more);
            // It cuts seldom: to move a megabyte for each packet would be slow.
            if self.bytes.len() > 2 * KEPT {
                self.bytes.drain(..self.bytes.len() - KEPT);
            }
        } else {
            let room = KEPT - self.bytes.len();
            self.bytes.extend_from_slice(&more[..more.len().min(room)]);
        }
    }

    /// The bytes kept so far, at most twice [`KEPT`].
    pub fn so_far(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes kept, and how many were dropped.
    pub fn finish(mut self) -> (Vec<u8>, u64) {
        if self.bytes.len() > KEPT {
            self.bytes.drain(..self.bytes.len() - KEPT);
        }
        let dropped = self.seen - self.bytes.len() as u64;
        (self.bytes, dropped)
    }
}
