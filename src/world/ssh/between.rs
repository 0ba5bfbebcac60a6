//! The hosts in between, as `ProxyJump` names them, and what is to be known of each where the
//! installed `ssh` goes through it.

use super::answer::{Said, bad, files, reach, split, tokens};
use super::error::{SshError, SshErrorKind};
use super::settings::{Jump, Target};
use super::tokens::{self as names, Tokens};

/// What is to be known of a host in between whose own way the installed `ssh` goes.
#[derive(Debug)]
pub(super) struct Between {
    pub host: String,
    pub port: u16,
    user: String,
    /// Hosts to go through, in the order from here.
    pub jumps: Vec<Jump>,
    /// As they stand in the answer: `ssh` expands their tokens.
    pub identity_files: Vec<String>,
    /// The same of `UserKnownHostsFile`.
    pub known_hosts: Vec<String>,
    /// There is a `ConnectTimeout`.
    pub is_patient: bool,
}

impl Between {
    /// The host in messages, as [`Target::shown`].
    pub fn shown(&self) -> String {
        let target = Target {
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            ..Target::default()
        };
        target.shown()
    }
}

/// Reads the answer about a host in between.
///
/// # Errors
/// `Config`: it does not tell the way to it, or where the name of a file ends.
pub(super) fn between(text: &str, asked: &str) -> Result<Between, SshError> {
    let said = Said::new(text);
    let tokens = tokens(&said, asked)?;
    // Only for what cannot be told apart.
    files(&said, "UserKnownHostsFile", &tokens)?;
    let known = said.all("userknownhostsfile");
    let known = known.flat_map(|value| split(value, &names::me().home));
    let own = said.all("identityfile").filter(|file| *file != "none");
    Ok(Between {
        jumps: jumps(&said, &tokens)?,
        identity_files: own.map(str::to_owned).collect(),
        known_hosts: known
            .map(|name| name.join(" "))
            .filter(|name| name != "none")
            .collect(),
        is_patient: reach(&said).time.is_some(),
        host: tokens.host,
        port: tokens.port,
        user: tokens.user,
    })
}

/// `ProxyJump`.
pub(super) fn jumps(said: &Said<'_>, tokens: &Tokens) -> Result<Vec<Jump>, SshError> {
    let Some(jumps) = said.some("proxyjump") else {
        return Ok(Vec::new());
    };
    let text = tokens.of_way(jumps);
    parse_jumps(&text.map_err(|why| bad(tokens, "ProxyJump", jumps, &why))?)
}

/// `ProxyJump`: `[user@]host[:port]` or `ssh://…`, separated by commas.
pub(super) fn parse_jumps(text: &str) -> Result<Vec<Jump>, SshError> {
    text.split(',')
        .map(|part| parse_jump(part.trim()))
        .collect()
}

fn parse_jump(text: &str) -> Result<Jump, SshError> {
    let bad = || {
        SshError::new(
            SshErrorKind::Config,
            format!("`{}` in ProxyJump is no host", text.escape_debug()),
        )
    };
    let plain = text.strip_prefix("ssh://").unwrap_or(text);
    let plain = plain.strip_suffix('/').unwrap_or(plain);
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
    let port = port.map(str::parse).transpose().map_err(|_| bad())?;
    if host.is_empty()
        || host.starts_with('-')
        || user
            .as_deref()
            .is_some_and(|u| u.is_empty() || u.starts_with('-'))
    {
        return Err(bad());
    }
    Ok(Jump {
        host: host.to_owned(),
        user,
        port,
    })
}
