//! Decides where and how to log in. The inventory counts first, then what OpenSSH's own `ssh -G`
//! says of the user's configuration.
//!
//! replctl asks `ssh -G` because nothing else reads `~/.ssh/config` correctly (`Match`, `Include`,
//! tokens). Where OpenSSH's client is not installed, only the inventory and the defaults count.
//! `StrictHostKeyChecking` can make replctl stricter, but never less strict.

use super::algorithms::Allowed;
use super::directives::Beyond;
use super::error::{SshError, SshErrorKind};
use super::tokens::{self, Tokens};
use super::{Options, answer, openssh};
use crate::inventory::SshSettings;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The shortest RSA key, in bits, that OpenSSH takes where nothing is set.
pub const LEAST_RSA: usize = 1024;

/// A host to log in to, with everything decided.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools)] // Each is an option of ssh.
pub struct Target {
    /// Name or address to connect to.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User.
    pub user: String,
    /// The name to look for in `known_hosts`.
    pub known_as: String,
    /// Private keys, in the order to try them. Those that do not exist are skipped.
    pub identity_files: Vec<PathBuf>,
    /// Of the agent's keys, use only those that are also in `identity_files`.
    pub identities_only: bool,
    /// The agent's socket.
    pub agent: Option<PathBuf>,
    /// `known_hosts` files; new keys go into the first.
    pub user_known_hosts: Vec<PathBuf>,
    /// `known_hosts` files of the machine.
    pub global_known_hosts: Vec<PathBuf>,
    /// Write hashed names.
    pub hash_known_hosts: bool,
    /// Never ask about an unknown key.
    pub strict: bool,
    /// Hosts to go through, in the order from here.
    pub jumps: Vec<Jump>,
    /// `ProxyCommand` with its tokens expanded: the way to the host, in place of a connection.
    pub proxy: Option<String>,
    /// `CertificateFile`.
    pub certificate_files: Vec<PathBuf>,
    /// `RevokedHostKeys`.
    pub revoked: Vec<PathBuf>,
    /// `KnownHostsCommand`. Its tokens are not expanded.
    pub known_hosts_command: Option<String>,
    /// Check also whether another key is known for the address.
    pub check_host_ip: bool,
    /// What the tokens of this host stand for.
    pub tokens: Tokens,
    /// The algorithms that may be used.
    pub algorithms: Allowed,
    /// The least length of an RSA key, in bits.
    pub rsa_bits: usize,
    /// The ways to log in that may be tried.
    pub methods: Methods,
    /// How the connection is made.
    pub reach: Reach,
    /// What is set that only OpenSSH can do.
    pub beyond: Beyond,
    /// The inventory names the keys.
    pub keys_named: bool,
    /// The inventory names the file of known hosts.
    pub known_hosts_named: bool,
    /// `SshSettings::sudo`.
    pub sudo: Option<bool>,
    /// The beginning of a command that reaches the host by OpenSSH, for hints: see
    /// [`SshSettings::command`].
    pub command: String,
}

/// The ways to log in that the configuration allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // Each is an option of ssh.
pub struct Methods {
    /// By a key.
    pub key: bool,
    /// By a password.
    pub password: bool,
    /// By answers to the host's questions.
    pub interactive: bool,
    /// Ask nobody anything.
    pub batch: bool,
}

impl Default for Methods {
    fn default() -> Self {
        Self {
            key: true,
            password: true,
            interactive: true,
            batch: false,
        }
    }
}

/// How a connection is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// The local address to connect from.
    pub from: Option<String>,
    /// Which addresses are used.
    pub family: Family,
    /// `ConnectTimeout`: for the connection, and for the handshake.
    pub time: Option<Duration>,
    /// How often all addresses are tried.
    pub attempts: u32,
}

/// `AddressFamily`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// One host to go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jump {
    /// The name as it is in the configuration. replctl looks it up there in turn.
    pub host: String,
    /// User, where given.
    pub user: Option<String>,
    /// Port, where given.
    pub port: Option<u16>,
}

impl Jump {
    /// As `ssh -J` takes it.
    pub fn shown(&self) -> String {
        let user = self.user.iter().flat_map(|user| [user, "@"]);
        let user: String = user.collect();
        match self.port {
            Some(port) if self.host.contains(':') => format!("{user}[{}]:{port}", self.host),
            Some(port) => format!("{user}{}:{port}", self.host),
            None => format!("{user}{}", self.host),
        }
    }
}

