//! Where and how to log in: what the inventory says, over what OpenSSH's own `ssh -G` says of the user's configuration.
//!
//! `ssh -G` is asked because nothing else reads `~/.ssh/config` rightly (`Match`, `Include`, tokens). Where OpenSSH's client is not
//! installed, only the inventory and the defaults count. `StrictHostKeyChecking` can make replctl stricter, never laxer.

use super::Options;
use super::error::{SshError, SshErrorKind};
use super::openssh;
use crate::inventory::SshSettings;
use std::path::{Path, PathBuf};

/// A host to log in to, with everything decided.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// Name or address to connect to.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User.
    pub user: String,
    /// The name to look for in `known_hosts`.
    pub known_as: String,
    /// Private keys, in the order to try them; those that do not exist are skipped.
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
    /// `SshSettings::sudo`.
    pub sudo: Option<bool>,
    /// The beginning of a command that reaches it by OpenSSH, for hints: see [`SshSettings::command`].
    pub command: String,
}

/// One host to go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jump {
    /// As it stands in the configuration: it is looked up there in turn.
    pub host: String,
    /// User, where given.
    pub user: Option<String>,
    /// Port, where given.
    pub port: Option<u16>,
}

impl Target {
    /// The host in messages, in a form that `ssh` takes: `user@host`, or `ssh://user@host:port` where the port is not 22.
    pub fn shown(&self) -> String {
        match self.port {
            22 => format!("{}@{}", self.user, self.host),
            port if self.host.contains(':') => {
                format!("ssh://{}@[{}]:{port}", self.user, self.host)
            }
            port => format!("ssh://{}@{}:{port}", self.user, self.host),
        }
    }
}

/// Decides everything about a host of the inventory. Blocking, for some seconds at most.
///
/// # Errors
/// `Config` where the configuration cannot be read or asks for what is not supported (`ProxyCommand`).
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
        Some(text) => read_answer(&text, host)?,
        None => without_openssh(host),
    };
    if let Some(user) = &settings.user {
        target.user.clone_from(user);
    }
    if let Some(port) = settings.port {
        target.port = port;
    }
    if !settings.identity_files.is_empty() {
        target.identity_files = settings
            .identity_files
            .iter()
            .map(|f| expand(&f.to_string_lossy(), &target))
            .collect();
        target.identities_only = true;
    }
    if let Some(file) = &settings.known_hosts {
        target.user_known_hosts = vec![expand(&file.to_string_lossy(), &target)];
        target.global_known_hosts.clear();
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
    for file in &target.identity_files {
        if !hop.identity_files.contains(file) {
            hop.identity_files.push(file.clone());
        }
    }
    if hop.user_known_hosts.first() != target.user_known_hosts.first() {
        // The inventory's own file holds the keys of the way there, too.
        hop.user_known_hosts
            .splice(0..0, target.user_known_hosts.iter().take(1).cloned());
    }
    if !before.is_empty() {
        hop.jumps = before.to_vec();
    }
    Ok(hop)
}

/// What `ssh -G` says, taken apart.
fn read_answer(text: &str, host: &str) -> Result<Target, SshError> {
    let mut target = Target {
        host: host.to_owned(),
        port: 22,
        agent: agent_from_environment(),
        ..Target::default()
    };
    let (mut files, mut user_known, mut global_known) = (Vec::new(), Vec::new(), Vec::new());
    let mut agent = None;
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once(' ') else {
            continue;
        };
        let value = value.trim();
        match key.to_ascii_lowercase().as_str() {
            "hostname" => value.clone_into(&mut target.host),
            "user" => value.clone_into(&mut target.user),
            "port" => target.port = value.parse().unwrap_or(22),
            "hostkeyalias" => value.clone_into(&mut target.known_as),
            "identityfile" => files.push(value.to_owned()),
            "identitiesonly" => target.identities_only = value == "yes",
            "identityagent" => agent = Some(value.to_owned()),
            "userknownhostsfile" => user_known.extend(value.split_whitespace().map(str::to_owned)),
            "globalknownhostsfile" => {
                global_known.extend(value.split_whitespace().map(str::to_owned));
            }
            "hashknownhosts" => target.hash_known_hosts = value == "yes",
            "stricthostkeychecking" => target.strict = matches!(value, "yes" | "true"),
            "proxyjump" if value != "none" => target.jumps = jumps(value)?,
            "proxycommand" if value != "none" => return Err(no_proxy_command(host)),
            _ => {}
        }
    }
    if target.known_as.is_empty() {
        target.known_as.clone_from(&target.host);
    }
    let paths = |list: Vec<String>| {
        list.iter()
            .filter(|f| *f != "none")
            .map(|f| expand(f, &target))
            .collect::<Vec<_>>()
    };
    let (files, user_known, global_known) = (paths(files), paths(user_known), paths(global_known));
    if let Some(agent) = agent {
        target.agent = match agent.as_str() {
            "none" => None,
            "SSH_AUTH_SOCK" => agent_from_environment(),
            other => match other.strip_prefix('$') {
                Some(variable) => std::env::var_os(variable).map(PathBuf::from),
                None => Some(expand(other, &target)),
            },
        };
    }
    target.identity_files = files;
    target.user_known_hosts = user_known;
    target.global_known_hosts = global_known;
    Ok(target)
}

