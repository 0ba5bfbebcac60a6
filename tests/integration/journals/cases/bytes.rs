//! Journals whose bytes are not those that were written.

use super::{Case, Unknown, bytes, lines, words};
use crate::journals::{CUT, DONE, TAKEN_UP};

/// Files that do not begin as a journal does.
pub fn damaged_beginnings() -> Vec<Case> {
    vec![
        bytes("empty", Unknown("it is empty"), DONE, |_| Vec::new()),
        bytes("only a newline", Unknown("line 1 is empty"), DONE, |_| {
            b"\n".to_vec()
        }),
        bytes(
            "its first line is cut",
            Unknown("line 1 is not JSON"),
            DONE,
            |mut text| {
                text.truncate(300);
                text
            },
        ),
        bytes(
            "a byte-order mark",
            Unknown("line 1 is not JSON"),
            DONE,
            |text| [b"\xef\xbb\xbf".to_vec(), text].concat(),
        ),
        bytes("UTF-16", Unknown("line 1 is not"), DONE, |text| {
            text.iter().flat_map(|b| [*b, 0]).collect()
        }),
    ]
}

/// Files that begin as one, and have other bytes further down.
pub fn damaged_bytes() -> Vec<Case> {
    vec![
        bytes(
            "a byte that is not UTF-8",
            Unknown("line 2 is not UTF-8"),
            CUT,
            |mut text| {
                let second = text.iter().position(|b| *b == b'\n').unwrap() + 20;
                text[second] = 0xff;
                text
            },
        ),
        bytes(
            "a line of rubbish below the end",
            Unknown("is not UTF-8"),
            DONE,
            |mut text| {
                text.extend([0xff, 0xfe, b'\n']);
                text
            },
        ),
        bytes(
            "zeros at the end, as after a power failure",
            Unknown("is not JSON"),
            CUT,
            |mut text| {
                text.extend([0; 4096]);
                text
            },
        ),
        bytes(
            "a block of zeros in the middle",
            Unknown("is not JSON"),
            DONE,
            |mut text| {
                text[5000..5512].fill(0);
                text
            },
        ),
        words(
            "a time that is none",
            Unknown("line 2 is not understood"),
            CUT,
            ("2025-11-01T20:08:28.966334393Z", "yesterday"),
        ),
    ]
}

/// Lines that were cut, or have nothing in them.
pub fn damaged_cuts() -> Vec<Case> {
    vec![
        lines(
            "a line in the middle is cut",
            Unknown("line 7 is not JSON"),
            DONE,
            |lines| {
                lines[6].truncate(40);
            },
        ),
        lines("an empty line", Unknown("line 4 is empty"), DONE, |lines| {
            lines.insert(3, String::new());
        }),
        lines(
            "a cut line with the next one behind it",
            Unknown("line 10 is not JSON"),
            TAKEN_UP,
            |lines| {
                let up = lines.iter().position(|l| l.contains("resumed")).unwrap();
                lines[up] = format!(r#"{{"time":"2025-11-01T20{}"#, lines[up]);
            },
        ),
    ]
}
