//! Reads what `ssh -G` says of a host. Every option that counts becomes part of a [`Target`]. An
//! option that only OpenSSH can honour is refused.

use super::algorithms::Allowed;
use super::between::{jumps, parse_jumps};
use super::directives::{self, refused};
use super::error::{SshError, SshErrorKind};
use super::settings::{Family, LEAST_RSA, Methods, Reach, Target};
use super::tokens::{self, Tokens, Unexpanded};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The options and their values, in the order of the answer.
pub(super) struct ConfigAnswer<'a>(Vec<(String, &'a str)>);

impl<'a> ConfigAnswer<'a> {
    pub fn new(text: &'a str) -> Self {
        let line = |line: &'a str| {
            let (key, value) = line.trim().split_once(' ')?;
            Some((key.to_ascii_lowercase(), value.trim()))
        };
        Self(text.lines().filter_map(line).collect())
    }

    pub fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(k, _)| k == key)
            .map(|(_, v)| *v)
    }

    fn value(&self, key: &str) -> Option<&'a str> {
        self.all(key).next()
    }

    /// A value that is not `none`.
    pub fn some(&self, key: &str) -> Option<&'a str> {
        self.value(key).filter(|value| *value != "none")
    }

    fn text(&self, key: &str) -> Option<String> {
        self.some(key).map(str::to_owned)
    }

    fn is_on(&self, key: &str) -> bool {
        matches!(self.value(key), Some("yes" | "true"))
    }

    fn is_off(&self, key: &str) -> bool {
        matches!(self.value(key), Some("no" | "false"))
    }
}

/// Reads the answer about `asked`.
///
/// # Errors
/// `Config`: the answer sets something that only OpenSSH can honour, or that nobody can.
pub(super) fn read(text: &str, asked: &str) -> Result<Target, SshError> {
    let beyond = directives::look_through(text, asked)?;
    let said = ConfigAnswer::new(text);
    let tokens = tokens(&said, asked)?;
    let mut target = Target {
        host: tokens.host.clone(),
        port: tokens.port,
        user: tokens.user.clone(),
        known_as: known_as(&tokens),
        identities_only: said.is_on("identitiesonly"),
        agent: agent(&said, &tokens)?,
        user_known_hosts: files(&said, "UserKnownHostsFile", &tokens)?,
        global_known_hosts: files(&said, "GlobalKnownHostsFile", &tokens)?,
        hash_known_hosts: said.is_on("hashknownhosts"),
        strict: said.is_on("stricthostkeychecking"),
        check_host_ip: said.is_on("checkhostip"),
        revoked: revoked(&said, &tokens),
        known_hosts_command: said.text("knownhostscommand"),
        algorithms: algorithms(&said),
        rsa_bits: rsa_bits(&said),
        methods: methods(&said),
        reach: reach(&said),
        beyond,
        ..Target::default()
    };
    for (key, into) in [
        ("identityfile", &mut target.identity_files),
        ("certificatefile", &mut target.certificate_files),
    ] {
        for file in said.all(key).filter(|file| *file != "none") {
            let path = tokens.path(file);
            into.push(path.map_err(|why| bad(&tokens, key, file, &why))?);
        }
    }
    target.jumps = jumps(&said, &tokens)?;
    if target.jumps.is_empty()
        && let Some(command) = said.some("proxycommand")
    {
        target.proxy = Some(proxy(command, &tokens)?);
    }
    target.tokens = tokens;
    Ok(target)
}

pub(super) fn bad(tokens: &Tokens, directive: &str, value: &str, why: &Unexpanded) -> SshError {
    let host = &tokens.asked;
    SshError::new(
        SshErrorKind::Config,
        format!(
            "{directive} in the ssh configuration of {host} cannot be used: {}",
            value.escape_debug()
        ),
    )
    .cause(why)
    .hint(format!(
        "run `ssh -p {} {}@{host} true` and correct what it names in ~/.ssh/config",
        tokens.port, tokens.user
    ))
}

