//! The numbered findings, for people.

use crate::findings::{Finding, Severity};
use crate::output::escape;
use crate::output::paint::Tone;
use crate::output::table::{Options, paint, wrap};
use std::fmt::Write as _;

/// How a finding of this severity is painted.
pub fn style(severity: Severity) -> Tone {
    match severity {
        Severity::Problem => Tone::Bad,
        Severity::Warning => Tone::Warn,
        Severity::Note => Tone::Good,
    }
}

/// The numbered findings.
pub fn findings(findings: &[Finding], options: Options) -> String {
    numbered(findings, false, options)
}

/// The same, each with the code by which `replctl explain` knows it.
pub fn findings_with_codes(findings: &[Finding], options: Options) -> String {
    numbered(findings, true, options)
}

fn numbered(findings: &[Finding], codes: bool, options: Options) -> String {
    let mut out = String::new();
    let digits = findings.len().to_string().len();
    for (number, finding) in findings.iter().enumerate() {
        let indent = digits + 2;
        let kind = match finding.severity {
            Severity::Problem => "problem",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let code = if codes {
            format!(" ({})", finding.code.name())
        } else {
            String::new()
        };
        let sentence = format!(
            "{:>digits$}. {kind}{code}: {}",
            number + 1,
            escape(&finding.message)
        );
        // The text is wrapped before it gets colours, because colours have no width.
        let wrapped = wrap(&sentence, indent, options);
        out.push('\n');
        out.push_str(&wrapped.replacen(kind, &paint(kind, style(finding.severity), options), 1));
        if let Some(hint) = &finding.hint {
            // The hint is not wrapped, so that it can be pasted.
            let _ = write!(out, "\n{}hint: {}", " ".repeat(indent), escape(hint));
        }
    }
    out
}
