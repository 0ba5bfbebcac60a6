//! Speaks to the ssh agent with a deadline, which libssh2 does not have. It asks for the keys, and
//! it stands between libssh2 and the agent while the agent signs.

use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long an agent may take to list its keys.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(2);
/// The pause between two tries to connect to an agent whose queue is full.
const TICK: Duration = Duration::from_millis(10);
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
/// OpenSSH's own limit for an agent's message.
const LONGEST: u32 = 256 * 1024;

/// The public keys the agent has, in its order.
///
/// # Errors
/// Where there is no agent, or it does not answer in time.
pub(super) fn keys(socket: &Path) -> io::Result<Vec<Vec<u8>>> {
    let end = Instant::now() + ANSWER_TIME;
    let mut agent = connect(socket, end)?;
    agent.set_write_timeout(Some(ANSWER_TIME))?;
    agent.write_all(&[0, 0, 0, 1, REQUEST_IDENTITIES])?;
    let answer = message(&mut agent, Some(end)).map_err(silence)?;
    parse(&answer).ok_or_else(odd)
}

fn odd() -> io::Error {
    io::Error::other("it does not speak the agent protocol")
}

/// Connects. It waits only for room in the agent's queue, and only until `end`.
fn connect(path: &Path, end: Instant) -> io::Result<UnixStream> {
    loop {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&SockAddr::unix(path)?) {
            Ok(()) => {
                socket.set_nonblocking(false)?;
                return Ok(UnixStream::from(std::os::fd::OwnedFd::from(socket)));
            }
            Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(e),
            Err(e) if Instant::now() >= end => return Err(silence(e)),
            Err(_) => std::thread::sleep(TICK),
        }
    }
}

/// Reads one message without its length, until `end` at the latest.
fn message(from: &mut UnixStream, end: Option<Instant>) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    fill(from, &mut length, end)?;
    let length = u32::from_be_bytes(length);
    if length == 0 || length > LONGEST {
        return Err(odd());
    }
    let mut body = vec![0; usize::try_from(length).unwrap_or(0)];
    fill(from, &mut body, end)?;
    Ok(body)
}

fn fill(from: &mut UnixStream, mut rest: &mut [u8], end: Option<Instant>) -> io::Result<()> {
    while !rest.is_empty() {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        from.set_read_timeout(left)?;
        match from.read(rest) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => rest = &mut rest[n..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// A socket that passes everything on to the agent and back. It closes where the agent is late,
/// because libssh2 would wait for ever.
pub(super) struct Relay {
    folder: TempDir,
    late: Arc<AtomicBool>,
}

impl Relay {
    /// Makes a relay that gives the agent `time` for each signature.
    ///
    /// # Errors
    /// Where there is no agent, or no folder that a socket can be in.
    pub fn start(agent: &Path, time: Duration) -> io::Result<Self> {
        let mut agent = connect(agent, Instant::now() + ANSWER_TIME)?;
        let (folder, listener) = listen()?;
        let late = Arc::<AtomicBool>::default();
        let tell = Arc::clone(&late);
        std::thread::Builder::new()
            .name("ssh-agent".to_owned())
            .spawn(move || {
                let Ok((mut near, _)) = listener.accept() else {
                    return;
                };
                drop(listener);
                let end = pass_on(&mut near, &mut agent, time).err();
                let is_late = end.is_some_and(|e| e.kind() == io::ErrorKind::WouldBlock);
                // This comes before the close of the socket, for libssh2 notices only that.
                tell.store(is_late, Ordering::Release);
                drop(near);
            })?;
        Ok(Self { folder, late })
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Whether the agent did not answer in its time.
    pub fn is_late(&self) -> bool {
        self.late.load(Ordering::Acquire)
    }
}

impl Drop for Relay {
    /// Ends the thread where nobody has connected.
    fn drop(&mut self) {
        let _ = UnixStream::connect(self.path());
    }
}

/// Listens in a folder that only this user may enter, and whose name is short enough for a socket.
fn listen() -> io::Result<(TempDir, UnixListener)> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let bases = [own, Some(std::env::temp_dir()), Some(PathBuf::from("/tmp"))];
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for base in bases.into_iter().flatten() {
        let made = tempfile::Builder::new()
            .prefix("replctl-agent-")
            .tempdir_in(base)
            .and_then(|folder| {
                let listener = UnixListener::bind(folder.path().join("s"))?;
                Ok((folder, listener))
            });
        match made {
            Ok(made) => return Ok(made),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Passes on requests and answers until one side ends. It always returns an error.
fn pass_on(near: &mut UnixStream, agent: &mut UnixStream, time: Duration) -> io::Result<()> {
    near.set_write_timeout(Some(ANSWER_TIME))?;
    agent.set_write_timeout(Some(ANSWER_TIME))?;
    loop {
        let request = message(near, None)?;
        let time = match request.first() {
            Some(&REQUEST_IDENTITIES) => ANSWER_TIME,
            Some(_) | None => time,
        };
        send(agent, &request)?;
        let answer = message(agent, Some(Instant::now() + time))?;
        send(near, &answer)?;
    }
}

fn send(to: &mut UnixStream, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(body);
    to.write_all(&message)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The agent lists no key, signs the first request and lets the others wait.
    #[test]
    fn an_agent_that_does_not_sign_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            let (mut from, _) = listener.accept().unwrap();
            let mut signs = true;
            while let Ok(request) = message(&mut from, None) {
                match request[0] {
                    REQUEST_IDENTITIES => {
                        send(&mut from, &[IDENTITIES_ANSWER, 0, 0, 0, 0]).unwrap();
                    }
                    _ if signs => send(&mut from, b"\x0esigned").unwrap(),
                    // A byte now and then is no answer.
                    _ => {
                        from.write_all(&[0, 0, 1, 0]).unwrap();
                        while from.write_all(&[0]).is_ok() {
                            std::thread::sleep(Duration::from_millis(100));
                        }
                    }
                }
                signs &= request[0] == REQUEST_IDENTITIES;
            }
        });
        let relay = Relay::start(&path, Duration::from_millis(300)).unwrap();
        let mut near = UnixStream::connect(relay.path()).unwrap();
        let mut ask = |request: &[u8]| {
            send(&mut near, request).unwrap();
            message(&mut near, Some(Instant::now() + Duration::from_secs(20)))
        };
        assert_eq!(
            ask(&[REQUEST_IDENTITIES]).unwrap(),
            [IDENTITIES_ANSWER, 0, 0, 0, 0]
        );
        assert_eq!(ask(b"\x0dsign this").unwrap(), b"\x0esigned");
        assert!(!relay.is_late());
        let end = ask(b"\x0dsign that").unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
        let end = Instant::now() + Duration::from_secs(5);
        while !relay.is_late() && Instant::now() < end {
            std::thread::sleep(TICK);
        }
        assert!(relay.is_late());
    }
}
