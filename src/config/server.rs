//! `conf/redis.cnf` of one node: the tutorial's directives and values, then the directives for
//! replication, then the inventory's own directives.
//!
//! The text holds no secret: [`PASSWORD`] stands in place of the password. The host's file gets the
//! password at the moment of writing.

mod sections;

use super::directives::{canonical, memory, quote, value_text};
use super::{Paths, tls};
use crate::inventory::{Auth, Inventory, NodeSpec};
use crate::topology::Address;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write as _;

/// Placeholder for the deployment's password.
pub const PASSWORD: &str = "${replctl:password}";

/// How the server is kept running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervision {
    /// A systemd unit, in the foreground.
    Systemd,
    /// It puts itself into the background.
    Daemon,
}

/// The digests in a file's first comment. They show a later run that the inventory asks for nothing
/// else. They survive `CONFIG REWRITE`, which keeps comments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Of the directives that need a restart.
    pub fixed: String,
    /// Of the directives that a running server takes.
    pub settable: String,
}

/// A rendered file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The file, with [`PASSWORD`] in place of the password.
    pub text: String,
    /// What stands in its first line.
    pub stamp: Stamp,
    /// Name and value text, in order, without the role.
    pub directives: Vec<(String, String)>,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "# replctl {} {}", self.fixed, self.settable)
    }
}

impl Stamp {
    /// The stamp of these directives. `settable`: whether a running server takes a directive.
    pub(super) fn new(directives: &[(String, String)], settable: impl Fn(&str) -> bool) -> Self {
        let (changing, fixed): (Vec<_>, Vec<_>) =
            directives.iter().partition(|(name, _)| settable(name));
        Self {
            fixed: digest(&fixed),
            settable: digest(&changing),
        }
    }

    /// The stamp of a file, at any place among its comments.
    pub fn of(text: &str) -> Option<Self> {
        text.lines().find_map(|line| {
            let words: Vec<&str> = line
                .trim()
                .strip_prefix("# replctl ")?
                .split_whitespace()
                .collect();
            let is_digest = |w: &str| w.len() == 32 && w.bytes().all(|b| b.is_ascii_hexdigit());
            match words.as_slice() {
                [fixed, settable] if is_digest(fixed) && is_digest(settable) => Some(Self {
                    fixed: (*fixed).to_owned(),
                    settable: (*settable).to_owned(),
                }),
                _ => None,
            }
        })
    }
}

/// Why the inventory may not set this directive, and what to use instead; `None`: it may.
pub fn owned(name: &str) -> Option<&'static str> {
    match canonical(name).as_str() {
        "port" => Some("use `port` of the [[node]]"),
        "dir" | "pidfile" => Some("use `directory` of [server]"),
        "replicaof" => Some("use `replicaof` of the [[node]]"),
        "requirepass" | "masterauth" => Some("use `auth` of [deployment]"),
        "daemonize" | "supervised" => {
            Some("replctl sets it as the host's service manager needs it")
        }
        "cluster-enabled" => {
            Some("Redis Cluster is something else than replication, and replctl does not do it")
        }
        _ => None,
    }
}

/// Whether a running server takes the directive by `CONFIG SET`. Not those that are protected
/// (`dbfilename` from 7.0 on), or settable only in newer versions (`bind`).
pub fn settable(name: &str) -> bool {
    const FIXED: &[&str] = &[
        "always-show-logo",
        "appenddirname",
        "appendfilename",
        "aclfile",
        "bind",
        "bind-source-addr",
        "cluster-enabled",
        "daemonize",
        "databases",
        "dbfilename",
        "dir",
        "disable-thp",
        "enable-debug-command",
        "enable-module-command",
        "enable-protected-configs",
        "include",
        "io-threads",
        "io-threads-do-reads",
        "loadmodule",
        "logfile",
        "pidfile",
        "port",
        "rdbchecksum",
        "rename-command",
        "set-proc-title",
        "supervised",
        "syslog-enabled",
        "syslog-facility",
        "syslog-ident",
        "tcp-backlog",
        "unixsocket",
        "unixsocketperm",
        "user",
    ];
    // TLS directives belong together, and `CONFIG SET` sets them one by one: half of them may be
    // refused.
    !FIXED.contains(&name) && !name.starts_with("tls-")
}

/// The file of `node`. `upstream` is what it replicates from, as it reaches it; `None` for the
/// primary.
pub fn render(
    inventory: &Inventory,
    node: &NodeSpec,
    how: Supervision,
    upstream: Option<&Address>,
) -> Rendered {
    let mut sections = defaults(inventory, node, how);
    let mut own = Vec::new();
    for (name, values) in node.config.iter().filter(|(name, _)| owned(name).is_none()) {
        let name = canonical(name);
        let lines = values.iter().map(|v| (name.clone(), value_text(v)));
        match sections
            .iter_mut()
            .find(|s| s.lines.iter().any(|(n, _)| *n == name))
        {
            Some(section) => {
                let at = section
                    .lines
                    .iter()
                    .position(|(n, _)| *n == name)
                    .unwrap_or(0);
                section.lines.retain(|(n, _)| *n != name);
                section.lines.splice(at..at, lines);
            }
            None => own.extend(lines),
        }
    }
    if !own.is_empty() {
        sections.push(Section {
            comment: "from the inventory",
            lines: own,
        });
    }
    let directives: Vec<(String, String)> = sections
        .iter()
        .flat_map(|s| s.lines.iter().cloned())
        .collect();
    let stamp = Stamp::new(&directives, settable);
    let mut text = format!(
        "{stamp}\n# Written by replctl from the inventory: change it there and run `replctl setup`.\n"
    );
    for section in &sections {
        section.write(&mut text);
    }
    if let Some(upstream) = upstream {
        let _ = write!(
            text,
            "\n# the node this one replicates from; the server itself keeps this line up to date\n"
        );
        let _ = writeln!(
            text,
            "replicaof {} {}",
            quote(&upstream.host),
            upstream.port
        );
    }
    Rendered {
        text,
        stamp,
        directives,
    }
}

