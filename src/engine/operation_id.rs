//! The operation in the journal that a command line means.

use crate::error::{Exit, Problem, Result};
use crate::output;

/// The word for the newest operation.
pub const LAST: &str = "last";

/// Finds the operation by `last`, by its id, or by a beginning that no other id has. `ids`: newest
/// first.
pub fn find<'a>(ids: &'a [String], wanted: &str, deployment: &str) -> Result<&'a str> {
    let usage = |what: String| Problem::new(what).hint("replctl history").exit(Exit::Usage);
    if wanted == LAST {
        let newest = ids.first().map(String::as_str);
        return newest.ok_or_else(|| {
            usage(format!(
                "no operation on `{deployment}` is recorded on this machine"
            ))
        });
    }
    if let Some(whole) = ids.iter().find(|id| *id == wanted) {
        return Ok(whole);
    }
    let wanted_shown = output::escape(wanted);
    let begin: Vec<&String> = ids.iter().filter(|id| id.starts_with(wanted)).collect();
    match begin[..] {
        [one] => Ok(one),
        [] => Err(usage(format!("there is no operation `{wanted_shown}`"))),
        _ => Err(usage(format!(
            "{} operations begin with `{wanted_shown}`",
            begin.len()
        ))),
    }
}
