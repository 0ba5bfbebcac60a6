//! The thread that owns the session of one host. What is asked of it is done one after the other; a session that has died meanwhile is made
//! anew, but never in the middle of a command.

use super::ask::{Answer, Use, no_sudo_password};
use super::conn::{Cancel, Conn, Stop, Until};
use super::connect::Context;
use super::error::{SshError, SshErrorKind, words};
use super::exec::{self, Limit, Request};
use super::holding::Holding;
use super::output::Output;
use super::script::Way;
use super::settings::Target;
use crate::error::Problem;
use crate::output;
use crate::world::busy::patience;
use ssh2::{Channel, ErrorCode};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// What libssh2 says where the server opens no channel.
const NO_CHANNEL: ErrorCode = ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_CHANNEL_FAILURE);
/// How often a channel that was refused is asked for again, and the time between: a second in all.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(50);
/// How often an idle session says that it is alive.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How long the first look at a host may take.
const LOOK_TIME: Duration = Duration::from_secs(15);

/// Something to do on the thread.
pub(super) type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// What is known of the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Login {
    pub uid: u32,
    pub sudo: Sudo,
}

/// How the login becomes root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sudo {
    /// sudo is not there, or the inventory forbids it.
    Absent,
    /// Without a password.
    Free,
    /// With a password, perhaps.
    Asks,
}

/// A command for a worker.
pub(super) struct Order<'a> {
    pub command: &'a str,
    pub root: bool,
    pub stdin: &'a [u8],
    pub limit: Limit,
    pub cancel: &'a Cancel,
    pub progress: &'a dyn Fn(u64),
    /// It goes on for as long as the session does.
    pub stays: bool,
}

impl<'a> Order<'a> {
    pub fn new(command: &'a str, root: bool, limit: Limit, cancel: &'a Cancel) -> Self {
        Self {
            command,
            root,
            stdin: &[],
            limit,
            cancel,
            progress: &|_| {},
            stays: false,
        }
    }
}

/// One host's session and what is known of it.
pub(super) struct Worker {
    context: Arc<Context>,
    target: Arc<Target>,
    pub(super) conn: Option<Conn>,
    login: Option<Login>,
    /// What goes on beside all other commands: without it none is run.
    pub(super) holding: Option<Holding>,
}

/// Starts the thread; it ends, with a goodbye to the host, when the sender is dropped.
///
/// # Errors
/// Where the system starts no more threads.
pub(super) fn start(context: Arc<Context>, target: Arc<Target>) -> Result<Sender<Job>, SshError> {
    let (sender, jobs) = channel::<Job>();
    let shown = target.shown();
    let worker = Worker {
        context,
        target,
        conn: None,
        login: None,
        holding: None,
    };
    std::thread::Builder::new()
        .name("ssh".to_owned())
        .spawn(move || worker.work(&jobs))
        .map_err(|e| {
            SshError::new(
                SshErrorKind::Io,
                format!("cannot start a thread for {shown}"),
            )
            .cause(e)
        })?;
    Ok(sender)
}