pub(super) fn tokens(said: &ConfigAnswer<'_>, asked: &str) -> Result<Tokens, SshError> {
    let port = said.value("port").unwrap_or("22");
    let jump = match said.some("proxyjump") {
        Some(text) => parse_jumps(text)?.pop().map(|jump| jump.host),
        None => None,
    };
    Ok(Tokens {
        asked: asked.to_owned(),
        host: said.value("hostname").unwrap_or(asked).to_owned(),
        port: port.parse().map_err(|_| {
            SshError::new(
                SshErrorKind::Config,
                format!("`ssh -G` names no port of {asked}: {}", port.escape_debug()),
            )
        })?,
        user: said.value("user").unwrap_or_default().to_owned(),
        alias: said.value("hostkeyalias").unwrap_or_default().to_owned(),
        jump: jump.unwrap_or_default(),
        // OpenSSH got this option one version before it changed the hash.
        jump_is_hashed: said.value("obscurekeystroketiming").is_some(),
    })
}

fn known_as(tokens: &Tokens) -> String {
    if tokens.alias.is_empty() {
        tokens.host.clone()
    } else {
        tokens.alias.clone()
    }
}

fn agent(said: &ConfigAnswer<'_>, tokens: &Tokens) -> Result<Option<PathBuf>, SshError> {
    match said.value("identityagent") {
        Some("none") => Ok(None),
        None | Some("SSH_AUTH_SOCK") => Ok(agent_from_environment()),
        Some(text) => match text.strip_prefix('$').filter(|name| !name.starts_with('{')) {
            Some(name) => Ok(std::env::var_os(name).map(PathBuf::from)),
            None => tokens
                .path(text)
                .map(Some)
                .map_err(|why| bad(tokens, "IdentityAgent", text, &why)),
        },
    }
}

pub(super) fn agent_from_environment() -> Option<PathBuf> {
    std::env::var_os("SSH_AUTH_SOCK")
        .filter(|s| !s.is_empty())
        .map(PathBuf::from)
}

/// The files of a directive. One value may name several.
pub(super) fn files(
    said: &ConfigAnswer<'_>,
    directive: &str,
    tokens: &Tokens,
) -> Result<Vec<PathBuf>, SshError> {
    let mut files = Vec::new();
    for value in said.all(&directive.to_ascii_lowercase()) {
        for name in split(value, &tokens::me().home) {
            if name.len() == 1 && name[0] == "none" {
                continue;
            }
            let whole = name.join(" ");
            let path = tokens.path(&whole);
            let path = path.map_err(|why| bad(tokens, directive, &whole, &why))?;
            // The words are one name only where they can mean nothing else. Where replctl misses a
            // file, a host whose key is revoked counts as new.
            if name.len() > 1 && (!path.exists() || name[1..].iter().any(|n| Path::new(n).exists()))
            {
                return Err(several(tokens, directive, value));
            }
            files.push(path);
        }
    }
    Ok(files)
}

fn several(tokens: &Tokens, directive: &str, value: &str) -> SshError {
    let host = &tokens.asked;
    SshError::new(
        SshErrorKind::Config,
        format!("{directive} in the ssh configuration of {host} does not tell where a name ends"),
    )
    .cause(format!(
        "`ssh -G` prints no quotation marks: {}",
        value.escape_debug()
    ))
    .hint(format!(
        "in ~/.ssh/config, let each name of {directive} begin with / or ~ and have no space in it"
    ))
}

/// Splits a value into names. `ssh -G` prints names with spaces without quotation marks. So a word
/// that does not begin as an absolute name belongs to the name before it, or is a name of its own.
/// `home` is our own home: it is one part even with spaces in it.
pub(super) fn split(value: &str, home: &Path) -> Vec<Vec<String>> {
    let mut names: Vec<Vec<String>> = Vec::new();
    let home = home.display().to_string();
    let value = if home.contains(' ') {
        value.replace(&format!("{home}/"), "~/")
    } else {
        value.to_owned()
    };
    for word in value.split(' ') {
        match names.last_mut() {
            Some(last) if !word.starts_with(['/', '~', '%', '$']) => last.push(word.to_owned()),
            Some(_) | None => names.push(vec![word.to_owned()]),
        }
    }
    names
}

