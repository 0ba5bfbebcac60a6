//! `[server]`: which server program, where it lives, and the directives of its own configuration.
//! Pure.

use super::place::Problems;
use super::section::{Found, Section};
use super::{ServerSettings, ServerSource, source};
use std::collections::BTreeMap;
use toml::de::DeValue;

/// Directives by name, each with its values.
pub type Directives = BTreeMap<String, Vec<String>>;

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            source: ServerSource::Embedded,
            directory: "/db/redis".to_owned(),
            databases: 16,
            user: "redis".to_owned(),
            hostnames: false,
        }
    }
}

/// Reads `[server]`; what is missing or wrong keeps its default.
pub fn read(section: &Section, problems: &mut Problems) -> ServerSettings {
    let known = [
        "source",
        "file",
        "sha256",
        "directory",
        "databases",
        "user",
        "hostnames",
        "config",
    ];
    section.only(problems, &known, |key| {
        let near = super::nearest::nearest(key, known).is_none();
        near.then(|| format!("a directive of the server's own configuration goes under `[server.config]`: `{key} = …`"))
    });
    let mut settings = ServerSettings::default();
    if let Some(source) = source::read(section, problems) {
        settings.source = source;
    }
    if let Some(directory) = directory(section, problems) {
        settings.directory = directory;
    }
    if let Some(databases) = section.number(problems, "databases", 1, i32::MAX.unsigned_abs()) {
        settings.databases = databases.value;
    }
    if let Some(user) = user(section, problems) {
        settings.user = user;
    }
    if let Some(hostnames) = section.boolean(problems, "hostnames") {
        settings.hostnames = hostnames.value;
    }
    settings
}

fn directory(section: &Section, problems: &mut Problems) -> Option<String> {
    let found = section.filled(problems, "directory")?;
    let parts: Vec<&str> = found
        .value
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    let wrong =
        if !found.value.starts_with('/') {
            "must be absolute"
        } else if parts.is_empty() {
            "cannot be the root of the file system"
        } else if parts.iter().any(|part| matches!(*part, "." | "..")) {
            "cannot have `.` or `..` in it"
        } else if !found.value.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b'+' | b'@')
        }) {
            // The value goes into unit files, configuration files and command lines, each with its
            // own rules of quoting.
            "can only have letters, digits and `/._-+@` in it"
        } else {
            return Some(format!("/{}", parts.join("/")));
        };
    problems.hinted(
        found.at,
        format!("`directory` in `[server]` {wrong}: `{}`", found.value),
        "for example, `directory = \"/db/redis\"`",
    );
    None
}

fn user(section: &Section, problems: &mut Problems) -> Option<String> {
    let found = section.filled(problems, "user")?;
    let first = found
        .value
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    let rest = found
        .value
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    if !first || !rest || found.value.len() > 32 {
        problems.hinted(
            found.at,
            format!("`user` in `[server]` is no user name: `{}`", found.value),
            "for example, `user = \"redis\"`",
        );
        return None;
    }
    Some(found.value.to_owned())
}

/// Reads the `config` table of a section, if it has one.
pub fn directives(section: &Section, problems: &mut Problems, called: &str) -> Directives {
    let Some(table) = section.table(problems, "config", called) else {
        return Directives::new();
    };
    let mut directives = Directives::new();
    for (key, value) in table.entries() {
        let Some(name) = directive_name(&key, problems, called) else {
            continue;
        };
        let Some(values) =
            directive_values(&key, value.get_ref(), value.span().start, problems, called)
        else {
            continue;
        };
        if directives.insert(name.clone(), values).is_some() {
            problems.add(
                key.at,
                format!(
                    "`{}` {called} is there twice, as `{name}` and by its older name",
                    key.value
                ),
            );
        }
    }
    directives
}

