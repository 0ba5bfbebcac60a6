//! From a target to a logged-in session: name, connection (through other hosts where configured),
//! handshake, host key, login. Blocking; each part has its own time-out, and none of them counts
//! the time a question stands on the terminal.

use super::ask::{Questions, lock};
use super::auth::{Authentication, Bound};
use super::conn::{Conn, Wire};
use super::directives::WAY_OUT;
use super::error::{SshError, SshErrorKind, words};
use super::settings::{self, Target};
use super::watch::Watch;
use super::{Options, algorithms, dial, hostkey, tunnel};
use crate::world::busy::patience;
use ssh2::Session;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Connections being made to one host at a time: sshd drops some of more than ten that are not
/// logged in yet (`MaxStartups`).
const AT_ONCE: usize = 4;
/// How long a host is tried again that ends connections before the login, where it is known to be
/// an SSH server that is busy.
const PATIENCE: Duration = Duration::from_secs(12);
/// The same where it has never been seen to be one.
const LITTLE_PATIENCE: Duration = Duration::from_secs(1);
/// How much later than libssh2 we look at the clock, which it does not do while bytes arrive.
const SLACK: Duration = Duration::from_millis(500);
/// Hosts to go through at most, so that a configuration that refers to itself ends.
pub(super) const MOST_HOPS: usize = 8;

/// What all connections of a run share.
pub(super) struct Context {
    pub options: Options,
    pub questions: Questions,
    gate: Gate,
}

impl Context {
    pub fn new(options: Options) -> Self {
        let questions = Questions::new(options.ask.clone());
        Self {
            options,
            questions,
            gate: Gate::default(),
        }
    }

    /// Connects and logs in.
    ///
    /// # Errors
    /// Every kind but those of commands and transfers.
    pub fn connect(&self, target: &Target) -> Result<Conn, SshError> {
        self.connect_at(target, 0)
    }

    fn connect_at(&self, target: &Target, depth: usize) -> Result<Conn, SshError> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let patience = if self.gate.has_met(target) {
                PATIENCE
            } else {
                LITTLE_PATIENCE
            };
            match self.try_once(target, depth) {
                // The host may have too many logins pending: a little later, and not all at the
                // same moment.
                Err(e)
                    if e.kind == SshErrorKind::Handshake && began.elapsed() + pause < patience =>
                {
                    std::thread::sleep(pause + jitter());
                    pause = (pause * 2).min(Duration::from_millis(800));
                }
                other => return other,
            }
        }
    }

    fn try_once(&self, target: &Target, depth: usize) -> Result<Conn, SshError> {
        // The way through another host is made before the turn at this one is taken: turns are
        // never held inside each other.
        let tunnel = match target.jumps.split_last() {
            Some((last, before)) => Some(self.through(target, last, before, depth)?),
            None => None,
        };
        let _turn = self.gate.enter(&target.host, target.port);
        let wire = match tunnel {
            Some(wire) => wire,
            None => dial::open(target, &self.options)?,
        };
        self.log_in(target, wire)
    }

    fn through(
        &self,
        target: &Target,
        last: &settings::Jump,
        before: &[settings::Jump],
        depth: usize,
    ) -> Result<Wire, SshError> {
        if depth >= MOST_HOPS {
            return Err(too_many_hosts(target));
        }
        let hop = settings::resolve_jump(&self.options, target, last, before)?;
        let conn = self.connect_at(&hop, depth + 1)?;
        let near = tunnel::open(
            conn,
            &hop,
            &target.host,
            target.port,
            target.reach.time.unwrap_or(self.options.handshake_timeout),
        )?;
        Ok(Wire::Tunnel(near))
    }

    fn log_in(&self, target: &Target, wire: Wire) -> Result<Conn, SshError> {
        let io = |e: io::Error| {
            SshError::new(
                SshErrorKind::Io,
                format!("cannot use the connection to {}", target.shown()),
            )
            .cause(e)
        };
        let ours = |e: ssh2::Error| {
            SshError::new(SshErrorKind::Io, "cannot begin an ssh session").cause(words(&e))
        };
        let mut session = Session::new().map_err(ours)?;
        match &wire {
            Wire::Tcp(socket, _) => session.set_tcp_stream(socket.try_clone().map_err(io)?),
            Wire::Tunnel(socket) | Wire::Command(socket, _) => {
                session.set_tcp_stream(socket.try_clone().map_err(io)?);
            }
        }
        let kept = Arc::new(wire);
        match self.shake_hands(&mut session, target, &kept) {
            Ok(()) => Ok(Conn::new(session, kept)),
            Err(e) => {
                // Dropping a session waits for its time-out once more, unless the socket is down.
                kept.cut();
                Err(e)
            }
        }
    }

    fn shake_hands(
        &self,
        session: &mut Session,
        target: &Target,
        wire: &Arc<Wire>,
    ) -> Result<(), SshError> {
        algorithms::offer(session, target, &hostkey::algorithms(target)?)?;
        let limit = target.reach.time.unwrap_or(self.options.handshake_timeout);
        let time = patience(limit);
        session.set_timeout(milliseconds(time));
        let began = Instant::now();
        let watch = Watch::within(wire, time + SLACK);
        let shaken = session.handshake();
        shaken.map_err(|e| {
            let late = watch.is_over().then(|| began.elapsed());
            shake_failed(target, wire, &e, late.or(timed_out(&e, began)))
        })?;
        drop(watch);
        self.gate.meet(target);
        let Some((key, _)) = session.host_key() else {
            return Err(SshError::new(
                SshErrorKind::Handshake,
                format!("{} shows no host key", target.shown()),
            ));
        };
        let peer = match &**wire {
            Wire::Tcp(socket, _) => socket.peer_addr().ok().map(|address| address.ip()),
            Wire::Tunnel(_) | Wire::Command(..) => None,
        };
        hostkey::check(
            key,
            target,
            peer,
            &self.questions,
            self.options.accept_new_host_keys,
        )?;
        let time = patience(self.options.auth_timeout);
        session.set_timeout(milliseconds(time));
        Authentication::new(session, target, &self.questions, Bound { wire, time }).run()
    }
}

