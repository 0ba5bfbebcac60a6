//! Completion scripts, completion of node names, man pages: all from the clap definitions.

use clap_complete::CompletionCandidate;

/// The nodes of the inventory, replicas first. No network, no questions.
pub fn promotable() -> Vec<CompletionCandidate> {
    Vec::new()
}
