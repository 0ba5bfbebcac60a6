//! The role in the file of a server that does not run.

use super::Shell;
use super::files::quick;
use crate::topology::Address;

const FENCE: &str = include_str!("scripts/fence.sh");

/// Writes `replicaof` into `file` in place of any earlier role, and reads it back.
pub async fn fence(shell: &impl Shell, file: &str, upstream: &Address) -> Result<String, String> {
    let said = quick(
        shell,
        FENCE,
        &[file, &upstream.host, &upstream.port.to_string()],
    )
    .await?;
    let wanted = format!("replicaof {} {}", upstream.host, upstream.port);
    if said.trim() == wanted {
        Ok(format!("read back from {file}: {wanted}"))
    } else {
        Err(format!(
            "{file} does not have `{wanted}` after it was written"
        ))
    }
}
