//! A host as the rest of the program sees it: commands, files and tunnels, asynchronously. No work
//! is done here; it is handed to the host's thread, and given up there as soon as nobody waits for
//! it any more.

use super::conn::Cancel;
use super::connect::Context;
use super::error::{SshError, SshErrorKind};
use super::exec::Limit;
use super::login::{RemoteUser, Root};
use super::output::Output;
use super::settings::Target;
use super::upload::{self, Upload};
use super::worker::{Job, Order, Transport, Worker};
use super::{local, pump, tunnel};
use crate::world::host::UploadOptions;
use secrecy::zeroize::Zeroizing;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::oneshot;

/// How a command is run.
#[derive(Debug, Clone)]
pub struct RemoteCommand {
    /// Its standard input, then its end.
    pub stdin: Vec<u8>,
    /// As root, by sudo where the login is not root.
    pub root: bool,
    /// Its whole time.
    pub timeout: Duration,
}

impl Default for RemoteCommand {
    fn default() -> Self {
        Self {
            stdin: Vec::new(),
            root: false,
            timeout: Duration::from_secs(30),
        }
    }
}

/// A host that is logged in to.
#[derive(Clone)]
pub struct Host {
    label: String,
    pub(super) line: Arc<Line>,
}

/// The line to a host's thread, shared by the nodes on it.
pub(super) struct Line {
    pub context: Arc<Context>,
    pub target: Arc<Target>,
    pub transport: Transport,
    pub login: RemoteUser,
    pub jobs: Sender<Job>,
}

impl Host {
    pub(super) fn new(label: &str, line: Arc<Line>) -> Self {
        Self {
            label: label.to_owned(),
            line,
        }
    }

    /// The login is root.
    pub fn is_root(&self) -> bool {
        self.line.login.uid == 0
    }

    /// The login is root, or may become root by sudo or doas as far as can be told without a
    /// password.
    pub fn can_root(&self) -> bool {
        self.is_root() || self.line.login.root != Root::Absent
    }

    /// The name or address that it was connected to: what stands for it in `~/.ssh/config`.
    pub fn connected_to(&self) -> &str {
        &self.line.target.host
    }

    /// `user@host`, or `ssh://user@host:port` where the port is not 22.
    pub fn shown(&self) -> String {
        self.line.target.shown()
    }

    /// Runs a command by `/bin/sh` with `LC_ALL=C` and the sbin folders in its path, whatever the
    /// login shell is. Commands on one host run one after the other. A command that is out of time,
    /// or whose future is dropped, is stopped on the host. A command that leaves something running
    /// must turn its outputs elsewhere, or its end is not seen.
    ///
    /// # Errors
    /// Not for a command that fails: see [`Output::failure`]. `Timeout`, `Command`, `NoSudo`,
    /// `SudoPasswordWrong`, `Io`, and those of connecting where the session had died.
    pub async fn run(&self, command: &str, how: RemoteCommand) -> Result<Output, SshError> {
        let command = command.to_owned();
        self.on_thread(move |worker, cancel| {
            let order = Order {
                stdin: &how.stdin,
                ..Order::new(&command, how.root, Limit::Total(how.timeout), cancel)
            };
            worker.run(&order)
        })
        .await
    }

