//! `check --report`: an inspection report in Markdown.

use super::{
    MATRIX, PLAN, SIDE_BY_SIDE, Shown, matrix, names_left, plan, rate, side_by_side, summed_up,
};
use crate::findings::{Finding, Severity};
use crate::output::escape;
use crate::output::table::Column;
use crate::output::verdict::verdict;
use std::fmt::Write as _;

/// The whole report, without a newline at its end.
pub(super) fn render(seen: &Shown<'_>) -> String {
    let mut out = format!("# Inspection of {}\n\n", text(seen.deployment));
    let sentence = verdict(seen.deployment, seen.topology, seen.findings);
    let (summed, _) = summed_up(seen.findings);
    let when = seen.when.strftime("%F %T UTC");
    let _ = write!(out, "{when}. {}.\n\n{summed}.\n", text(&sentence));
    out.push_str("\n## Address plan\n\n");
    table(&mut out, &PLAN, &plan(seen));
    out.push_str("\n## Hosts\n\n");
    table(&mut out, &SIDE_BY_SIDE, &side_by_side(seen));
    out.push_str("\n## Reachability\n\n");
    table(&mut out, &MATRIX, &matrix(seen));
    if let Some(line) = rate(seen) {
        let _ = write!(out, "\n## Writes\n\n{}.\n", text(&line));
    }
    if let Some(line) = names_left(seen) {
        let _ = write!(out, "\n## Names\n\n{}.\n", text(&line));
    }
    for (title, severity) in [
        ("Problems", Severity::Problem),
        ("Warnings", Severity::Warning),
        ("Notes", Severity::Note),
    ] {
        of_severity(&mut out, title, seen.findings, severity);
    }
    out.truncate(out.trim_end().len());
    out
}

fn of_severity(out: &mut String, title: &str, found: &[Finding], severity: Severity) {
    let of_it: Vec<&Finding> = found.iter().filter(|f| f.severity == severity).collect();
    if of_it.is_empty() {
        return;
    }
    let _ = write!(out, "\n## {title}\n");
    for (number, finding) in of_it.iter().enumerate() {
        let told = finding.code.explanation();
        let _ = write!(
            out,
            "\n{}. **{}**: {}\n\n   {}\n",
            number + 1,
            finding.code.name(),
            text(&finding.message),
            told.meaning
        );
        if let Some(hint) = &finding.hint {
            let hint = escape(hint);
            // The fence must be longer than any row of backquotes in the hint.
            let fence = "`".repeat(longest_row(&hint).max(2) + 1);
            let _ = write!(out, "\n   {fence}\n   {hint}\n   {fence}\n");
        }
    }
}

fn table<const N: usize>(out: &mut String, columns: &[Column; N], rows: &[[String; N]]) {
    let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
    let _ = writeln!(out, "| {} |", titles.join(" | "));
    let _ = writeln!(out, "|{}", "---|".repeat(N));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| text(cell)).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

/// The longest row of backquotes.
fn longest_row(text: &str) -> usize {
    let rows = text.split(|c| c != '`');
    rows.map(str::len).max().unwrap_or(0)
}

/// Escapes text from servers and hosts for Markdown. Text between backquotes stays.
fn text(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let even = words.matches('`').count().is_multiple_of(2);
    let mut code = false;
    for c in escape(words).chars() {
        match c {
            '`' if even => code = !code,
            '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '\\' if !code => out.push('\\'),
            '|' => out.push('\\'),
            _ => {}
        }
        out.push(c);
    }
    out
}
