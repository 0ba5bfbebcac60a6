//! Journals whose words are not known, or whose lines make no sense together.

use super::{Case, Unknown, lines, words};
use crate::journals::{CUT, DONE, fixture};

/// In the first line.
pub fn damaged_plans() -> Vec<Case> {
    vec![
        words(
            "format 2",
            Unknown("it is of format 2, and this replctl knows format 1"),
            DONE,
            (r#""format":1"#, r#""format":2"#),
        ),
        words(
            "no format",
            Unknown("it does not say its format"),
            DONE,
            (r#""format":1,"#, ""),
        ),
        words(
            "a format that is a word",
            Unknown(r#"it is of format "1""#),
            DONE,
            (r#""format":1"#, r#""format":"1""#),
        ),
        words(
            "an action that is not known",
            Unknown("line 1 is not understood (unknown variant `teleport`"),
            DONE,
            (r#""action":"count-clients""#, r#""action":"teleport""#),
        ),
        words(
            "an operation that is not known",
            Unknown("line 1 is not understood (unknown variant `teleport`"),
            CUT,
            (r#""operation":{"promote""#, r#""operation":{"teleport""#),
        ),
    ]
}

/// In one of the lines below it.
pub fn damaged_lines() -> Vec<Case> {
    vec![
        words(
            "an event that is not known",
            Unknown("line 2 is not understood"),
            CUT,
            (r#""event":"connection""#, r#""event":"teleported""#),
        ),
        words(
            "an outcome that is not known",
            Unknown("is not understood"),
            DONE,
            (r#""outcome":"completed""#, r#""outcome":"cancelled""#),
        ),
        words(
            "an event without what it says",
            Unknown("line 2 is not understood (missing field `client_id`"),
            CUT,
            (r#""client_id""#, r#""client""#),
        ),
        words(
            "a step before the first",
            Unknown("is not understood"),
            CUT,
            (
                r#""started","at":{"stage":0"#,
                r#""started","at":{"stage":-1"#,
            ),
        ),
        words(
            "a step that is not in the plan",
            Unknown("names a step that is not in the plan"),
            CUT,
            (
                r#""started","at":{"stage":0"#,
                r#""started","at":{"stage":99"#,
            ),
        ),
        words(
            "another deployment",
            Unknown("it is of the deployment `invoices`"),
            CUT,
            (r#""deployment":"orders""#, r#""deployment":"invoices""#),
        ),
    ]
}

/// Lines that are understood each, and not together.
pub fn damaged_order() -> Vec<Case> {
    vec![
        lines(
            "its first line is gone",
            Unknown("it does not say its format"),
            CUT,
            |lines| {
                lines.remove(0);
            },
        ),
        lines(
            "the beginning of a step is gone",
            Unknown("ends a step that was never begun"),
            DONE,
            |lines| {
                let begun = lines
                    .iter()
                    .position(|l| l.contains(r#""started","at":{"stage":2,"step":5}"#));
                lines.remove(begun.unwrap());
            },
        ),
        lines(
            "two in one",
            Unknown("begins another operation"),
            DONE,
            |lines| {
                let other = String::from_utf8(fixture(CUT)).unwrap();
                lines.extend(other.lines().map(str::to_owned));
            },
        ),
        lines(
            "it goes on after its end",
            Unknown("goes on after the end of the run"),
            DONE,
            |lines| {
                let begun = lines
                    .iter()
                    .find(|l| l.contains(r#""started""#))
                    .unwrap()
                    .clone();
                lines.push(begun);
            },
        ),
    ]
}