    /// Runs a script that reads nothing, in the shell that does one script after the other: what it
    /// changes of that shell ends with it. Else as [`Host::run`]; the input of `how` is not read.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn script(
        &self,
        text: Zeroizing<String>,
        how: RemoteCommand,
    ) -> Result<Output, SshError> {
        self.on_thread(move |worker, cancel| {
            let order = Order {
                script: true,
                ..Order::new(&text, how.root, Limit::Total(how.timeout), cancel)
            };
            worker.run(&order)
        })
        .await
    }

    /// Begins a command that goes on beside all others, until [`Host::let_go`] or the end of the
    /// session, and gives the first line that it says. It is kept where that is `said`. A session
    /// that was lost is made anew only with `again`. `name` is what it is called among the
    /// processes of the host.
    ///
    /// # Errors
    /// As for [`Host::run`].
    pub async fn hold(
        &self,
        name: &str,
        command: &str,
        again: &str,
        root: bool,
        said: &'static str,
    ) -> Result<String, SshError> {
        let (name, both) = (name.to_owned(), (command.to_owned(), again.to_owned()));
        self.on_thread(move |worker, cancel| {
            worker.hold(&name, (&both.0, &both.1), root, said, cancel)
        })
        .await
    }

    /// Ends that command after all that was asked for before. Nobody has to wait for it.
    pub fn let_go(&self) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |worker| {
            worker.let_go();
            let _ = tell.send(());
        });
        let _ = self.line.jobs.send(job);
        told
    }

    /// [`Host::upload_files`], and nothing else.
    #[cfg(test)]
    pub async fn upload(
        &self,
        data: Arc<Vec<u8>>,
        path: &str,
        mode: u32,
        root: bool,
        progress: impl Fn(u64) + Send + 'static,
    ) -> Result<(), SshError> {
        let files = vec![(path.to_owned(), data)];
        self.upload_files(files, mode, root, progress, UploadOptions::default())
            .await
            .map(drop)
    }

    /// Writes files of one folder (absolute paths). Each file is first written beside its path
    /// under another name and flushed, and the host checks its sha256. Then it replaces the path in
    /// one step, with `mode`. The files belong to the user who writes them. The first file is
    /// replaced last. `progress` receives the number of bytes that were sent. The limit is the time
    /// without progress, not the total time. `options`: what the command does in addition. Returns
    /// the output of that.
    ///
    /// # Errors
    /// `Transfer`, and those of commands. The paths are then unchanged, and no other file remains;
    /// of several files, some may be replaced if another one failed. `Transfer` with the output of
    /// the further script, if that fails.
    pub async fn upload_files(
        &self,
        files: Vec<(String, Arc<Vec<u8>>)>,
        mode: u32,
        root: bool,
        progress: impl Fn(u64) + Send + 'static,
        options: UploadOptions,
    ) -> Result<String, SshError> {
        self.on_thread(move |worker, cancel| {
            worker.greet(cancel)?;
            upload::put(
                worker,
                &Upload {
                    files: &files,
                    mode,
                    root,
                    cancel,
                    progress: &progress,
                    options: &options,
                },
            )
        })
        .await
    }

    /// A connection made by the host to `host:port`, which ends with the returned socket. With the
    /// built-in transport it has a session of its own.
    ///
    /// # Errors
    /// `Refused` where nothing listens there (or sshd forbids it), `NoAnswer`, and those of
    /// connecting.
    pub async fn tunnel(&self, host: &str, port: u16) -> Result<UnixStream, SshError> {
        let (context, target) = (
            Arc::clone(&self.line.context),
            Arc::clone(&self.line.target),
        );
        let host = host.to_owned();
        let time = context.options.tunnel_timeout;
        let near = match &self.line.transport {
            Transport::Builtin => {
                self.beside(move || {
                    context
                        .connect(&target)
                        .and_then(|conn| tunnel::open(conn, &target, &host, port, time))
                })
                .await
            }
            Transport::OpenSsh(plan) => {
                // Not by the host's thread where that can be: it may be at work for minutes.
                let master = match plan.current() {
                    Some(master) => master,
                    None => self
                        .on_thread(|worker, _| worker.master())
                        .await?
                        .ok_or_else(|| self.gone())?,
                };
                self.beside(move || pump::through(&master, &target, (&host, port), time))
                    .await
            }
            Transport::Local => {
                self.beside(move || pump::here(local::connect(&host, port, time)?))
                    .await
            }
        };
        let io = |e: std::io::Error| {
            let what = format!("cannot tunnel through {}", self.shown());
            SshError::new(SshErrorKind::Io, what).cause(e)
        };
        near.and_then(|near| {
            near.set_nonblocking(true).map_err(io)?;
            UnixStream::from_std(near).map_err(io)
        })
        .map_err(|e| e.of_node(&self.label))
    }

    /// Has work done in a thread of its own.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SshError> + Send + 'static,
    ) -> Result<T, SshError> {
        let (tell, told) = oneshot::channel();
        std::thread::Builder::new()
            .name("ssh-tunnel".to_owned())
            .spawn(move || {
                let _ = tell.send(work());
            })
            .map_err(|e| {
                let what = format!("cannot tunnel through {}", self.shown());
                SshError::new(SshErrorKind::Io, what).cause(e)
            })?;
        told.await.unwrap_or_else(|_| Err(self.gone()))
    }

    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Worker, &Cancel) -> Result<T, SshError> + Send + 'static,
    ) -> Result<T, SshError> {
        submit(&self.line.jobs, work)
            .await
            .unwrap_or_else(|| Err(self.gone()))
            .map_err(|e| e.of_node(&self.label))
    }

    fn gone(&self) -> SshError {
        SshError::new(
            SshErrorKind::Io,
            format!("the thread of {} has ended", self.shown()),
        )
    }
}

/// Has work done on a host's thread; `None` where the thread is gone. Dropping the future cancels
/// the work.
pub(super) async fn submit<T: Send + 'static>(
    jobs: &Sender<Job>,
    work: impl FnOnce(&mut Worker, &Cancel) -> T + Send + 'static,
) -> Option<T> {
    let cancel = Cancel::default();
    let watch = CancelOnDrop(cancel.clone());
    let (tell, told) = oneshot::channel();
    let job: Job = Box::new(move |worker| {
        // Nobody waits: not even begun.
        if !cancel.is_set() {
            let _ = tell.send(work(worker, &cancel));
        }
    });
    jobs.send(job).ok()?;
    let result = told.await.ok();
    drop(watch);
    result
}

struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}