/// The first 128 bits of SHA-256, in hex, over the lines of one kind.
fn digest(directives: &[&(String, String)]) -> String {
    let mut hash = Sha256::new();
    for (name, value) in directives {
        hash.update(format!("{name} {value}\n"));
    }
    hash.finalize()
        .iter()
        .take(16)
        .fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// Directives under one comment.
pub(super) struct Section {
    /// What stands above them.
    pub comment: &'static str,
    /// Name and value text.
    pub lines: Vec<(String, String)>,
}

impl Section {
    /// Directives under a comment.
    pub fn new(comment: &'static str, lines: &[(&str, String)]) -> Self {
        let lines = lines.iter().map(|(n, v)| ((*n).to_owned(), v.clone()));
        Self {
            comment,
            lines: lines.collect(),
        }
    }

    /// Where the pid file and the log file are kept.
    pub fn of_pid_and_log(paths: &Paths) -> Self {
        Self::new(
            "where the pid file and the log file are kept",
            &[
                ("pidfile", quote(&paths.pid())),
                ("logfile", quote(&paths.log())),
            ],
        )
    }

    /// Adds them to a file's text.
    pub fn write(&self, text: &mut String) {
        let _ = write!(text, "\n# {}\n", self.comment);
        for (name, value) in &self.lines {
            let _ = writeln!(text, "{name} {value}");
        }
    }
}

/// How it is started.
pub(super) fn start(how: Supervision) -> Section {
    let (comment, daemonize) = match how {
        Supervision::Systemd => ("in the foreground: systemd keeps it running", "no"),
        Supervision::Daemon => ("start in the background, as a daemon", "yes"),
    };
    let lines = [
        ("daemonize", daemonize.to_owned()),
        ("supervised", "no".to_owned()),
    ];
    Section::new(comment, &lines)
}

fn defaults(inventory: &Inventory, node: &NodeSpec, how: Supervision) -> Vec<Section> {
    let paths = Paths::new(&inventory.server.directory, node.address.port);
    let password = matches!(inventory.auth, Auth::Password(_));
    let mut out = vec![start(how)];
    let mut add = |comment: &'static str, lines: &[(&str, String)]| {
        out.push(Section::new(comment, lines));
    };
    if let Some(bind) = bind(inventory, node) {
        add(
            "the addresses to listen on: the node's own, and loopback for tools on the host",
            &[("bind", bind)],
        );
    }
    let guard = if password || is_loopback(&node.address.host) {
        "yes"
    } else {
        "no"
    };
    add(
        "whether to refuse other hosts while no password is set",
        &[("protected-mode", guard.to_owned())],
    );
    out.push(tls::ports(node));
    out.extend(tls::files(node, &paths));
    out.extend(sections::of_files(inventory, &paths));
    out.extend(sections::of_replication(node, password));
    out
}

pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The `bind` line: only what every server of the source understands. `-address` and `*` came with
/// 6.2; without any line all versions listen everywhere.
pub(super) fn bind(inventory: &Inventory, node: &NodeSpec) -> Option<String> {
    let modern = inventory.server.source.is_embedded();
    let host = if node.address.host.eq_ignore_ascii_case("localhost") {
        "127.0.0.1"
    } else {
        &node.address.host
    };
    let Ok(ip) = host.parse::<IpAddr>() else {
        return modern.then(|| "* -::*".to_owned());
    };
    let mut all = vec![ip.to_string()];
    let loopback = if ip.is_ipv6() { "::1" } else { "127.0.0.1" };
    if !ip.is_loopback() && !ip.is_unspecified() {
        all.push(loopback.to_owned());
    }
    // An announced address may belong to another machine (address translation). The server listens
    // on it only if it is local.
    if let Some(announced) = node
        .announce
        .as_ref()
        .and_then(|a| a.host.parse::<IpAddr>().ok())
        && announced != ip
        && modern
    {
        all.push(format!("-{announced}"));
    }
    Some(all.join(" "))
}

/// 64 MB: at 46 MB/s of writes, 1 MB was overrun by a short break. An eighth of `maxmemory` where
/// that is less, never below the server's own 1 MB.
fn backlog(node: &NodeSpec) -> String {
    const MB: u64 = 1 << 20;
    let limit = node
        .config
        .get("maxmemory")
        .and_then(|v| v.last())
        .and_then(|v| memory(v))
        .filter(|bytes| *bytes > 0);
    let mb = limit.map_or(64, |bytes| (bytes / 8 / MB).clamp(1, 64));
    format!("{mb}mb")
}

#[cfg(test)]
mod tests;
