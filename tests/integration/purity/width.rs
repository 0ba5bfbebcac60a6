//! How wide comments may be.

use super::sources;

/// Columns that a comment may reach.
const WIDEST: usize = 100;

#[test]
fn no_comment_is_wider_than_a_screen() {
    let mut wide = Vec::new();
    for (file, text) in sources("src").into_iter().chain(sources("tests")) {
        for (line, text) in (1..).zip(text.lines()) {
            let comment = text.trim_start().starts_with("//");
            // What has no blank cannot be wrapped: an address, say.
            let wraps = text.trim_start_matches(['/', '!', ' ']).contains(' ');
            if comment && wraps && text.chars().count() > WIDEST {
                wide.push(format!("{}:{line}", file.display()));
            }
        }
    }
    assert!(wide.is_empty(), "over {WIDEST} columns: {wide:#?}");
}
