//! The installed `ssh` as the way to a host. One client holds one connection, and every command and
//! tunnel goes through it. The client and its configuration decide about the way, the keys, and the
//! host keys to trust.
//!
//! The client belongs to us. It runs in a session of its own, so that no Ctrl-C ends it before us.
//! It ends with us. Its control socket lies in a folder that only we may enter.

mod folder;
mod jumps;
mod plan;
mod questions;
mod session;
mod wire;
mod words;

pub(super) use plan::{Plan, resolve};
pub use questions::{ASKPASS, answer as answer_askpass};
pub(super) use session::Session;

use super::conn::Until;
use super::connect::Context;
use super::error::{SshError, SshErrorKind};
use super::settings::Target;
use super::{ask, detached};
use crate::world::busy::patience;
use questions::Desk;
use rustix::process::{Pid, Signal, kill_process};
use session::Control;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The pause between two looks whether the login is done.
const TICK: Duration = Duration::from_millis(5);
/// How long a client may take to end by itself.
const GOODBYE: Duration = Duration::from_millis(500);
/// The most that is kept of a client's messages, in bytes.
const SAID: usize = 16 * 1024;
/// A client that holds the connection to one host. It ends when this value is dropped.
pub(super) struct Master {
    client: Arc<Client>,
    said: Arc<Mutex<Vec<u8>>>,
    socket: PathBuf,
    /// Nothing new may be opened on it.
    given_up: AtomicBool,
}

/// The process, and the folder that belongs to it.
struct Client {
    child: Mutex<Child>,
    folder: Mutex<Option<TempDir>>,
}

/// The clients of this process, which end with it.
static ALL: Mutex<Vec<Arc<Client>>> = Mutex::new(Vec::new());

/// Ends all clients. It does not wait for those who still use one.
pub fn end_all() {
    let all: Vec<_> = ask::lock(&ALL).drain(..).collect();
    for client in &all {
        client.say_goodbye();
    }
    for client in &all {
        client.end();
    }
}

