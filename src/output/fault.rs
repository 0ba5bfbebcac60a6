//! The parts of every command's JSON document beside its own content: the warnings, and the error
//! that ended the command.

use super::form::Changed;
use super::json::{document, harmless};
use crate::engine::Warning;
use crate::error::{Exit, Problem, Reason};
use crate::topology::NodeName;
use serde::Serialize;

/// What ended a run.
#[derive(Debug, Serialize)]
pub struct Fault {
    /// The kind of error, by the exit code.
    code: &'static str,
    /// The cause in one word, more exact than the code.
    reason: Reason,
    exit: u8,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    /// Whether the command changed something.
    changed: Changed,
    /// The other problems, if there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    further: Vec<Further>,
}

#[derive(Debug, Serialize)]
struct Further {
    reason: Reason,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Fault {
    /// The fault for the problems that ended the run; `None` if there are none.
    pub fn of(problems: &[Problem], exit: Exit) -> Option<Self> {
        let mut all = problems.iter().map(|problem| Further {
            reason: problem.reason.unwrap_or(exit.reason()),
            message: problem.what.clone(),
            causes: problem.causes.clone(),
            hint: problem.hint.clone(),
        });
        let first = all.next()?;
        let code = match exit {
            Exit::Done => return None,
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::Refused => "refused",
            Exit::Problems => "problems",
            Exit::Stopped => "stopped",
            Exit::Interrupted => "interrupted",
        };
        Some(Self {
            code,
            reason: first.reason,
            exit: exit as u8,
            message: first.message,
            causes: first.causes,
            hint: first.hint,
            changed: Changed::No,
            further: all.collect(),
        })
    }
}

impl Fault {
    /// The same, with the errors before it.
    pub fn and(mut self, earlier: Self) -> Self {
        self.further.push(Further {
            reason: earlier.reason,
            message: earlier.message,
            causes: earlier.causes,
            hint: earlier.hint,
        });
        self.further.extend(earlier.further);
        self
    }

