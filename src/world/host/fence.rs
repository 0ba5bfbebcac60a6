//! Writes a role into the configuration file of a server that does not run.

use super::Shell;
use super::owner::on_file;
use crate::topology::Address;

const FENCE: &str = include_str!("scripts/fence.sh");

/// Writes `replicaof` into `file` in place of any earlier role, and reads it back. The server runs
/// as `user`.
pub async fn fence(
    shell: &impl Shell,
    file: &str,
    user: &str,
    upstream: &Address,
) -> Result<String, String> {
    let port = upstream.port.to_string();
    let args = [upstream.host.as_str(), &port];
    let said = on_file(shell, FENCE, file, user, &args, Vec::new()).await?;
    let wanted = format!("replicaof {} {}", upstream.host, upstream.port);
    if said.trim() == wanted {
        Ok(format!("read back from {file}: {wanted}"))
    } else {
        Err(format!(
            "{file} does not have `{wanted}` after it was written"
        ))
    }
}
