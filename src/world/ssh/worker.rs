//! The thread that owns the session of one host. What is asked of it is done one after the other; a
//! session that has died meanwhile is made anew, but never in the middle of a command.

use super::ask::Answer;
use super::conn::{Cancel, Until};
use super::connect::Context;
use super::error::{SshError, SshErrorKind};
use super::exec::{self, Limit, Line, Request};
use super::holding::Holding;
use super::link::{Beside, Link, Pipe, Refused};
use super::login::RemoteUser;
use super::multiplexed::{Master, Plan};
use super::output::Output;
use super::script::{SHELL, Way};
use super::served::{FRESH, Served};
use super::settings::Target;
use super::stop::Left;
use crate::error::Problem;
use crate::output;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How often a channel that was refused is asked for again, and the time between: a second in all.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(50);
/// How often an idle session says that it is alive.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// Runs what stands on its standard input, once all of it is there.
const BY_ITSELF: &str = r#"eval "$(cat)""#;
/// Something to do on the thread.
pub(super) type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// A command for a worker.
pub(super) struct Order<'a> {
    pub command: &'a str,
    /// What its shell is called among the processes of the host.
    pub name: &'a str,
    pub root: bool,
    pub stdin: &'a [u8],
    pub limit: Limit,
    pub cancel: &'a Cancel,
    pub progress: &'a dyn Fn(u64),
    /// It goes on for as long as the session does.
    pub stays: bool,
    /// It reads nothing, and is done by a shell that does others, too.
    pub script: bool,
}

impl<'a> Order<'a> {
    pub fn new(command: &'a str, root: bool, limit: Limit, cancel: &'a Cancel) -> Self {
        Self {
            command,
            name: SHELL,
            root,
            stdin: &[],
            limit,
            cancel,
            progress: &|_| {},
            stays: false,
            script: false,
        }
    }
}

/// By what a host is reached.
#[derive(Debug, Clone)]
pub(super) enum Transport {
    /// libssh2.
    Builtin,
    /// The installed `ssh`.
    OpenSsh(Arc<Plan>),
    /// Nothing: it is this machine.
    Local,
}

/// One host's session and what is known of it.
pub(super) struct Worker {
    pub(super) context: Arc<Context>,
    pub(super) target: Arc<Target>,
    transport: Transport,
    pub(super) link: Option<Link>,
    pub(super) login: Option<RemoteUser>,
    /// What goes on beside all other commands: without it none is run.
    pub(super) holding: Option<Holding>,
    /// The shell that does one script after the other on this link.
    pub(super) served: Option<Served>,
    /// When such a shell was ended last: the host may still count it.
    pub(super) ended_served: Option<Instant>,
    /// What was given up there and may still run: nothing else is run before it is stopped.
    pub(super) left: Option<Left>,
    /// The host keeps no such shell: each script is a command of its own.
    pub(super) keeps_no_shell: bool,
}