/// The name in lower case and in its present form, unless only replctl may write it.
fn directive_name(key: &Found<&str>, problems: &mut Problems, called: &str) -> Option<String> {
    let name = key.value.to_ascii_lowercase();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) || !name.bytes().all(plain) {
        problems.add(
            key.at,
            format!("`{}` {called} is no name of a directive", key.value),
        );
        return None;
    }
    if let Some(why) = unsupported(&name) {
        problems.hinted(
            key.at,
            format!("`{}` {called} is not supported", key.value),
            why,
        );
        return None;
    }
    if let Some(instead) = owned(&name) {
        problems.hinted(
            key.at,
            format!("`{}` {called} is written by replctl", key.value),
            instead,
        );
        return None;
    }
    Some(present_name(&name))
}

/// Replaces the older word for replica, in every directive that had it, by the present one.
pub fn present_name(name: &str) -> String {
    let words = name.split('-').map(|word| match word {
        "slave" => "replica",
        "slaves" => "replicas",
        other => other,
    });
    words.collect::<Vec<_>>().join("-")
}

/// The hint for a directive with which replctl cannot manage the server.
fn unsupported(name: &str) -> Option<&'static str> {
    match name {
        "include" => Some(
            "give the directives themselves here: an included file survives every change of role",
        ),
        "cluster-enabled" => Some("replctl is for replication without Redis Cluster; remove it"),
        _ => None,
    }
}

/// The hint for a directive that replctl writes itself.
pub fn owned(name: &str) -> Option<&'static str> {
    let instead = match name {
        "port" => "set `port` of the `[[node]]`",
        "databases" => "use `databases` in `[server]`",
        "dir" | "dbfilename" | "pidfile" | "logfile" => {
            "it follows from `directory` in `[server]` and the node's port"
        }
        "daemonize" | "supervised" => "it follows from how the host starts services; remove it",
        "requirepass" | "masterauth" | "primaryauth" => {
            "use `password` in `[deployment]`; it is set on every node"
        }
        "replicaof" | "slaveof" => "use `replicaof` of the `[[node]]`",
        "replica-priority" | "slave-priority" => "use `priority` of the `[[node]]`",
        "replica-announce-ip"
        | "slave-announce-ip"
        | "replica-announce-port"
        | "slave-announce-port" => "use `announce` of the `[[node]]`",
        _ => return None,
    };
    Some(instead)
}

fn directive_values(
    key: &Found<&str>,
    value: &DeValue,
    at: usize,
    problems: &mut Problems,
    called: &str,
) -> Option<Vec<String>> {
    let Some(items) = value.as_array() else {
        return Some(vec![directive_value(key, value, at, problems, called)?]);
    };
    if items.is_empty() {
        problems.hinted(
            at,
            format!("`{}` {called} has no value", key.value),
            format!("for an empty value write `{} = \"\"`", key.value),
        );
        return None;
    }
    let mut values = Vec::new();
    for item in items {
        values.push(directive_value(
            key,
            item.get_ref(),
            item.span().start,
            problems,
            called,
        ));
    }
    values.into_iter().collect()
}

fn directive_value(
    key: &Found<&str>,
    value: &DeValue,
    at: usize,
    problems: &mut Problems,
    called: &str,
) -> Option<String> {
    if let Some(truth) = value.as_bool() {
        return Some(if truth { "yes" } else { "no" }.to_owned());
    }
    if let Some(number) = value.as_integer() {
        let number = i64::from_str_radix(number.as_str(), number.radix());
        if number.is_err() {
            problems.add(
                at,
                format!("`{}` {called} is a number beyond 64 bits", key.value),
            );
        }
        return Some(number.ok()?.to_string());
    }
    let Some(text) = value.as_str() else {
        let what = format!(
            "`{}` {called} must be a string, a whole number, true, false or a list of them",
            key.value
        );
        problems.hinted(
            at,
            what,
            format!(
                "write it as the server's configuration does, in quotes: `{} = \"…\"`",
                key.value
            ),
        );
        return None;
    };
    if text.chars().any(char::is_control) {
        problems.add(
            at,
            format!(
                "`{}` {called} holds a line break or another control character",
                key.value
            ),
        );
        return None;
    }
    Some(text.to_owned())
}
