//! `[ssh]` and the `ssh` of one node: how a host is reached. Pure; `~/.ssh/config` is read
//! elsewhere.

use super::address::host_and_port;
use super::place::Problems;
use super::section::{Found, Section};
use super::{SshSettings, Transport};
use std::path::PathBuf;

const KEYS: [&str; 7] = [
    "user",
    "port",
    "host",
    "identity_file",
    "known_hosts",
    "sudo",
    "transport",
];

/// The keys that locate a host. They have no use for this machine.
const ELSEWHERE: [&str; 5] = ["host", "port", "user", "identity_file", "known_hosts"];

/// Reads a table of SSH settings.
pub fn read(section: &Section, problems: &mut Problems) -> SshSettings {
    section.only(problems, &KEYS, |key| match key {
        "password" | "passphrase" => Some(
            "SSH passwords and passphrases are asked for when they are needed; remove it"
                .to_owned(),
        ),
        "key" | "keyfile" | "key_file" | "private_key" => {
            Some("did you mean `identity_file`?".to_owned())
        }
        "hostname" | "address" => Some("did you mean `host`?".to_owned()),
        _ => None,
    });
    let transport = transport(section, problems);
    if transport == Some(Transport::Local) {
        for key in ELSEWHERE {
            if let Some(at) = section.place_of(key) {
                problems.hinted(
                    at,
                    format!(
                        "`{key}` {} does not go with `transport = \"local\"`",
                        section.called
                    ),
                    "remove it: this machine is reached without ssh, by the user who runs replctl",
                );
            }
        }
    }
    SshSettings {
        transport,
        host: section
            .filled(problems, "host")
            .and_then(|found| host(&found, section, problems)),
        user: section
            .filled(problems, "user")
            .and_then(|found| user(&found, &section.called, problems)),
        port: section
            .number(problems, "port", 1, u32::from(u16::MAX))
            .and_then(|found| u16::try_from(found.value).ok()),
        identity_files: section.files(problems, "identity_file"),
        known_hosts: section
            .filled(problems, "known_hosts")
            .map(|found| PathBuf::from(found.value)),
        sudo: section.boolean(problems, "sudo").map(|found| found.value),
    }
}

fn transport(section: &Section, problems: &mut Problems) -> Option<Transport> {
    let found = section.string(problems, "transport")?;
    match found.value {
        "builtin" => Some(Transport::Builtin),
        "openssh" => Some(Transport::OpenSsh),
        "local" => Some(Transport::Local),
        other => {
            problems.hinted(
                found.at,
                format!("`transport` {} is unknown: `{other}`", section.called),
                "it is \"builtin\", \"openssh\" (the installed ssh) or \"local\" (this machine)",
            );
            None
        }
    }
}

/// Reports a node that is this machine by `[ssh]`, and elsewhere by its own settings.
pub fn check(over: &SshSettings, under: &SshSettings, node: &Section, problems: &mut Problems) {
    if over.is_elsewhere()
        && over.transport.is_none()
        && under.transport == Some(Transport::Local)
        && let Some(at) = node.place_of("ssh")
    {
        problems.hinted(
            at,
            format!(
                "`ssh` {} does not go with `transport = \"local\"` in `[ssh]`",
                node.called
            ),
            "give the node a table [node.ssh] with a `transport` of its own",
        );
    }
}

/// Reads the `ssh` of a node: a table, or the short form `"user@host:port"`.
pub fn of_node(node: &Section, problems: &mut Problems) -> SshSettings {
    let Some(value) = node.get("ssh") else {
        return SshSettings::default();
    };
    if value.get_ref().is_table() {
        let table = node.table(problems, "ssh", format!("of `ssh` {}", node.called));
        return table
            .map(|table| read(&table, problems))
            .unwrap_or_default();
    }
    if !value.get_ref().is_str() {
        node.wrong_type(problems, "ssh", "a table or \"user@host:port\"", value, "");
        return SshSettings::default();
    }
    node.filled(problems, "ssh")
        .map(|found| short(&found, node, problems))
        .unwrap_or_default()
}

impl SshSettings {
    /// Whether it locates the host.
    fn is_elsewhere(&self) -> bool {
        self.host.is_some()
            || self.port.is_some()
            || self.user.is_some()
            || self.known_hosts.is_some()
            || !self.identity_files.is_empty()
    }

    /// The beginning of a command that reaches the host as replctl does: `ssh -p 2222
    /// deploy@bastion`. `address` is the node's own. Unset values come from `~/.ssh/config`, as in
    /// replctl, so the host keeps its name there.
    pub fn command(&self, address: &str) -> String {
        if self.transport == Some(Transport::Local) {
            return "env".to_owned();
        }
        let quoted = |text: &str| {
            shlex::try_quote(text).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned)
        };
        let mut words = vec!["ssh".to_owned()];
        if let Some(port) = self.port {
            words.push(format!("-p {port}"));
        }
        for file in &self.identity_files {
            words.push(format!("-i {}", quoted(&file.to_string_lossy())));
        }
        if let Some(file) = &self.known_hosts {
            let option = format!("UserKnownHostsFile={}", file.to_string_lossy());
            words.push(format!("-o {}", quoted(&option)));
        }
        let host = self.host.as_deref().unwrap_or(address);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        words.push(match &self.user {
            Some(user) => quoted(&format!("{user}@{host}")),
            None => quoted(host),
        });
        words.join(" ")
    }

    /// On its own machine, root needs no sudo, and sudo may be missing.
    pub fn spare_sudo(&mut self, is_root: bool) {
        if is_root && self.transport == Some(Transport::Local) {
            self.sudo = Some(false);
        }
    }

    /// The same for a command that needs root: with sudo if the inventory names a user other than
    /// root. Without a user, the login on the host is unknown.
    pub fn as_root(&self, address: &str) -> String {
        if self.transport == Some(Transport::Local) {
            let other = self.sudo == Some(false);
            return if other { "env" } else { "sudo" }.to_owned();
        }
        let command = self.command(address);
        let other = self.user.as_deref().is_some_and(|user| user != "root");
        if other && self.sudo != Some(false) || self.sudo == Some(true) {
            format!("{} sudo", command.replacen("ssh", "ssh -t", 1))
        } else {
            command
        }
    }
}

