//! What the versions of two servers have to do with a plan in which one is to follow the other.
//! Pure.

use crate::engine::Refusal;
use crate::topology::Node;
use crate::topology::versions::{Said, said};

/// What to do about two that do not go together.
pub const SAME: &str =
    "use a server for it that takes those copies: the primary's own version, or a newer one";

/// Whether `below` may follow `above`: a refusal where no full copy would ever arrive, a warning
/// where that is not sure.
pub fn follows(
    below: &Node,
    above: &Node,
    refusals: &mut Vec<Refusal>,
    warnings: &mut Vec<String>,
) {
    match said(below, above) {
        Some(Said::Never(text)) => {
            let what = format!("{text}, so it would never get in sync");
            refusals.push(Refusal::new(what, SAME));
        }
        Some(Said::Perhaps(text)) => warnings.push(text),
        None => {}
    }
}

/// The same for one that is told to follow by many plans: only what stands against it.
pub fn refused(below: &Node, above: &Node, refusals: &mut Vec<Refusal>) {
    follows(below, above, refusals, &mut Vec::new());
}

/// What is to be said before where nothing is refused for it.
pub fn warning(below: &Node, above: &Node) -> Option<String> {
    match said(below, above)? {
        Said::Never(text) => Some(format!("{text}: its next full resync would never end")),
        Said::Perhaps(text) => Some(text),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
