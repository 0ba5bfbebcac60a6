//! The text of an inventory for servers that were found running. Its comments tell the next reader
//! what was observed, and what is missing. Pure; the parser decides whether it is valid.
//!
//! Much of it comes from servers and hosts. A comment stays one line, whatever they say.

use super::node::PORT;
use super::template::quoted;
use super::tls::Verify;
use crate::hidden::hides;
use crate::topology::Address;
use std::fmt::Write as _;

/// The longest comment from foreign words, in characters.
const LONGEST: usize = 400;

/// How to reach the found servers: everything that is not about one of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// `[deployment] name`.
    pub name: String,
    /// `[deployment] user`.
    pub login: Option<String>,
    /// `[deployment] password`; `None`: `auth = "none"`.
    pub password: Option<Source>,
    /// `[deployment] masteruser`, where it is the user that replctl logs in as.
    pub masteruser: Option<String>,
    /// Comments below `[deployment]`.
    pub notes: Vec<String>,
    /// `[ssh]`.
    pub ssh: SshText,
    /// `[tls]`.
    pub tls: Option<TlsText>,
    /// `[server] directory`, where replctl made one of the servers.
    pub directory: Option<String>,
    /// `[sentinel]`.
    pub sentinel: Option<SentinelText>,
}

/// Where a password comes from. The password itself is never written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `{ file = … }`.
    File(String),
    /// `{ env = … }`.
    Env(String),
    /// `{ prompt = true }`.
    Prompt,
}

/// `[ssh]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SshText {
    /// `user`.
    pub user: Option<String>,
    /// `identity_file`.
    pub identity_file: Option<String>,
    /// `known_hosts`.
    pub known_hosts: Option<String>,
}

/// `[tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsText {
    /// `ca`.
    pub ca: Option<String>,
    /// `cert` and `key`.
    pub own: Option<(String, String)>,
    /// `verify`.
    pub verify: Verify,
}

/// `[sentinel]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SentinelText {
    /// `name`.
    pub name: String,
    /// `user`.
    pub login: Option<String>,
    /// `password`.
    pub password: Option<Source>,
    /// `nodes`: each with the host through which it is reached, if that is another.
    pub nodes: Vec<(Address, Option<String>)>,
    /// `quorum`, where `nodes` is not empty.
    pub quorum: Option<u64>,
    /// Comments below it.
    pub notes: Vec<String>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundServer {
    /// `name`.
    pub name: String,
    /// `address` and `port`.
    pub address: Address,
    /// `ssh.host`.
    pub ssh_host: Option<String>,
    /// `announce`.
    pub announce: Option<Address>,
    /// `replicaof`.
    pub replicaof: Option<String>,
    /// `priority`.
    pub priority: Option<u32>,
    /// `via = "direct"`.
    pub direct: bool,
    /// `managed = false`.
    pub foreign: bool,
    /// `unit`.
    pub unit: Option<String>,
    /// `config_file`.
    pub config_file: Option<String>,
    /// Comments above it.
    pub above: Vec<String>,
    /// Comments below its keys: uncertain keys, with the reason.
    pub below: Vec<String>,
    /// The whole table is a comment.
    pub only_comment: bool,
}

impl FoundServer {
    /// A server with nothing known but its address.
    pub fn at(name: impl Into<String>, address: Address) -> Self {
        Self {
            name: name.into(),
            address,
            ssh_host: None,
            announce: None,
            replicaof: None,
            priority: None,
            direct: false,
            foreign: false,
            unit: None,
            config_file: None,
            above: Vec::new(),
            below: Vec::new(),
            only_comment: false,
        }
    }
}

/// The whole text. `head` are its first comments.
pub fn text(head: &[String], access: &Access, entries: &[FoundServer]) -> String {
    let mut out = Lines::default();
    out.comments(head);
    out.deployment(access);
    out.ssh(&access.ssh);
    if let Some(tls) = &access.tls {
        out.tls(tls);
    }
    if let Some(directory) = &access.directory {
        out.line("");
        out.line("[server]");
        out.pair("directory", directory);
    }
    if let Some(sentinel) = &access.sentinel {
        out.sentinel(sentinel);
    }
    for entry in entries {
        out.line("");
        out.0.push_str(&table(entry));
    }
    out.0
}