impl Master {
    /// Starts a client, and waits until it is logged in.
    ///
    /// # Errors
    /// Every kind except those of commands and transfers, by what ssh says.
    pub fn start(context: &Context, target: &Target, plan: &Plan) -> Result<Arc<Self>, SshError> {
        let cannot = |e: io::Error| {
            let what = format!("cannot start ssh for {}", target.shown());
            SshError::new(SshErrorKind::Io, what).cause(e)
        };
        let folder = folder::make().map_err(cannot)?;
        let socket = folder.path().join("s");
        let mut desk = Desk::open(context, target, plan, folder.path()).map_err(cannot)?;
        let way = jumps::write(&plan.hops, folder.path()).map_err(cannot)?;
        let mut command = Command::new("ssh");
        command
            .args(&way)
            .arg("-o")
            .arg(format!("ControlPath={}", socket.display()))
            .args(&plan.arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        desk.tell(&mut command);
        let mut child = detached::start(command, true).map_err(|e| {
            if e.kind() == io::ErrorKind::NotFound {
                plan::not_installed(&target.command)
            } else {
                cannot(e)
            }
        })?;
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(stderr) = child.stderr.take()
            && let Err(error) = listen(stderr, &said)
        {
            let _ = child.kill();
            let _ = child.wait();
            return Err(cannot(error));
        }
        let client = Arc::new(Client {
            child: Mutex::new(child),
            folder: Mutex::new(Some(folder)),
        });
        ask::lock(&ALL).push(Arc::clone(&client));
        let master = Arc::new(Self {
            client,
            said,
            socket,
            given_up: AtomicBool::new(false),
        });
        master.log_in(context, target, plan, &mut desk)?;
        *ask::lock(&plan.current) = Arc::downgrade(&master);
        Ok(master)
    }

    fn log_in(
        &self,
        context: &Context,
        target: &Target,
        plan: &Plan,
        desk: &mut Desk<'_>,
    ) -> Result<(), SshError> {
        let options = &context.options;
        let connect = plan.patience.unwrap_or(options.connect_timeout);
        let time = patience(connect + options.handshake_timeout + options.auth_timeout);
        let mut until = Until::for_tidying(time);
        let mut asked: Option<Control> = None;
        loop {
            // The time in which a question is on the terminal does not count.
            until.end += desk.serve();
            if self.has_ended() {
                return Err(self.explain(target, plan));
            }
            let answered = match &mut asked {
                Some(control) => control.next(),
                None => match Control::ask(&self.socket, wire::Request::Alive, &[]) {
                    Ok(control) => {
                        asked = Some(control);
                        continue;
                    }
                    Err(_) => Ok(None),
                },
            };
            match answered {
                Ok(Some(wire::Answer::Alive)) => {
                    desk.proven();
                    return Ok(());
                }
                Ok(_) => {}
                Err(_) => asked = None,
            }
            if until.over().is_some() {
                let what = format!(
                    "ssh has not logged in to {} within {} s",
                    target.shown(),
                    time.as_secs()
                );
                return Err(SshError::new(SshErrorKind::Frozen, what)
                    .cause(words::reason(&self.words()))
                    .hint(format!("try: {} true", target.command)));
            }
            std::thread::sleep(TICK);
        }
    }

    /// Why ssh has ended without a login.
    fn explain(&self, target: &Target, plan: &Plan) -> SshError {
        // The last words may still be on their way.
        let end = Instant::now() + Duration::from_millis(300);
        while Arc::strong_count(&self.said) > 1 && Instant::now() < end {
            std::thread::sleep(TICK);
        }
        let (said, shown) = (self.words(), target.shown());
        let kind = words::kind(&said);
        let (what, command) = match plan.stopped_at(&said) {
            Some(hop) => (
                format!(
                    "ssh cannot log in to {}, through which it reaches {shown}",
                    hop.shown
                ),
                &hop.command,
            ),
            None => (format!("ssh cannot log in to {shown}"), &target.command),
        };
        let hint = if kind == SshErrorKind::HostKeyUnknown {
            format!("compare its key and accept it: {command} true (or --accept-new-host-keys)")
        } else {
            format!("try: {command} true")
        };
        SshError::new(kind, what)
            .cause(words::reason(&said))
            .hint(hint)
    }

    /// The control socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether the client has ended, or nothing new may be opened on it.
    pub fn has_ended(&self) -> bool {
        self.given_up.load(Ordering::Acquire) || self.client.has_ended()
    }

    /// Checks in the background whether the host still opens anything. If not, the next command or
    /// tunnel gets another client.
    pub fn doubt(this: &Arc<Self>, time: Duration) {
        let master = Arc::clone(this);
        let look = move || {
            if !session::opens(&master, &Until::for_tidying(time)) {
                master.given_up.store(true, Ordering::Release);
            }
        };
        let started = std::thread::Builder::new()
            .name("ssh-doubt".to_owned())
            .spawn(look);
        if started.is_err() {
            this.given_up.store(true, Ordering::Release);
        }
    }

    /// Whether the client ends within that time.
    pub fn falls(&self, within: Duration) -> bool {
        self.client.falls(within)
    }

    /// The last words of a client that has ended, or else `otherwise`.
    pub fn why_broken(&self, otherwise: &str) -> String {
        match self
            .words()
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty())
        {
            Some(last) if self.has_ended() => last.chars().take(300).collect(),
            Some(_) | None => otherwise.to_owned(),
        }
    }

    fn words(&self) -> String {
        String::from_utf8_lossy(&ask::lock(&self.said)).into_owned()
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.client.say_goodbye();
        self.client.end();
        ask::lock(&ALL).retain(|client| !Arc::ptr_eq(client, &self.client));
    }
}

impl Client {
    fn has_ended(&self) -> bool {
        ask::lock(&self.child)
            .try_wait()
            .map_or(true, |ended| ended.is_some())
    }

    fn falls(&self, within: Duration) -> bool {
        let end = Instant::now() + within;
        while !self.has_ended() {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(TICK);
        }
        true
    }

    /// Tells the client to end.
    fn say_goodbye(&self) {
        let mut child = ask::lock(&self.child);
        if matches!(child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        }
    }

    /// Makes sure that the client has ended, and that nothing of it stays.
    fn end(&self) {
        if !self.falls(GOODBYE) {
            let mut child = ask::lock(&self.child);
            let _ = child.kill();
            let _ = child.wait();
        }
        ask::lock(&self.folder).take();
    }
}

/// Keeps the last of a client's messages.
fn listen(mut from: impl io::Read + Send + 'static, into: &Arc<Mutex<Vec<u8>>>) -> io::Result<()> {
    let said = Arc::clone(into);
    std::thread::Builder::new()
        .name("ssh-words".to_owned())
        .spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut buffer) {
                let mut said = ask::lock(&said);
                said.extend_from_slice(&buffer[..n]);
                let over = said.len().saturating_sub(SAID);
                said.drain(..over);
            }
        })
        .map(drop)
}

#[cfg(test)]
mod tests;
