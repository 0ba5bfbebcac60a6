//! Hosts: logins, commands, files, tunnels; everything bounded in time. By libssh2, each session in
//! a thread of its own; by the installed `ssh` (`multiplexed`); or without any SSH, where the host
//! is this machine (`local`). `link` is where the three meet.
//!
//! Not here: what is run on a host and why. `~/.ssh/config` counts where OpenSSH's client is
//! installed (see `settings`).

mod agent;
mod algorithms;
mod answer;
mod ask;
mod auth;
mod between;
mod conn;
mod connect;
mod derived;
mod detached;
mod dial;
mod directives;
mod error;
mod exec;
mod explain;
mod holding;
mod host;
mod hostkey;
mod interactive;
mod keyfile;
mod keys;
mod known;
mod known_hosts;
mod link;
mod local;
mod login;
mod multiplexed;
mod openssh;
mod output;
mod pace;
mod poll;
mod program;
mod proxy;
mod pump;
mod read_keys;
mod reply;
mod request;
mod revoked;
mod same;
mod script;
mod served;
mod settings;
mod stop;
mod streams;
mod tokens;
mod tunnel;
mod upload;
mod watch;
mod worker;

pub use ask::{Ask, Terminal};
pub use error::{SshError, SshErrorKind};
pub use host::{Host, RemoteCommand};
pub use multiplexed::{ASKPASS, answer_askpass, end_all};
pub use output::{KEPT, Output};

use crate::inventory::{self, SshSettings};
use connect::Context;
use host::{Line, submit};
use settings::Target;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Semaphore};
use worker::Transport;

/// Logins made at the same time.
pub(super) const LOGINS_AT_ONCE: usize = 32;
/// A host that could not be reached is not tried again for another node within this time.
const FAILURE_LASTS: Duration = Duration::from_secs(2);
/// How long the goodbyes may take in all.
const GOODBYE: Duration = Duration::from_secs(1);

/// How this run uses SSH.
#[derive(Clone)]
pub struct Options {
    /// Take the key of a host that is not known yet without asking. A changed key is never taken.
    pub accept_new_host_keys: bool,
    /// Who answers questions; `None`: nobody can be asked. [`Terminal`] where there is a terminal.
    pub ask: Option<Arc<dyn Ask>>,
    /// Instead of the user's `~/.ssh/config`.
    pub ssh_config: Option<PathBuf>,
    /// For the name, and for the connection, each.
    pub connect_timeout: Duration,
    /// From the connection to the host's key; also for the way through another host.
    pub handshake_timeout: Duration,
    /// For each key or password tried, and for a channel to open.
    pub auth_timeout: Duration,
    /// How long nothing may move while a file is sent.
    pub stall_timeout: Duration,
    /// How long the connection at the far end of a tunnel may take.
    pub tunnel_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            accept_new_host_keys: false,
            ask: None,
            ssh_config: None,
            connect_timeout: Duration::from_secs(3),
            handshake_timeout: Duration::from_secs(5),
            auth_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(20),
            tunnel_timeout: Duration::from_secs(5),
        }
    }
}

/// The hosts of one run: each is logged in to once, and each secret is asked for once. Clones are
/// the same run.
#[derive(Clone)]
pub struct Ssh(Arc<Hosts>);

struct Hosts {
    context: Arc<Context>,
    slots: Mutex<HashMap<Key, Arc<Mutex<Slot>>>>,
    logins: Semaphore,
}

/// What makes two nodes use one session.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    host: String,
    user: Option<String>,
    port: Option<u16>,
    identity_files: Vec<PathBuf>,
    known_hosts: Option<PathBuf>,
    sudo: Option<bool>,
    transport: Option<inventory::Transport>,
}

#[derive(Default)]
enum Slot {
    #[default]
    Empty,
    Up(Arc<Line>),
    Down(SshError, Instant),
}

impl Ssh {
    /// Nothing is connected yet.
    pub fn new(options: Options) -> Self {
        Self(Arc::new(Hosts {
            context: Arc::new(Context::new(options)),
            slots: Mutex::default(),
            logins: Semaphore::new(LOGINS_AT_ONCE),
        }))
    }