    /// The same, with what the command changed.
    pub fn after(self, changed: Changed) -> Self {
        Self { changed, ..self }
    }
}

/// The last fields of a document.
#[derive(Debug, Default, Serialize)]
pub struct Rest {
    /// The warnings.
    pub warnings: Vec<String>,
    /// The warnings of the plan, as data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// What ended the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
}

/// A warning of a plan, as data.
#[derive(Debug, Serialize)]
pub struct Notice {
    code: &'static str,
    node: Option<NodeName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nodes: Vec<NodeName>,
    message: String,
}

impl Notice {
    /// That of a warning.
    pub fn of(warning: &Warning) -> Self {
        Self {
            code: warning.code(),
            node: warning.node.clone(),
            nodes: warning.further_nodes(),
            message: warning.text(),
        }
    }
}

/// A document as it is printed at the end: with the warnings, and with its error as the last field.
/// Without a document, it has only these.
pub fn finished(made: Option<String>, rest: Rest) -> String {
    let made = made.unwrap_or_else(|| document(&serde_json::Map::new()));
    let (made, own) = taken(made);
    let mut all: Vec<String> = own;
    for warning in rest.warnings {
        // People see the warnings of a plan, too.
        if !all.contains(&warning) {
            all.push(warning);
        }
    }
    let warnings = all;
    with(made, &Rest { warnings, ..rest })
}

/// A document with further fields.
fn with(made: String, fields: &impl Serialize) -> String {
    let fields = serde_json::to_string_pretty(fields).unwrap_or_default();
    match (made.strip_suffix("\n}"), fields.strip_prefix("{\n")) {
        (Some(before), Some(fields)) => format!("{before},\n{}", harmless(fields)),
        (Some(_) | None, _) => made,
    }
}

/// A document without its warnings, and the warnings.
fn taken(made: String) -> (String, Vec<String>) {
    // A line that begins so is a field of the document itself: inner fields are indented further,
    // and no string has a line end in it.
    let begin = ",\n  \"warnings\": ";
    let found = made.find(begin).and_then(|at| {
        let rest = &made[at + begin.len()..];
        let mut read = serde_json::Deserializer::from_str(rest).into_iter::<Vec<String>>();
        let own = read.next()?.ok()?;
        Some((at, at + begin.len() + read.byte_offset(), own))
    });
    match found {
        Some((at, end, own)) => (format!("{}{}", &made[..at], &made[end..]), own),
        None => (made, Vec::new()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::engine::warning::host::Host;
    use crate::engine::warning::password::Password;

    #[test]
    fn an_error_is_a_field_of_the_document_that_there_is() {
        let hostile = "a \u{7f}\u{202e} \"quoted\"\n}";
        let problems = [hostile, "another"].map(|what| Problem::new(what).hint("do"));
        let fault = || {
            let fault = Fault::of(&problems, Exit::Stopped);
            fault.map(|fault| fault.after(Changed::Unknown))
        };
        let made = document(&serde_json::json!({ "node": hostile, "list": [{}] }));
        for document in [Some(made.clone()), None] {
            let had = document.is_some();
            let rest = Rest {
                error: fault(),
                ..Rest::default()
            };
            let text = finished(document, rest);
            assert!(!text.contains('\u{7f}') && !text.contains('\u{202e}'));
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(json["format"], 1);
            assert_eq!(json.get("node").is_some(), had);
            assert_eq!(json["error"]["message"], hostile);
            assert_eq!(json["error"]["code"], "stopped");
            assert_eq!(json["error"]["reason"], "failed_half_way");
            assert_eq!(json["error"]["exit"], 5);
            assert_eq!(json["error"]["changed"], "unknown");
            assert_eq!(json["error"]["further"][0]["message"], "another");
        }
        let alone: serde_json::Value =
            serde_json::from_str(&finished(Some(made), Rest::default())).unwrap();
        assert!(alone.get("error").is_none(), "{alone:#}");
        assert!(alone.get("notices").is_none(), "{alone:#}");
    }

    #[test]
    fn what_was_warned_of_stands_in_every_document_once() {
        let hostile = "a \u{7f}\u{202e}\n  \"warnings\": [\"x\"]";
        let given = || Rest {
            warnings: vec![hostile.to_owned(), "told to both".to_owned()],
            notices: vec![
                Notice::of(&Warning::of(&"n1".into(), Host::HugePages)),
                Notice::of(&Warning::of_all(Password::Unprotected(vec!["n2".into()]))),
            ],
            error: None,
        };
        for (made, first) in [
            (
                serde_json::json!({ "inner": { "warnings": ["not this"] } }),
                None,
            ),
            (
                serde_json::json!({ "warnings": [], "message": hostile }),
                None,
            ),
            (
                serde_json::json!({ "warnings": ["own", "told to both"], "z": 1 }),
                Some("own"),
            ),
        ] {
            let text = finished(Some(document(&made)), given());
            assert!(!text.contains('\u{7f}') && !text.contains('\u{202e}'));
            assert_eq!(text.matches("\n  \"warnings\"").count(), 1, "{text}");
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let told = json["warnings"].as_array().unwrap();
            let told: Vec<&str> = told.iter().filter_map(|w| w.as_str()).collect();
            match first {
                Some(own) => assert_eq!(told, [own, "told to both", hostile]),
                None => assert_eq!(told, [hostile, "told to both"]),
            }
            for (field, value) in made.as_object().unwrap() {
                assert!(field == "warnings" || json[field] == *value, "{text}");
            }
        }
        let alone = finished(None, given());
        assert!(alone.contains("told to both"), "{alone}");
        let json: serde_json::Value = serde_json::from_str(&alone).unwrap();
        let notice = &json["notices"][0];
        assert_eq!(notice["code"], "huge-pages");
        assert_eq!(notice["node"], "n1");
        assert!(notice.get("nodes").is_none(), "{notice:#}");
        let several = &json["notices"][1];
        assert!(several["node"].is_null(), "{several:#}");
        assert_eq!(several["nodes"], serde_json::json!(["n2"]));
        let told = notice["message"].as_str().unwrap();
        assert!(told.starts_with("the host of `n1`"), "{told}");
    }
}