fn without_openssh(host: &str) -> Target {
    let target = Target {
        host: host.to_owned(),
        known_as: host.to_owned(),
        port: 22,
        user: std::env::var("USER")
            .or_else(|_| std::env::var("LOGNAME"))
            .unwrap_or_else(|_| "root".to_owned()),
        agent: agent_from_environment(),
        global_known_hosts: vec![PathBuf::from("/etc/ssh/ssh_known_hosts")],
        ..Target::default()
    };
    Target {
        identity_files: ["id_ed25519", "id_ecdsa", "id_rsa"]
            .iter()
            .map(|f| expand(&format!("~/.ssh/{f}"), &target))
            .collect(),
        user_known_hosts: vec![expand("~/.ssh/known_hosts", &target)],
        ..target
    }
}

fn agent_from_environment() -> Option<PathBuf> {
    std::env::var_os("SSH_AUTH_SOCK")
        .filter(|s| !s.is_empty())
        .map(PathBuf::from)
}

fn no_proxy_command(host: &str) -> SshError {
    SshError::new(
        SshErrorKind::Config,
        format!(
            "the ssh configuration reaches {host} through a ProxyCommand, which replctl cannot use"
        ),
    )
    .hint(format!(
        "use ProxyJump instead in ~/.ssh/config (`ssh -G {host} | grep -i proxy` shows what is set)"
    ))
}

/// `ProxyJump`: `[user@]host[:port]` or `ssh://…`, separated by commas.
fn jumps(text: &str) -> Result<Vec<Jump>, SshError> {
    let bad = |part: &str| {
        SshError::new(
            SshErrorKind::Config,
            format!("`{}` in ProxyJump is no host", part.escape_debug()),
        )
    };
    let jump = |part: &str| {
        let plain = part.trim().strip_prefix("ssh://").unwrap_or(part.trim());
        let (user, rest) = match plain.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, plain),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((host, after)) => (host, after.strip_prefix(':')),
            None if rest.matches(':').count() > 1 => (rest, None),
            None => rest
                .split_once(':')
                .map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        let port = port
            .map(|p| p.parse::<u16>().map_err(|_| bad(part)))
            .transpose()?;
        if host.is_empty() {
            return Err(bad(part));
        }
        Ok(Jump {
            host: host.to_owned(),
            user,
            port,
        })
    };
    text.split(',').map(jump).collect()
}

/// `~` and the `%` tokens that `ssh -G` leaves as they are.
fn expand(text: &str, target: &Target) -> PathBuf {
    let home = etcetera::home_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str(&home.to_string_lossy()),
            Some('h') => out.push_str(&target.host),
            Some('p') => out.push_str(&target.port.to_string()),
            Some('r') => out.push_str(&target.user),
            Some('u') => out.push_str(&std::env::var("USER").unwrap_or_default()),
            Some('%') | None => out.push('%'),
            Some(other) => out.extend(['%', other]),
        }
    }
    match out.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => Path::new(&out).to_path_buf(),
    }
}

#[cfg(test)]
#[path = "tests/settings.rs"]
mod tests;
