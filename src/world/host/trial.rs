//! Starts a server program on a host to read what it prints about directives. Nothing stays there.

use super::owner::OWNER;
use super::{Shell, script};
use std::time::Duration;

/// The script. It goes behind [`OWNER`].
const TRIAL: &str = include_str!("scripts/trial.sh");

/// The script itself gives up after five seconds.
const LIMIT: Duration = Duration::from_secs(20);

/// The whole script. Its arguments are the program and the user. Its input is the directives.
pub fn text() -> String {
    format!("{OWNER}{TRIAL}")
}

/// Starts `program` as `user` with these lines, and returns what it prints.
pub async fn trial(
    shell: &impl Shell,
    program: &str,
    user: &str,
    lines: &str,
) -> Result<String, String> {
    let lines = lines.as_bytes().to_vec();
    script(shell, &text(), &[program, user], lines, LIMIT).await
}
