//! Starting and stopping the server of a node over its host's shell.

use super::owner::{OWNER, SOCKETS, without_comments};
use super::{Shell, script};
use crate::actions::host::Launch;
use std::time::Duration;

const LIB: &str = include_str!("scripts/lib.sh");
const START: &str = include_str!("scripts/start.sh");
const STOP: &str = include_str!("scripts/stop.sh");

/// The script itself gives up after 15 seconds, more on a host where it cannot sleep for less than
/// one.
const START_LIMIT: Duration = Duration::from_mins(3);

/// Starts the server and sees it listen. The error has the last lines of its log.
pub async fn start(shell: &impl Shell, launch: &Launch) -> Result<String, String> {
    let port = launch.port.to_string();
    let mode = if launch.sentinel { "--sentinel" } else { "" };
    let args: [&str; 9] = [
        &launch.unit,
        &launch.program,
        &launch.config,
        &launch.log_file,
        &launch.user,
        &port,
        &launch.data,
        mode,
        &launch.pid_file,
    ];
    run(shell, START, &args, START_LIMIT)
        .await
        .map_err(|why| format!("{} did not start: {why}", launch.what()))
}

/// Stops whatever server of the Redis family runs on the node's port, and sees it gone. One that
/// does not end within `patience`, as a frozen one never does, is killed.
pub async fn stop(
    shell: &impl Shell,
    launch: &Launch,
    patience: Duration,
) -> Result<String, String> {
    let (port, wait) = (launch.port.to_string(), patience.as_secs().to_string());
    let args = [&launch.unit, &port, &wait, &launch.data, &launch.pid_file];
    let args = args.map(String::as_str);
    run(shell, STOP, &args, patience + Duration::from_mins(1))
        .await
        .map_err(|why| format!("{} was not stopped: {why}", launch.what()))
}

async fn run(
    shell: &impl Shell,
    text: &str,
    args: &[&str],
    limit: Duration,
) -> Result<String, String> {
    let said = script(
        shell,
        &without_comments(&[OWNER, SOCKETS, LIB, text]),
        args,
        Vec::new(),
        limit,
    )
    .await?;
    Ok(said.trim().to_owned())
}
