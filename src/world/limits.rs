//! How many files this process may have open at once: a connection to a server and one to its host
//! for each node.

use crate::error::{Exit, Problem, Result};
use crate::inventory::{NodeSpec, Transport};

/// Open files beside the nodes': the runtime's own, the inventory, the journal, locks, programs
/// that are asked for secrets.
const BESIDE: u64 = 32;
/// Open files for each node: its server's connection and the claim's; the session with its host,
/// and what wakes that session up.
const EACH: u64 = 4;

/// The same for a command that only looks: no claim, and a session without anything to wake up.
const LOOKED_AT: u64 = 2;

/// More for a host that processes of this machine reach: the pipes of its shell for scripts and of
/// a command beside it, and the socket of the `ssh` that holds the connection.
const BY_PROCESSES: u64 = 8;
/// The same for who only looks.
const LOOKED_AT_BY_PROCESSES: u64 = 4;

/// Raises the limit as far as that is allowed and needed.
///
/// # Errors
/// It is too low for so many nodes.
#[allow(unsafe_code)]
pub fn make_room(nodes: &[NodeSpec], looks: bool) -> Result<()> {
    let (each, more) = if looks {
        (LOOKED_AT, LOOKED_AT_BY_PROCESSES)
    } else {
        (EACH, BY_PROCESSES)
    };
    let by_processes = |node: &&NodeSpec| match node.ssh.transport.unwrap_or_default() {
        Transport::Builtin => false,
        Transport::OpenSsh | Transport::Local => true,
    };
    let of_processes = nodes.iter().filter(by_processes).count() as u64;
    let nodes = nodes.len() as u64;
    let needed = BESIDE + each * nodes + more * of_processes;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the call writes into the struct, which lives long enough.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0
        || limit.rlim_cur >= needed
    {
        return Ok(());
    }
    limit.rlim_cur = needed.min(limit.rlim_max);
    // SAFETY: the call reads the struct, which lives long enough.
    let raised = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } == 0;
    if raised && limit.rlim_cur >= needed {
        return Ok(());
    }
    Err(Problem::new(format!(
        "replctl may have only {} files open at once here, and needs {needed} for {nodes} nodes; nothing was touched",
        limit.rlim_max
    ))
    .hint(format!("ulimit -n {needed}, as a user who may raise it"))
    .exit(Exit::Failed))
}