    /// The host of a node, logged in to. `label` is the node's name, for messages; `address` its
    /// address, where the settings name no host.
    ///
    /// # Errors
    /// The one reason why it cannot be logged in to.
    pub async fn host(
        &self,
        label: &str,
        settings: &SshSettings,
        address: &str,
    ) -> Result<Arc<Host>, SshError> {
        let key = Key {
            // All nodes on this machine are on one host, whatever their addresses are.
            host: match (settings.transport, &settings.host) {
                (Some(inventory::Transport::Local), _) => String::new(),
                (_, Some(host)) => host.clone(),
                (_, None) => address.to_owned(),
            },
            user: settings.user.clone(),
            port: settings.port,
            identity_files: settings.identity_files.clone(),
            known_hosts: settings.known_hosts.clone(),
            sudo: settings.sudo,
            transport: settings.transport,
        };
        let slot = Arc::clone(self.0.slots.lock().await.entry(key).or_default());
        // Held while logging in: a second node on the same host waits for the same login, or the
        // same failure.
        let mut slot = slot.lock().await;
        match &*slot {
            Slot::Up(line) => return Ok(Arc::new(Host::new(label, Arc::clone(line)))),
            Slot::Down(error, when) if when.elapsed() < FAILURE_LASTS => {
                return Err(error.clone().of_node(label));
            }
            Slot::Down(..) | Slot::Empty => {}
        }
        match self.log_in(settings, address).await {
            Ok(line) => {
                *slot = Slot::Up(Arc::clone(&line));
                Ok(Arc::new(Host::new(label, line)))
            }
            Err(error) => {
                *slot = Slot::Down(error.clone(), Instant::now());
                Err(error.of_node(label))
            }
        }
    }

    async fn log_in(&self, settings: &SshSettings, address: &str) -> Result<Arc<Line>, SshError> {
        let gone = || {
            SshError::new(
                SshErrorKind::Io,
                format!("the login to {address} was given up"),
            )
        };
        let _permit = self.0.logins.acquire().await.map_err(|_| gone())?;
        let context = Arc::clone(&self.0.context);
        let (settings, address) = (settings.clone(), address.to_owned());
        let resolving = Arc::clone(&context);
        let resolved =
            tokio::task::spawn_blocking(move || resolve(&resolving.options, &settings, &address))
                .await;
        let (target, transport) = resolved.map_err(|_| gone())??;
        let target = Arc::new(target);
        let jobs = worker::start(Arc::clone(&context), Arc::clone(&target), transport.clone())?;
        let login = submit(&jobs, worker::Worker::greet)
            .await
            .ok_or_else(gone)??;
        Ok(Arc::new(Line {
            context,
            target,
            transport,
            login,
            jobs,
        }))
    }

    /// Says goodbye to all hosts, for a second at most. Hosts still held elsewhere stay usable.
    pub async fn close(self) {
        let slots: Vec<_> = self
            .0
            .slots
            .lock()
            .await
            .drain()
            .map(|(_, slot)| slot)
            .collect();
        let goodbyes = slots.into_iter().map(|slot| async move {
            if let Slot::Up(line) = std::mem::take(&mut *slot.lock().await) {
                submit(&line.jobs, |worker, _| worker.part()).await;
            }
        });
        let _ = tokio::time::timeout(GOODBYE, futures::future::join_all(goodbyes)).await;
    }
}

/// Where a host is, and by what it is reached. Blocking, for some seconds at most.
fn resolve(
    options: &Options,
    settings: &SshSettings,
    address: &str,
) -> Result<(Target, Transport), SshError> {
    Ok(match settings.transport.unwrap_or_default() {
        inventory::Transport::Builtin => (
            settings::resolve(options, settings, address)?,
            Transport::Builtin,
        ),
        inventory::Transport::OpenSsh => {
            let (target, plan) = multiplexed::resolve(options, settings, address)?;
            (target, Transport::OpenSsh(Arc::new(plan)))
        }
        inventory::Transport::Local => (local::target(settings, address), Transport::Local),
    })
}

/// A word that occurs nowhere else, of 128 random bits: for marks and temporary names. Nobody can
/// guess it, so no script and no process of another user can end a frame before its time.
pub(super) fn nonce() -> String {
    use rustix::rand::{GetRandomFlags, getrandom};
    use std::hash::{BuildHasher as _, RandomState};
    let mut bytes = [0_u8; 16];
    let read = getrandom(&mut bytes, GetRandomFlags::empty());
    let bits = if read == Ok(bytes.len()) {
        u128::from_ne_bytes(bytes)
    } else {
        // A kernel before 3.17: the library has random keys by another way.
        let half = || u128::from(RandomState::new().hash_one(Instant::now()));
        half() << 64 | half()
    };
    format!("replctl-{bits:032x}")
}

#[cfg(test)]
mod tests;
