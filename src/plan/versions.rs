//! What the versions of two servers have to do with a plan in which one is to follow the other.
//! Pure.

use crate::engine::warning::copy::Copy;
use crate::engine::{Ground, Refusal, Warning};
use crate::topology::Node;
use crate::topology::versions::{Said, pair};

/// What to do about two that do not go together.
pub const SAME: &str =
    "use a server for it that takes those copies: the primary's own version, or a newer one";

/// Whether `below` may follow `above`: a refusal where no full copy would ever arrive, a warning
/// where that is not sure.
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
        Some(Said::Never(text)) => {
            let what = format!("{text}, so it would never get in sync");
            refusals.push(Refusal::new(Ground::Version, what, SAME));
        }
        Some(Said::Perhaps(_)) => warnings.push(Warning::of(&below.name, Copy::Version(pair))),
        None => {}
    }
}

/// The same for one that is told to follow by many plans: only what stands against it.
pub fn refused(below: &Node, above: &Node, refusals: &mut Vec<Refusal>) {
    follows(below, above, refusals, &mut Vec::new());
}

/// What is to be said before where nothing is refused for it.
pub fn warning(below: &Node, above: &Node) -> Option<Warning> {
    let pair = pair(below, above)?;
    pair.said(&below.name.0)?;
    Some(Warning::of(&below.name, Copy::Version(pair)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