/// Starts the thread; it ends, with a goodbye to the host, when the sender is dropped.
///
/// # Errors
/// Where the system starts no more threads.
pub(super) fn start(
    context: Arc<Context>,
    target: Arc<Target>,
    transport: Transport,
) -> Result<Sender<Job>, SshError> {
    let (sender, jobs) = channel::<Job>();
    let shown = target.shown();
    let worker = Worker {
        context,
        target,
        transport,
        link: None,
        login: None,
        holding: None,
        served: None,
        ended_served: None,
        left: None,
        keeps_no_shell: false,
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
            // Nobody's shell, perhaps root's, stays there for longer than it is of use.
            let idle = if self.served.is_some() {
                idle.min(FRESH)
            } else {
                idle
            };
            match jobs.recv_timeout(idle) {
                Ok(job) => {
                    job(&mut self);
                    self.end_old_shell();
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.end_old_shell();
                    if let Some(link) = &mut self.link {
                        link.beat();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn end_old_shell(&mut self) {
        if self.served.as_ref().is_some_and(Served::is_old) {
            self.end_served();
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
        self.link = None;
        self.served = None;
    }

    /// Ends the session without a goodbye: the next job makes a new one.
    pub fn cut(&mut self) {
        if let Some(link) = &mut self.link {
            link.cut();
        }
    }

    /// The link; made where there is none.
    ///
    /// # Errors
    /// As connecting.
    pub fn link(&mut self) -> Result<&mut Link, SshError> {
        let must_hold = self.holding.is_some();
        let usable = self.link.take().filter(|link| !link.is_cut());
        let usable = usable.and_then(|mut link| {
            if must_hold && !link.holds() {
                link.cut();
                return None;
            }
            Some(link)
        });
        if let Some(link) = usable {
            return Ok(self.link.insert(link));
        }
        self.served = None;
        self.link = Some(self.connect()?);
        self.stop_left()?;
        self.hold_again()?;
        let shown = self.target.shown();
        self.link.as_mut().ok_or_else(|| {
            SshError::new(SshErrorKind::Io, format!("the connection to {shown} broke"))
        })
    }

    fn connect(&self) -> Result<Link, SshError> {
        Ok(match &self.transport {
            Transport::Builtin => Link::Session(Box::new(self.context.connect(&self.target)?)),
            Transport::OpenSsh(plan) => {
                let master = Master::start(&self.context, &self.target, plan)?;
                Link::Master(Beside::new(master))
            }
            Transport::Local => Link::Here(Beside::new(())),
        })
    }

    /// The installed `ssh` that holds the connection; made anew where there is none.
    ///
    /// # Errors
    /// As connecting.
    pub fn master(&mut self) -> Result<Option<Arc<Master>>, SshError> {
        Ok(match self.link()? {
            Link::Master(beside) => Some(beside.by()),
            Link::Session(_) | Link::Here(_) => None,
        })
    }

    /// Opens a command; where the session turns out to be dead, on a new one.
    ///
    /// # Errors
    /// As connecting; `Io`, `Timeout`.
    pub(super) fn open(&mut self, command: &str, until: &Until) -> Result<Pipe, SshError> {
        let mut was_there = self.link.as_ref().is_some_and(|link| !link.is_cut());
        let mut tries = 0;
        loop {
            let shown = self.target.shown();
            let wait = Until::new(
                until.left().min(self.context.options.auth_timeout),
                &until.cancel,
            );
            let why_not = match self.link()?.open(command, &wait) {
                Ok(pipe) => return Ok(pipe),
                Err(why_not) => why_not,
            };
            let failure = SshError::new(
                SshErrorKind::Io,
                format!("{shown} opens no channel for a command"),
            );
            let cut = self.link.as_ref().is_none_or(Link::is_cut);
            match why_not {
                Refused::No(_) | Refused::Broken(_) if was_there && cut => was_there = false,
                Refused::No(_) if self.makes_way(&mut tries) => {}
                Refused::No(why) | Refused::Broken(why) => return Err(failure.cause(why)),
                Refused::Unanswered(why) => {
                    let what = format!(
                        "{shown} did not say whether it has begun a command, so it is not sent again"
                    );
                    return Err(SshError::new(SshErrorKind::Io, what).cause(why));
                }
                // The host says nothing any more. Perhaps only this connection is dead (an address
                // translation that forgot it): a new one shows, within its own time-outs, whether
                // the host is.
                Refused::Late if was_there => {
                    self.cut();
                    was_there = false;
                }
                Refused::Late => {
                    self.cut();
                    return Err(SshError::new(
                        SshErrorKind::Timeout,
                        format!("{shown} does not answer any more"),
                    ));
                }
                Refused::Cancelled => {
                    if let Some(link) = &mut self.link {
                        link.forget_opening();
                    }
                    return Err(SshError::new(
                        SshErrorKind::Timeout,
                        format!("a command on {shown} was given up"),
                    ));
                }
            }
        }
    }

    /// Makes way for a command that the host refuses to begin, for a login may do few things at a
    /// time: whether to ask again.
    fn makes_way(&mut self, tries: &mut u32) -> bool {
        // The shell for scripts can be begun again.
        if self.end_served() {
            return true;
        }
        // The host may count that shell for a moment more.
        let counted = (self.ended_served).is_some_and(|at| at.elapsed() < TRIES * BETWEEN);
        let shown = self.target.shown();
        let Some(link) = &mut self.link else {
            return true;
        };
        if counted && !link.is_cut() {
            std::thread::sleep(BETWEEN);
            return true;
        }
        // The command that holds the host stands in the way of all others.
        if !matches!(link, Link::Here(_)) && link.holds() {
            link.let_go(&Until::for_tidying(super::holding::END));
            self.holding = None;
            let what = format!(
                "{shown} lets a login run one command at a time, so replctl does not hold it: another operator who works on it now is not seen"
            );
            output::warning(&Problem::new(what));
            return true;
        }
        // The channel before it may not be closed on the other side yet, which counts where a login
        // may have few.
        *tries += 1;
        std::thread::sleep(BETWEEN);
        *tries <= TRIES
    }

    /// Runs a command, as root where that is wanted.
    ///
    /// # Errors
    /// As connecting; `NoSudo`, `SudoPasswordWrong`, `Timeout`, `Command`, `Io`.
    pub fn run(&mut self, order: &Order<'_>) -> Result<Output, SshError> {
        let result = self.run_and_stop(order);
        // Where the session broke because another operator ended it, that is the reason to tell.
        match result {
            Err(error) if self.holding.is_some() && error.kind == SshErrorKind::Io => {
                match self.link() {
                    Err(taken) if taken.kind == SshErrorKind::Taken => Err(taken),
                    Ok(_) | Err(_) => Err(error),
                }
            }
            result => result,
        }
    }

    pub(super) fn attempt(
        &mut self,
        order: &Order<'_>,
        way: Way,
        password: Option<&Answer>,
    ) -> Result<Output, SshError> {
        // sshd would run what stands before it, and a shell what is left without it.
        if order.command.contains('\0') {
            let what = format!("a command for {} has a NUL byte", self.shown());
            return Err(SshError::new(SshErrorKind::Command, what));
        }
        if order.script {
            if let Some(output) = self.serve(order, way, password)? {
                return Ok(output);
            }
            let whole = Order {
                stdin: order.command.as_bytes(),
                ..Order::new(BY_ITSELF, order.root, order.limit, order.cancel)
            };
            return self.attempt(&whole, way, password);
        }
        // Connecting has its own time-outs, and a person may be asked meanwhile: the command's time
        // begins after it.
        self.link()?;
        let (shown, target) = (self.shown(), self.target.clone());
        let line = Line::named(order.name, order.command, way, &shown)?;
        let pipe = self.open(&line.text, &Until::new(order.limit.time(), order.cancel))?;
        let left = Cell::new(None);
        let request = Request {
            password: password.map(|p| &p.secret),
            stdin: order.stdin,
            limit: order.limit,
            progress: order.progress,
            stays: order.stays,
            ..Request::new(way, &shown, &target, (order.cancel, &left))
        };
        let result = exec::run(self.link()?, pipe, &line, &request);
        self.left = self.left.take().or(left.into_inner());
        result
    }
}
