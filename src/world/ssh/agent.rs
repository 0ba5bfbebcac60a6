//! Asks the agent for its keys with a deadline. libssh2 waits for an agent for ever, so a stuck one must be found before libssh2
//! talks to it; signing itself is left to libssh2 (and may wait for the operator to touch a token).

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an agent may take to list its keys.
const ANSWER_TIME: Duration = Duration::from_secs(2);
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
/// OpenSSH's own limit for an agent's message.
const LONGEST: u32 = 256 * 1024;

/// The public keys the agent has, in its order.
///
/// # Errors
/// Where there is no agent, or it does not answer in time.
pub(super) fn keys(socket: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut agent = UnixStream::connect(socket)?;
    agent.set_read_timeout(Some(ANSWER_TIME))?;
    agent.set_write_timeout(Some(ANSWER_TIME))?;
    agent.write_all(&[0, 0, 0, 1, REQUEST_IDENTITIES])?;
    let mut length = [0; 4];
    agent.read_exact(&mut length).map_err(silence)?;
    let length = u32::from_be_bytes(length);
    if length == 0 || length > LONGEST {
        return Err(io::Error::other("it does not speak the agent protocol"));
    }
    let mut answer = vec![0; usize::try_from(length).unwrap_or(0)];
    agent.read_exact(&mut answer).map_err(silence)?;
    parse(&answer).ok_or_else(|| io::Error::other("it does not speak the agent protocol"))
}

fn silence(e: io::Error) -> io::Error {
    if e.kind() == io::ErrorKind::WouldBlock {
        io::Error::other("it does not answer")
    } else {
        e
    }
}

fn parse(answer: &[u8]) -> Option<Vec<Vec<u8>>> {
    let rest = answer.strip_prefix(&[IDENTITIES_ANSWER])?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut keys = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        keys.push(field(&mut rest)?.to_vec());
        let _comment = field(&mut rest)?;
    }
    Some(keys)
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let value = after.get(..length)?;
    *rest = &after[length..];
    Some(value)
}