fn revoked(said: &ConfigAnswer<'_>, tokens: &Tokens) -> Vec<PathBuf> {
    let home = &tokens::me().home;
    let names = said.all("revokedhostkeys");
    // A wrong name is no danger here: where a list is missing, replctl lets no host in.
    let names = names.flat_map(|value| split(value, home));
    let names = names
        .map(|name| name.join(" "))
        .filter(|name| name != "none");
    names
        .map(|name| {
            // Older versions of OpenSSH take the name as it is.
            let plain = tokens::at_home(&name, home);
            match tokens.path(&name) {
                Ok(path) if !PathBuf::from(&plain).exists() => path,
                Ok(_) | Err(_) => plain.into(),
            }
        })
        .collect()
}

fn algorithms(said: &ConfigAnswer<'_>) -> Allowed {
    let list = |key: &str| said.value(key).map(str::to_owned);
    Allowed {
        kex: list("kexalgorithms"),
        host_keys: list("hostkeyalgorithms"),
        ciphers: list("ciphers"),
        macs: list("macs"),
        user_keys: list("pubkeyacceptedalgorithms").or_else(|| list("pubkeyacceptedkeytypes")),
    }
}

fn rsa_bits(said: &ConfigAnswer<'_>) -> usize {
    let bits = said.value("requiredrsasize").or(said.value("rsaminsize"));
    bits.and_then(|bits| bits.parse().ok()).unwrap_or(LEAST_RSA)
}

fn methods(said: &ConfigAnswer<'_>) -> Methods {
    let preferred = said.some("preferredauthentications");
    let is_wanted = |name: &str| preferred.is_none_or(|list| super::algorithms::has(list, name));
    let interactive = [
        "kbdinteractiveauthentication",
        "challengeresponseauthentication",
    ];
    Methods {
        key: is_wanted("publickey") && !said.is_off("pubkeyauthentication"),
        password: is_wanted("password") && !said.is_off("passwordauthentication"),
        interactive: is_wanted("keyboard-interactive")
            && !interactive.iter().any(|key| said.is_off(key)),
        batch: said.is_on("batchmode"),
    }
}

pub(super) fn reach(said: &ConfigAnswer<'_>) -> Reach {
    let seconds = said.some("connecttimeout").and_then(|s| s.parse().ok());
    let attempts = said
        .value("connectionattempts")
        .and_then(|n| n.parse().ok());
    Reach {
        from: said.text("bindaddress"),
        family: match said.value("addressfamily") {
            Some("inet") => Family::V4,
            Some("inet6") => Family::V6,
            Some(_) | None => Family::Any,
        },
        time: seconds.filter(|s| *s > 0).map(Duration::from_secs),
        attempts: attempts.unwrap_or(1),
    }
}

/// The command with its tokens expanded. As in OpenSSH, the name of a host or user must hold
/// nothing that a shell would run as a command.
fn proxy(command: &str, tokens: &Tokens) -> Result<String, SshError> {
    if command == "-" {
        return Err(refused(&tokens.asked, "ProxyCommand", "proxycommand -"));
    }
    let is_odd = |c: char| "'`\"$\\;&<>|(){},".contains(c) || c.is_whitespace() || c.is_control();
    for name in [&tokens.asked, &tokens.host, &tokens.user] {
        // The name of a user may have a backslash in it: DOMAIN\name.
        if name.starts_with('-')
            || name.contains(|c: char| c != '\\' && is_odd(c))
            || name.ends_with('\\')
        {
            return Err(SshError::new(
                SshErrorKind::Config,
                format!(
                    "`{}` is no name to put into a ProxyCommand",
                    name.escape_debug()
                ),
            ));
        }
    }
    tokens
        .of_way(command)
        .map_err(|why| bad(tokens, "ProxyCommand", command, &why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_as_far_as_that_can_be() {
        let split = |value: &str, home: &str| -> Vec<String> {
            let names = split(value, Path::new(home));
            names.iter().map(|name| name.join("|")).collect()
        };
        assert_eq!(
            split("/a ~/b %d/c ${D}/d", "/h"),
            ["/a", "~/b", "%d/c", "${D}/d"]
        );
        assert_eq!(split("/a b c /d", "/h"), ["/a|b|c", "/d"]);
        assert_eq!(split("a b", "/h"), ["a|b"]);
        assert_eq!(
            split(
                "/home/a b/.ssh/known_hosts /home/a b/.ssh/known_hosts2",
                "/home/a b"
            ),
            ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
        );
    }
}
