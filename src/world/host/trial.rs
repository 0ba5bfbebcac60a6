//! Starts a server program on a host to hear what it says of directives. Nothing is left there.

use super::owner::OWNER;
use super::{Shell, script};
use std::time::Duration;

/// The script, to be put behind [`OWNER`].
const TRIAL: &str = include_str!("scripts/trial.sh");

/// The script itself gives up after five seconds.
const LIMIT: Duration = Duration::from_secs(20);

/// The whole script: its arguments are the program and the user, its input the directives.
pub fn text() -> String {
    format!("{OWNER}{TRIAL}")
}

/// What `program` prints that is started as `user` with these lines.
pub async fn trial(
    shell: &impl Shell,
    program: &str,
    user: &str,
    lines: &str,
) -> Result<String, String> {
    let lines = lines.as_bytes().to_vec();
    script(shell, &text(), &[program, user], lines, LIMIT).await
}