impl Worker {
    fn work(mut self, jobs: &Receiver<Job>) {
        loop {
            let idle = if self.holding.is_some() {
                super::conn::ALIVE
            } else {
                KEEPALIVE
            };
            match jobs.recv_timeout(idle) {
                Ok(job) => job(&mut self),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(conn) = &mut self.conn {
                        conn.beat();
                        let _ = conn.session.keepalive_send();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    pub fn shown(&self) -> String {
        self.target.shown()
    }

    /// The beginning of a command that reaches it by OpenSSH, for hints.
    pub fn ssh(&self) -> &str {
        &self.target.command
    }

    pub fn stall(&self) -> Duration {
        self.context.options.stall_timeout
    }

    /// Ends the session with a goodbye.
    pub fn part(&mut self) {
        self.conn = None;
    }

    /// Ends the session without a goodbye: the next job makes a new one.
    pub fn cut(&mut self) {
        if let Some(conn) = &mut self.conn {
            conn.cut();
        }
    }

    /// The session; made where there is none.
    ///
    /// # Errors
    /// As connecting.
    pub fn conn(&mut self) -> Result<&mut Conn, SshError> {
        let must_hold = self.holding.is_some();
        let usable = self.conn.take().filter(|conn| !conn.is_cut());
        let usable = usable.and_then(|mut conn| {
            if must_hold && !conn.holds() {
                conn.cut();
                return None;
            }
            Some(conn)
        });
        if let Some(conn) = usable {
            return Ok(self.conn.insert(conn));
        }
        self.conn = Some(self.context.connect(&self.target)?);
        self.hold_again()?;
        let shown = self.target.shown();
        self.conn.as_mut().ok_or_else(|| {
            SshError::new(SshErrorKind::Io, format!("the connection to {shown} broke"))
        })
    }

    /// A fresh channel; where the session turns out to be dead, on a new session.
    ///
    /// # Errors
    /// As connecting; `Io`, `Timeout`.
    pub fn channel(&mut self, until: &Until) -> Result<Channel, SshError> {
        let mut reused = self.conn.as_ref().is_some_and(|conn| !conn.is_cut());
        let mut tries = 0;
        loop {
            let shown = self.target.shown();
            let wait = Until::new(
                until.left().min(self.context.options.auth_timeout),
                &until.cancel,
            );
            let conn = self.conn()?;
            let stop = match conn.step(&wait, ssh2::Session::channel_session) {
                Ok(channel) => return Ok(channel),
                Err(stop) => stop,
            };
            let failure = SshError::new(
                SshErrorKind::Io,
                format!("{shown} opens no channel for a command"),
            );
            match stop {
                Stop::Ssh(_) if reused && conn.is_cut() => reused = false,
                // The command that holds the host stands in the way of all others.
                Stop::Ssh(_) if conn.holds() => {
                    conn.let_go(&Until::for_tidying(super::holding::END));
                    self.holding = None;
                    let what = format!(
                        "{shown} lets a login run one command at a time, so replctl does not hold it: another operator who works on it now is not seen"
                    );
                    output::warning(&Problem::new(what));
                }
                // The channel before it may not be closed on the other side yet, which counts where a login may have few.
                Stop::Ssh(e) if e.code() == NO_CHANNEL && tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(BETWEEN);
                }
                Stop::Ssh(e) => return Err(failure.cause(words(&e))),
                // The host says nothing any more. Perhaps only this connection is dead (an address translation that forgot it):
                // a new one shows, within its own time-outs, whether the host is.
                Stop::Late if reused => {
                    conn.cut();
                    reused = false;
                }
                Stop::Late => {
                    conn.cut();
                    return Err(SshError::new(
                        SshErrorKind::Timeout,
                        format!("{shown} does not answer any more"),
                    ));
                }
                Stop::Cancelled => {
                    conn.cut();
                    return Err(SshError::new(
                        SshErrorKind::Timeout,
                        format!("a command on {shown} was given up"),
                    ));
                }
            }
        }
    }

    /// Connects, and looks who we are there.
    ///
    /// # Errors
    /// As connecting and running a command.
    pub fn greet(&mut self, cancel: &Cancel) -> Result<Login, SshError> {
        if let Some(login) = self.login {
            return Ok(login);
        }
        // Root needs no sudo.
        let id = "u=$(id -u); echo \"$u\"";
        let sudo = "[ \"$u\" != 0 ] || exit 0\ncommand -v sudo >/dev/null 2>&1 || { echo absent; exit 0; }\n\
                    sudo -n -- /bin/sh -c : >/dev/null 2>&1 </dev/null && echo free || echo asks";
        let with_sudo = format!("{id}\n{sudo}");
        let command = if self.target.sudo == Some(false) {
            id
        } else {
            &with_sudo
        };
        let out = self.attempt(
            &Order::new(command, false, Limit::Total(patience(LOOK_TIME)), cancel),
            Way::Direct,
            None,
        )?;
        let text = out.text();
        let mut lines = text.lines();
        let uid = lines.next().and_then(|l| l.trim().parse().ok());
        let (Some(uid), None) = (uid, out.failure()) else {
            return Err(SshError::new(
                SshErrorKind::Command,
                format!("{} does not tell who we are there", self.shown()),
            )
            .cause(out.failure().unwrap_or(text)));
        };
        let sudo = match lines.next().map(str::trim) {
            Some("free") => Sudo::Free,
            Some("asks") => Sudo::Asks,
            Some(_) | None => Sudo::Absent,
        };
        Ok(*self.login.insert(Login { uid, sudo }))
    }

    /// Runs a command, as root where that is wanted.
    ///
    /// # Errors
    /// As connecting; `NoSudo`, `SudoPasswordWrong`, `Timeout`, `Command`, `Io`.
    pub fn run(&mut self, order: &Order<'_>) -> Result<Output, SshError> {
        let result = self.run_as(order);
        // Where the session broke because another operator ended it, that is the reason to tell.
        match result {
            Err(error) if self.holding.is_some() && error.kind == SshErrorKind::Io => {
                match self.conn() {
                    Err(taken) if taken.kind == SshErrorKind::Taken => Err(taken),
                    Ok(_) | Err(_) => Err(error),
                }
            }
            result => result,
        }
    }

    fn run_as(&mut self, order: &Order<'_>) -> Result<Output, SshError> {
        let login = self.greet(order.cancel)?;
        if !order.root || login.uid == 0 {
            return self.attempt(order, Way::Direct, None);
        }
        match login.sudo {
            Sudo::Absent => Err(self.no_sudo()),
            Sudo::Free => self.attempt(order, Way::SudoFree, None),
            Sudo::Asks => self.run_with_password(order),
        }
    }

    fn run_with_password(&mut self, order: &Order<'_>) -> Result<Output, SshError> {
        let context = Arc::clone(&self.context);
        let shown = self.shown();
        let shared = context
            .questions
            .shared(Use::Sudo(self.target.user.clone()));
        let prompt = format!(
            "Password of {} for sudo (on {} and the other hosts)",
            self.target.user, self.target.host
        );
        let mut refused: Option<Answer> = None;
        while let Some(answer) = shared.next(&context.questions, &prompt, refused.as_ref()) {
            match self.attempt(order, Way::SudoPassword, Some(&answer)) {
                Err(e) if e.kind == SshErrorKind::SudoPasswordWrong => refused = Some(answer),
                result => {
                    if result.is_ok() {
                        shared.proven(&answer);
                    }
                    return result;
                }
            }
        }
        Err(no_sudo_password(&shown, refused.is_some()))
    }

    fn attempt(
        &mut self,
        order: &Order<'_>,
        way: Way,
        password: Option<&Answer>,
    ) -> Result<Output, SshError> {
        let limit = match order.limit {
            Limit::Total(time) | Limit::Stall(time) => time,
        };
        // Connecting has its own time-outs, and a person may be asked meanwhile: the command's time begins after it.
        self.conn()?;
        let channel = self.channel(&Until::new(limit, order.cancel))?;
        let (shown, target) = (self.shown(), self.target.clone());
        let request = Request {
            command: order.command,
            way,
            password: password.map(|p| &p.secret),
            stdin: order.stdin,
            limit: order.limit,
            cancel: order.cancel,
            progress: order.progress,
            shown: &shown,
            ssh: &target.command,
            last_resort: false,
            stays: order.stays,
        };
        exec::run(self.conn()?, channel, &request)
    }

    fn no_sudo(&self) -> SshError {
        let shown = self.shown();
        let why = if self.target.sudo == Some(false) {
            "the inventory says `sudo = false`"
        } else {
            "sudo is not installed there"
        };
        SshError::new(
            SshErrorKind::NoSudo,
            format!("cannot become root on {shown}"),
        )
        .cause(why)
        .hint("log in as root (`[ssh] user = \"root\"`), or let that user use sudo")
    }
}