/// The values of `over`, and those of `under` for missing ones.
pub fn overlay(over: SshSettings, under: &SshSettings) -> SshSettings {
    let transport = over.transport.or(under.transport);
    if transport == Some(Transport::Local) {
        // The location of other hosts says nothing about this machine.
        return SshSettings {
            sudo: over.sudo.or(under.sudo),
            transport,
            ..SshSettings::default()
        };
    }
    SshSettings {
        transport,
        host: over.host.or_else(|| under.host.clone()),
        user: over.user.or_else(|| under.user.clone()),
        port: over.port.or(under.port),
        identity_files: if over.identity_files.is_empty() {
            under.identity_files.clone()
        } else {
            over.identity_files
        },
        known_hosts: over.known_hosts.or_else(|| under.known_hosts.clone()),
        sudo: over.sudo.or(under.sudo),
    }
}

/// `user@host:port`, where each part may be missing: `root@`, `db1`, `db1:2222`, `:2222`.
fn short(found: &Found<&str>, node: &Section, problems: &mut Problems) -> SshSettings {
    let (login, place) = match found.value.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, found.value),
    };
    let called = format!("in `ssh` {}", node.called);
    let user = login.and_then(|login| {
        user(
            &Found {
                value: login,
                at: found.at,
            },
            &called,
            problems,
        )
    });
    // A bare `:2222` has no host: any will do to read the port.
    let (placeholder, text) = if place.starts_with(':') {
        (true, format!("x{place}"))
    } else {
        (false, place.to_owned())
    };
    let place = if place.is_empty() {
        Ok((None, None))
    } else {
        host_and_port(&text).map(|(host, port)| (Some(host), port))
    };
    match place {
        Ok((host, port)) => SshSettings {
            host: host.filter(|_| !placeholder),
            user,
            port,
            ..SshSettings::default()
        },
        Err(why) => {
            let what = format!("`ssh` {} {why}: `{}`", node.called, found.value);
            problems.hinted(
                found.at,
                what,
                "write it as `user@host:port`; each part may be missing",
            );
            SshSettings::default()
        }
    }
}

/// An address, or a `Host` of `~/.ssh/config`.
fn host(found: &Found<&str>, section: &Section, problems: &mut Problems) -> Option<String> {
    match host_and_port(found.value) {
        Ok((host, None)) => Some(host),
        Ok((_, Some(port))) => {
            problems.hinted(
                found.at,
                format!("`host` {} has a port in it", section.called),
                format!("add `port = {port}` beside it"),
            );
            None
        }
        Err(why) => {
            problems.add(
                found.at,
                format!("`host` {} {why}: `{}`", section.called, found.value),
            );
            None
        }
    }
}

/// A login name; a leading `-` would be read as an option by `ssh -G`.
fn user(found: &Found<&str>, called: &str, problems: &mut Problems) -> Option<String> {
    let text = found.value;
    if text.is_empty() {
        problems.add(found.at, format!("`user` {called} is empty"));
        return None;
    }
    if text.starts_with('-') || text.chars().any(char::is_whitespace) {
        problems.add(
            found.at,
            format!("`user` {called} is no login name: `{text}`"),
        );
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reaches_the_host_as_replctl_does() {
        let bare = SshSettings::default();
        assert_eq!(bare.command("10.0.0.1"), "ssh 10.0.0.1");
        assert_eq!(bare.command("[2001:db8::7]"), "ssh 2001:db8::7");
        let full = SshSettings {
            host: Some("bastion".into()),
            user: Some("deploy".into()),
            port: Some(2222),
            identity_files: vec!["~/.ssh/a key".into()],
            known_hosts: Some("/etc/known".into()),
            sudo: Some(true),
            transport: None,
        };
        assert_eq!(
            full.command("10.0.0.1"),
            "ssh -p 2222 -i '~/.ssh/a key' -o 'UserKnownHostsFile=/etc/known' deploy@bastion"
        );
        let user = |user: &str, sudo| SshSettings {
            user: Some(user.into()),
            sudo,
            ..SshSettings::default()
        };
        assert_eq!(bare.as_root("db1"), "ssh db1");
        assert_eq!(user("root", None).as_root("db1"), "ssh root@db1");
        assert_eq!(user("ops", None).as_root("db1"), "ssh -t ops@db1 sudo");
        assert_eq!(user("ops", Some(false)).as_root("db1"), "ssh ops@db1");
        let mut here = SshSettings {
            transport: Some(Transport::Local),
            ..SshSettings::default()
        };
        assert_eq!(here.command("db1"), "env");
        for (is_root, says) in [(false, "sudo"), (true, "env")] {
            here.spare_sudo(is_root);
            assert_eq!(here.as_root("db1"), says);
        }
    }
}
