//! What the operator's own commands said around an operation.

use super::markdown::{block, text};
use crate::engine::journal::Entry;
use crate::engine::journal::story::Story;
use crate::output::screen::duration;
use std::fmt::Write as _;

/// Each run of a hook with its end and its last lines; nothing where none was run.
pub fn hooks(story: &Story) -> String {
    let mut out = String::new();
    for line in &story.lines {
        let Entry::Hook {
            hook,
            exit,
            signal,
            timed_out,
            took_ms,
            output,
        } = &line.entry
        else {
            continue;
        };
        let end = match (exit, signal, timed_out) {
            (_, _, true) => "it took too long and was stopped".to_owned(),
            (Some(code), _, _) => format!("exit status {code}"),
            (None, Some(signal), _) => format!("ended by signal {signal}"),
            (None, None, _) => "interrupted and stopped".to_owned(),
        };
        let _ = writeln!(
            out,
            "**{}**: {end}, after {}.\n",
            text(&hook.to_string()),
            duration(*took_ms)
        );
        if !output.is_empty() {
            out.push_str(&block(&output.join("\n")));
            out.push('\n');
        }
    }
    out
}