impl Target {
    /// The host in messages, in a form that `ssh` takes: `user@host`, or `ssh://user@host:port`
    /// where the port is not 22.
    pub fn shown(&self) -> String {
        match self.port {
            22 => format!("{}@{}", self.user, self.host),
            port if self.host.contains(':') => {
                format!("ssh://{}@[{}]:{port}", self.user, self.host)
            }
            port => format!("ssh://{}@{}:{port}", self.user, self.host),
        }
    }

    /// The port in the names of `known_hosts`. With `HostKeyAlias` there is none. ssh's own port,
    /// 22, stands for that.
    pub fn known_port(&self) -> u16 {
        if self.tokens.alias.is_empty() {
            self.port
        } else {
            22
        }
    }

    /// The place in messages.
    pub fn place(&self) -> String {
        format!("{} port {}", self.host, self.port)
    }
}

/// Decides everything about a host of the inventory. Blocking, for some seconds at most.
///
/// # Errors
/// `Config` where the configuration cannot be read, or needs what only OpenSSH can do.
pub fn resolve(
    options: &Options,
    settings: &SshSettings,
    address: &str,
) -> Result<Target, SshError> {
    let host = settings.host.as_deref().unwrap_or(address);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty()
        || host.starts_with('-')
        || host.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        return Err(SshError::new(
            SshErrorKind::Config,
            format!("`{}` is no host name", host.escape_debug()),
        ));
    }
    let mut target = match openssh::ask(options, settings, host)? {
        Some(text) => answer::read(&text, host)?,
        None => without_openssh(host),
    };
    if let Some(user) = &settings.user {
        target.user.clone_from(user);
        target.tokens.user.clone_from(user);
    }
    if let Some(port) = settings.port {
        target.port = port;
        target.tokens.port = port;
    }
    if !settings.identity_files.is_empty() {
        let files = settings.identity_files.iter();
        target.identity_files = files.map(|file| expand(file, &target.tokens)).collect();
        target.identities_only = true;
        target.keys_named = true;
    }
    if let Some(file) = &settings.known_hosts {
        target.user_known_hosts = vec![expand(file, &target.tokens)];
        target.global_known_hosts.clear();
        target.known_hosts_named = true;
    }
    target.sudo = settings.sudo;
    target.command = settings.command(address);
    Ok(target)
}

/// Decides everything about a host on the way to `target`.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_jump(
    options: &Options,
    target: &Target,
    jump: &Jump,
    before: &[Jump],
) -> Result<Target, SshError> {
    let settings = SshSettings {
        host: Some(jump.host.clone()),
        user: jump.user.clone(),
        port: jump.port,
        ..SshSettings::default()
    };
    let mut hop = resolve(options, &settings, &jump.host)?;
    // What the inventory names counts on the way, too. The rest is the host's own, as with ssh.
    if target.keys_named {
        for file in &target.identity_files {
            if !hop.identity_files.contains(file) {
                hop.identity_files.push(file.clone());
            }
        }
    }
    if target.known_hosts_named {
        let own = target.user_known_hosts.iter().take(1);
        hop.user_known_hosts.splice(0..0, own.cloned());
    }
    (hop.keys_named, hop.known_hosts_named) = (target.keys_named, target.known_hosts_named);
    if !before.is_empty() {
        hop.jumps = before.to_vec();
        hop.proxy = None;
    }
    Ok(hop)
}

fn without_openssh(host: &str) -> Target {
    let me = tokens::me();
    Target {
        host: host.to_owned(),
        known_as: host.to_owned(),
        port: 22,
        user: me.name.clone(),
        agent: answer::agent_from_environment(),
        identity_files: ["id_ed25519", "id_ecdsa", "id_rsa"]
            .map(|name| me.home.join(".ssh").join(name))
            .to_vec(),
        user_known_hosts: vec![me.home.join(".ssh/known_hosts")],
        rsa_bits: LEAST_RSA,
        tokens: Tokens {
            asked: host.to_owned(),
            host: host.to_owned(),
            port: 22,
            user: me.name.clone(),
            ..Tokens::default()
        },
        ..Target::default()
    }
}

/// The name of a file of the inventory. `~` is the home of the user who runs this program, and the
/// tokens are those of ssh.
fn expand(file: &Path, tokens: &Tokens) -> PathBuf {
    let home = etcetera::home_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let text = tokens::at_home(&file.to_string_lossy(), &home);
    PathBuf::from(tokens.percent(&text).unwrap_or(text))
}

#[cfg(test)]
#[path = "tests/settings.rs"]
mod tests;
