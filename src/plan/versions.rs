//! Checks the versions of two servers for a plan in which one is to follow the other. Pure.

use crate::engine::warning::copy::Copy;
use crate::engine::{Ground, Refusal, Warning};
use crate::topology::Node;
use crate::topology::versions::{CopySentence, pair};

/// The hint for two versions that do not go together.
pub const SAME: &str =
    "use a server for it that takes those copies: the primary's own version, or a newer one";

/// Whether `below` may follow `above`: a refusal if a full copy can never arrive, a warning if that
/// is unsure.
pub fn follows(
    below: &Node,
    above: &Node,
    refusals: &mut Vec<Refusal>,
    warnings: &mut Vec<Warning>,
) {
    let Some(pair) = pair(below, above) else {
        return;
    };
    match pair.said(&below.name.0) {
        Some(CopySentence::Never(text)) => {
            let what = format!("{text}, so it would never get in sync");
            refusals.push(Refusal::new(Ground::Version, what, SAME));
        }
        Some(CopySentence::Perhaps(_)) => {
            warnings.push(Warning::of(&below.name, Copy::Version(pair)));
        }
        None => {}
    }
}

/// The same for a node in many plans: only the refusals.
pub fn refused(below: &Node, above: &Node, refusals: &mut Vec<Refusal>) {
    follows(below, above, refusals, &mut Vec::new());
}

/// The warning, if there is no refusal.
pub fn warning(below: &Node, above: &Node) -> Option<Warning> {
    let pair = pair(below, above)?;
    pair.said(&below.name.0)?;
    Some(Warning::of(&below.name, Copy::Version(pair)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
