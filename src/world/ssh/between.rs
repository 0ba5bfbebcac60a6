//! The hosts in between, as `ProxyJump` names them, and what replctl must know of each where the
//! installed `ssh` goes through it.

use super::answer::{ConfigAnswer, bad, files, reach, split, tokens};
use super::error::{SshError, SshErrorKind};
use super::settings::{Jump, Target};
use super::tokens::{self as names, Tokens};

/// What replctl must know of a host in between, where the installed `ssh` finds the way to it.
#[derive(Debug)]
pub(super) struct Between {
    pub host: String,
    pub port: u16,
    user: String,
    /// Hosts to go through, in the order from here.
    pub jumps: Vec<Jump>,
    /// The names as they are in the answer: `ssh` expands their tokens.
    pub identity_files: Vec<String>,
    /// The same for `UserKnownHostsFile`, where replctl names these files beside the inventory's.
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

/// Reads the answer about a host in between. `known_hosts`: the inventory names a file of known
/// hosts, and replctl must name the host's own files beside it. Else only `ssh` reads their names.
///
/// # Errors
/// `Config`: the answer does not show the way to the host, or, with `known_hosts`, where the name
/// of a file ends.
pub(super) fn between(text: &str, asked: &str, known_hosts: bool) -> Result<Between, SshError> {
    let said = ConfigAnswer::new(text);
    let tokens = tokens(&said, asked)?;
    let known_hosts = if known_hosts {
        own_known_hosts(&said, &tokens)?
    } else {
        Vec::new()
    };
    let own = said.all("identityfile").filter(|file| *file != "none");
    Ok(Between {
        jumps: jumps(&said, &tokens)?,
        identity_files: own.map(str::to_owned).collect(),
        known_hosts,
        is_patient: reach(&said).time.is_some(),
        host: tokens.host,
        port: tokens.port,
        user: tokens.user,
    })
}

/// `UserKnownHostsFile`, as it is in the answer.
fn own_known_hosts(said: &ConfigAnswer<'_>, tokens: &Tokens) -> Result<Vec<String>, SshError> {
    // This is only for its error, where names cannot be separated.
    files(said, "UserKnownHostsFile", tokens)?;
    let known = said.all("userknownhostsfile");
    Ok(known
        .flat_map(|value| split(value, &names::me().home))
        .map(|name| name.join(" "))
        .filter(|name| name != "none")
        .collect())
}

/// The hosts to go through to the host that was asked about, and nothing else of the answer.
///
/// # Errors
/// `Config`: the answer does not show the way to the host.
pub(super) fn way(text: &str, asked: &str) -> Result<Vec<Jump>, SshError> {
    let said = ConfigAnswer::new(text);
    jumps(&said, &tokens(&said, asked)?)
}

/// `ProxyJump`.
pub(super) fn jumps(said: &ConfigAnswer<'_>, tokens: &Tokens) -> Result<Vec<Jump>, SshError> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_that_only_ssh_has_to_read_are_left_to_it() {
        for file in [
            // A name with a space in it, of a file that is not there yet.
            "/nowhere/my hosts/known",
            // A token that is not known here.
            "/nowhere/%q",
        ] {
            let said = format!(
                "hostname 10.0.0.1\nport 22\nuser ops\nproxyjump gate:2222\nuserknownhostsfile {file}\n"
            );
            let jumps = way(&said, "db").unwrap();
            assert_eq!(jumps.len(), 1);
            assert_eq!((&*jumps[0].host, jumps[0].port), ("gate", Some(2222)));
            let between = between(&said, "db", false).unwrap();
            assert_eq!(between.jumps, jumps);
            assert_eq!(between.known_hosts, [""; 0]);
            // They must be named beside the file of the inventory.
            let error = super::between(&said, "db", true).unwrap_err();
            assert_eq!(error.kind, SshErrorKind::Config, "{error}");
        }
    }

    #[test]
    fn own_files_of_known_hosts_are_named_beside_that_of_the_inventory() {
        let said = "hostname 10.0.0.1\nport 22\nuser ops\nuserknownhostsfile /a/known /b/known\n";
        let between = between(said, "gate", true).unwrap();
        assert_eq!(between.known_hosts, ["/a/known", "/b/known"]);
    }
}