/// The way to it has no end, or more than [`MOST_HOPS`] hosts.
pub(super) fn too_many_hosts(target: &Target) -> SshError {
    SshError::new(
        SshErrorKind::Config,
        format!("{} is reached through too many hosts", target.shown()),
    )
    .hint(format!(
        "{} | grep -i proxyjump",
        target.command.replacen("ssh", "ssh -G", 1)
    ))
}

/// How long it took, where libssh2's own clock has ended it.
fn timed_out(error: &ssh2::Error, began: Instant) -> Option<Duration> {
    let is = [
        libssh2_sys::LIBSSH2_ERROR_TIMEOUT,
        libssh2_sys::LIBSSH2_ERROR_SOCKET_TIMEOUT,
    ];
    let is = is.map(ssh2::ErrorCode::Session).contains(&error.code());
    is.then(|| began.elapsed())
}

/// Why there was no handshake; `late`: its time was over.
fn shake_failed(
    target: &Target,
    wire: &Wire,
    error: &ssh2::Error,
    late: Option<Duration>,
) -> SshError {
    let place = target.place();
    let code = match error.code() {
        ssh2::ErrorCode::Session(code) => code,
        ssh2::ErrorCode::SFTP(_) => 0,
    };
    let look = target.command.replacen("ssh", "ssh -v", 1);
    if let Some(took) = late {
        let failure = SshError::new(
            SshErrorKind::Frozen,
            format!(
                "the ssh handshake with {place} did not end within {:.1} s",
                took.as_secs_f32()
            ),
        );
        return said_by(wire, failure).hint(format!(
            "the host may be frozen or overloaded, or something else than sshd may answer there: {look}; for a slow one there is `ConnectTimeout` in ~/.ssh/config"
        ));
    }
    let failure = match code {
        libssh2_sys::LIBSSH2_ERROR_KEX_FAILURE | libssh2_sys::LIBSSH2_ERROR_METHOD_NONE => {
            SshError::new(
                SshErrorKind::Handshake,
                format!("{place} has no algorithm in common with replctl"),
            )
            .hint(format!(
                "`{look}` shows what it has; where ssh itself gets in, {WAY_OUT}"
            ))
        }
        _ if target.proxy.is_some() => SshError::new(
            SshErrorKind::Io,
            format!(
                "the ProxyCommand of {} did not lead to an ssh server",
                target.shown()
            ),
        )
        .hint(format!(
            "`{look}` shows why; where it asks on the terminal, {WAY_OUT}"
        )),
        _ => SshError::new(
            SshErrorKind::Handshake,
            format!("{place} ended the connection before the login"),
        )
        .hint(format!(
            "too many connections at once, or no ssh server there: {look}"
        )),
    };
    said_by(wire, failure.cause(words(error)))
}

/// With what the process of a `ProxyCommand` said.
fn said_by(wire: &Wire, failure: SshError) -> SshError {
    let Wire::Command(_, process) = wire else {
        return failure;
    };
    // What it says comes before its end, but perhaps after ours.
    let ended = process.ended(Duration::from_millis(200));
    let failure = match ended {
        Some(status) => failure.cause(format!("it ended: {status}")),
        None => failure,
    };
    failure.cause(process.last_stderr_lines())
}

fn milliseconds(time: Duration) -> u32 {
    // 0 would mean "for ever".
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1)
}

fn jitter() -> Duration {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |t| t.subsec_nanos());
    Duration::from_millis(u64::from(nanos / 1000 % 50))
}

/// Lets only so many connections to one host be made at once.
#[derive(Default)]
struct Gate {
    busy: Mutex<HashMap<(String, u16), usize>>,
    met: Mutex<HashSet<(String, u16)>>,
    freed: Condvar,
}

struct Turn<'a> {
    gate: &'a Gate,
    place: (String, u16),
}

impl Gate {
    /// This host has shaken hands with us before.
    fn has_met(&self, target: &Target) -> bool {
        lock(&self.met).contains(&(target.host.clone(), target.port))
    }

    fn meet(&self, target: &Target) {
        lock(&self.met).insert((target.host.clone(), target.port));
    }

    fn enter(&self, host: &str, port: u16) -> Turn<'_> {
        let place = (host.to_owned(), port);
        let mut busy = lock(&self.busy);
        while busy.get(&place).is_some_and(|n| *n >= AT_ONCE) {
            busy = self
                .freed
                .wait(busy)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *busy.entry(place.clone()).or_insert(0) += 1;
        Turn { gate: self, place }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut busy = lock(&self.gate.busy);
        if let Some(n) = busy.get_mut(&self.place) {
            *n = n.saturating_sub(1);
        }
        drop(busy);
        self.gate.freed.notify_all();
    }
}