/// One table, with its comments.
pub fn table(entry: &FoundServer) -> String {
    let mut out = Lines::default();
    out.comments(&entry.above);
    let mut keys = Lines::default();
    keys.line("[[node]]");
    keys.pair("name", &entry.name);
    keys.pair("address", &entry.address.host);
    if entry.address.port != PORT {
        keys.line(&format!("port = {}", entry.address.port));
    }
    if let Some(announce) = &entry.announce {
        keys.pair("announce", &announce.to_string());
    }
    if let Some(upstream) = &entry.replicaof {
        keys.pair("replicaof", upstream);
    }
    if let Some(priority) = entry.priority {
        keys.line(&format!("priority = {priority}"));
    }
    if let Some(host) = &entry.ssh_host {
        keys.line(&format!("ssh = {{ host = {} }}", quoted(host)));
    }
    if entry.direct {
        keys.pair("via", "direct");
    }
    if entry.foreign {
        keys.line("managed = false");
    }
    for (key, value) in [("unit", &entry.unit), ("config_file", &entry.config_file)] {
        if let Some(value) = value {
            keys.pair(key, value);
        }
    }
    for line in keys.0.lines() {
        out.line(&if entry.only_comment {
            format!("# {line}")
        } else {
            line.to_owned()
        });
    }
    out.comments(&entry.below);
    out.0
}

/// Lines of a file.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.0, "{text}");
    }

    fn comment(&mut self, text: &str) {
        let text = harmless(text);
        self.line(format!("# {text}").trim_end());
    }

    fn comments(&mut self, texts: &[String]) {
        for text in texts {
            self.comment(text);
        }
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {}", quoted(value)));
    }

    fn deployment(&mut self, access: &Access) {
        if !self.0.is_empty() {
            self.line("");
        }
        self.line("[deployment]");
        self.pair("name", &access.name);
        if let Some(user) = &access.login {
            self.pair("user", user);
        }
        match &access.password {
            Some(source) => self.source(source),
            None => self.pair("auth", "none"),
        }
        if let Some(user) = &access.masteruser {
            self.pair("masteruser", user);
        }
        self.comments(&access.notes);
    }

    fn source(&mut self, source: &Source) {
        self.line(&match source {
            Source::File(file) => format!("password = {{ file = {} }}", quoted(file)),
            Source::Env(name) => format!("password = {{ env = {} }}", quoted(name)),
            Source::Prompt => "password = { prompt = true }".to_owned(),
        });
    }

    fn ssh(&mut self, ssh: &SshText) {
        self.line("");
        self.line("[ssh]");
        let keys = [
            ("user", &ssh.user),
            ("identity_file", &ssh.identity_file),
            ("known_hosts", &ssh.known_hosts),
        ];
        for (key, value) in keys {
            if let Some(value) = value {
                self.pair(key, value);
            }
        }
        self.comment("what is missing here comes from ~/.ssh/config");
    }

    fn tls(&mut self, tls: &TlsText) {
        self.line("");
        self.line("[tls]");
        if let Some(ca) = &tls.ca {
            self.pair("ca", ca);
        }
        if let Some((cert, key)) = &tls.own {
            self.pair("cert", cert);
            self.pair("key", key);
        }
        match tls.verify {
            Verify::Full => {}
            Verify::Ca => self.pair("verify", "ca"),
            Verify::None => self.pair("verify", "none"),
        }
    }

    fn sentinel(&mut self, sentinel: &SentinelText) {
        self.line("");
        self.line("[sentinel]");
        self.pair("name", &sentinel.name);
        if let Some(user) = &sentinel.login {
            self.pair("user", user);
        }
        if let Some(source) = &sentinel.password {
            self.source(source);
        }
        if !sentinel.nodes.is_empty() {
            let nodes: Vec<String> = sentinel.nodes.iter().map(member).collect();
            self.line(&format!("nodes = [{}]", nodes.join(", ")));
            if let Some(quorum) = sentinel.quorum {
                self.line(&format!("quorum = {quorum}"));
            }
        }
        self.comments(&sentinel.notes);
    }
}

/// An entry of `nodes`.
fn member((address, through): &(Address, Option<String>)) -> String {
    match through {
        None => quoted(&address.to_string()),
        Some(host) => format!(
            "{{ address = {}, ssh = {{ host = {} }} }}",
            quoted(&address.to_string()),
            quoted(host)
        ),
    }
}

/// Foreign words in the form for a comment: in one line, and with nothing that a terminal would
/// obey.
pub fn harmless(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(LONGEST) {
        if c.is_control() || hides(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests;
