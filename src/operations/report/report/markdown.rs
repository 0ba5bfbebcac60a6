//! Escapes text of others for Markdown and for a terminal at once. No part of it acts as markup, as
//! HTML, or as a terminal's command.

use crate::output::escape;
use std::fmt::Write as _;

/// Text in a line: what would be markup is preceded by a backslash.
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escape(text).chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '!' | '$'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A command in a line, or in a cell of a table.
pub fn code(text: &str) -> String {
    // In a table, a bar ends the cell, even inside code, unless a backslash stands before it.
    let text = escape(text).replace('|', "\\|");
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Lines as they are.
pub fn block(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(escape).collect();
    let lines = lines.join("\n");
    let fence = "`".repeat(longest_run(&lines).max(2) + 1);
    format!("{fence}\n{lines}\n{fence}\n")
}

/// A table; the cells are Markdown already.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = format!("| {} |\n|", head.join(" | "));
    for _ in head {
        out.push_str("---|");
    }
    out.push('\n');
    for row in rows {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    out
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_for_markup() {
        assert_eq!(
            text("a_b *c* <img src=x> [l](u) `d` | # & \u{1b}[31m\u{202e}\n- x"),
            "a\\_b \\*c\\* \\<img src=x\\> \\[l\\](u) \\`d\\` \\| \\# \\& \\\\u{1b}\\[31m\\\\u{202e}\\\\n- x"
        );
    }

    #[test]
    fn code_cannot_be_left() {
        assert_eq!(code("INFO"), "`INFO`");
        assert_eq!(code("a ``b`` | c"), "```a ``b`` \\| c```");
        assert_eq!(code("`x`"), "`` `x` ``");
        assert_eq!(block("a\n```\n<b>\u{7}"), "````\na\n```\n<b>\\u{7}\n````\n");
        assert_eq!(block("a"), "```\na\n```\n");
    }
}
