//! Ends what an earlier run may still have under way on servers.

use super::connections::Connections;
use super::role_change;
use crate::error::{Error, Exit, Problem, Reason, Result};
use crate::topology::NodeName;
use futures::future::join_all;

/// Kills the connections of an earlier run, so that nothing it sent can still be run, and sees that
/// their servers answer.
///
/// # Errors
/// The servers that do not.
pub async fn settle(connections: &Connections, earlier: &[(NodeName, u64)]) -> Result<()> {
    let settled = join_all(earlier.iter().map(|(node, id)| async move {
        let settled = role_change::settle(connections, node, Some(*id)).await;
        (node, settled)
    }))
    .await;
    let mut problems = Vec::new();
    for (node, result) in settled {
        if let Err(why) = result {
            let what = format!(
                "`{node}` cannot be asked for the result of the operation; nothing was touched"
            );
            problems.push(Problem::new(what).cause(crate::output::escape(&why)).hint("bring it back, then: replctl resume; or, if it is lost: replctl promote NODE --abandon-unfinished").because(Reason::Unreachable));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error {
            problems,
            exit: Exit::Stopped,
        })
    }
}
