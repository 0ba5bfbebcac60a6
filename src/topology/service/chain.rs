//! The lines that give a server its role, read in the server's order: each include at its place,
//! arguments last. Pure.
//!
//! Measured on Redis 6.0, 6.2, 7.0, 8.0 and Valkey 8.1: the last `replicaof` or `slaveof` counts,
//! wherever it is. An include is read at its place; a relative one from the folder that `dir` has
//! set before it. Redis 7.0 and newer expand patterns; older ones take them as names of files.

use crate::config::directives::{Directive, parse};
use crate::topology::{Address, PersistedRole};

use std::collections::{BTreeMap, BTreeSet};

/// Files that are read for one server, at most.
const FILES: usize = 64;
/// Includes inside includes, at most: a file that includes itself has no end.
const DEPTH: usize = 8;

/// What gives a server its role at its next start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// In its configuration file, in order.
    pub file: Vec<ChainEntry>,
    /// In its arguments, which are read after the file.
    pub arguments: Vec<ChainEntry>,
    /// Where it keeps its data.
    pub data: DataFiles,
}

/// The files that a start loads its data from and the ports it takes, by what its configuration
/// says last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFiles {
    /// `dir`, absolute; `None`: not known.
    pub folder: Option<String>,
    /// `dbfilename`, the snapshot.
    pub snapshot: String,
    /// `appendfilename`, the log of writes, or the beginning of the names of its parts.
    pub log: String,
    /// `appenddirname`, the folder of these parts from 7.0 on.
    pub log_folder: String,
    /// `port`; 0: none.
    pub port: u16,
    /// `tls-port`; 0: none.
    pub tls_port: u16,
    /// `maxclients`; `None`: no number.
    pub clients: Option<u64>,
}

impl Default for DataFiles {
    /// The names that the server uses where its configuration gives none.
    fn default() -> Self {
        Self {
            folder: None,
            snapshot: "dump.rdb".to_owned(),
            log: "appendonly.aof".to_owned(),
            log_folder: "appendonlydir".to_owned(),
            port: crate::inventory::node::PORT,
            tls_port: 0,
            clients: Some(10_000),
        }
    }
}

impl DataFiles {
    /// Whether the server listens on that port.
    pub fn listens_on(&self, port: u16) -> bool {
        [self.port, self.tls_port].contains(&port) && port != 0
    }

    /// The port by which it is named: the plain one where it has one.
    pub fn main_port(&self) -> u16 {
        if self.port == 0 {
            self.tls_port
        } else {
            self.port
        }
    }
}

/// A line that has to do with the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainEntry {
    /// It gives the role.
    Role(Line),
    /// It includes a file, with these in it.
    Include(Vec<ChainEntry>),
}

/// A line that gives the role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The upstream; `None`: none, a primary.
    pub follows: Option<Address>,
    /// The file; `None`: the command line.
    pub file: Option<String>,
}

/// What was read of a host's files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// By absolute path.
    pub read: BTreeMap<String, Read>,
    /// The files that a pattern stands for, by absolute pattern, in the order of the host's own
    /// expansion.
    pub matching: BTreeMap<String, Vec<String>>,
}

/// The result of reading one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// Its lines that matter here.
    Lines(String),
    /// It is not there.
    Missing,
    /// It was not read: the reason, one phrase.
    Refused(String),
}

/// Files that must be read next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    /// Absolute paths.
    pub files: BTreeSet<String>,
    /// Absolute patterns.
    pub patterns: BTreeSet<String>,
}

/// How a start reads its configuration.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// The file.
    pub file: Option<&'a str>,
    /// The arguments behind it.
    pub arguments: &'a [String],
    /// The folder it is started in; `None`: not known.
    pub folder: Option<&'a str>,
    /// It expands patterns.
    pub patterns: bool,
}

impl Chain {
    /// A file with that role alone.
    pub fn of_file(path: &str, role: Option<&Address>) -> Self {
        let line = role.map(|role| {
            ChainEntry::Role(Line {
                follows: Some(role.clone()),
                file: Some(path.to_owned()),
            })
        });
        Self {
            file: line.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The line that decides.
    pub fn last(&self) -> Option<&Line> {
        last(&self.arguments).or_else(|| last(&self.file))
    }

    /// The line that decides in the arguments.
    pub fn last_argument(&self) -> Option<&Line> {
        last(&self.arguments)
    }

    /// The line that decides in the file and in what it includes.
    pub fn last_in_file(&self) -> Option<&Line> {
        last(&self.file)
    }

    /// The role.
    pub fn role(&self) -> PersistedRole {
        role_of(self.last())
    }
}

/// The role that a line gives; without one a server is a primary.
pub(super) fn role_of(line: Option<&Line>) -> PersistedRole {
    match line.and_then(|l| l.follows.clone()) {
        Some(address) => PersistedRole::ReplicaOf(address),
        None => PersistedRole::Primary,
    }
}

/// The last line that gives a role.
pub(super) fn last(entries: &[ChainEntry]) -> Option<&Line> {
    entries.iter().rev().find_map(|entry| match entry {
        ChainEntry::Role(line) => Some(line),
        ChainEntry::Include(inner) => last(inner),
    })
}

/// Follows the files of a start as far as they were read. Returns the chain, or the files to read
/// next.
///
/// # Errors
/// Why it cannot be known, one phrase.
pub fn follow(start: &Start<'_>, files: &Files) -> Result<Result<Chain, Ask>, String> {
    let mut walk = Walk {
        files,
        patterns: start.patterns,
        data: DataFiles {
            folder: start.folder.map(str::to_owned),
            ..DataFiles::default()
        },
        ask: Ask::default(),
        left: FILES,
    };
    let mut chain = Chain::default();
    if let Some(file) = start.file {
        chain.file = walk.file(file, 0)?;
    }
    // After an unread include, the folder for later files is uncertain.
    if walk.ask == Ask::default() {
        let lines = super::command::directives(start.arguments)?;
        chain.arguments = walk.lines(&lines, None, 0)?;
    }
    chain.data = walk.data;
    Ok(if walk.ask == Ask::default() {
        Ok(chain)
    } else {
        Err(walk.ask)
    })
}

struct Walk<'a> {
    files: &'a Files,
    patterns: bool,
    /// Its folder is the one for relative paths at this point.
    data: DataFiles,
    ask: Ask,
    left: usize,
}

impl Walk<'_> {
    fn file(&mut self, path: &str, depth: usize) -> Result<Vec<ChainEntry>, String> {
        if depth > DEPTH {
            return Err(format!("{path} is included more than {DEPTH} files deep"));
        }
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| format!("its configuration is more than {FILES} files"))?;
        match self.files.read.get(path) {
            None => {
                self.ask.files.insert(path.to_owned());
                Ok(Vec::new())
            }
            Some(Read::Missing) => Err(format!("{path} is not there")),
            Some(Read::Refused(why)) => Err(format!("{path} {why}")),
            Some(Read::Lines(text)) => self.lines(&parse(text), Some(path), depth),
        }
    }

    fn lines(
        &mut self,
        lines: &[Directive],
        path: Option<&str>,
        depth: usize,
    ) -> Result<Vec<ChainEntry>, String> {
        let at = path.unwrap_or("its command line");
        let mut out = Vec::new();
        for line in lines {
            // Lines after an unread include cannot be judged yet.
            if self.ask != Ask::default() {
                break;
            }
            match (line.name.as_str(), line.args.as_slice()) {
                ("replicaof" | "slaveof", args) => {
                    let follows = follows(args)
                        .ok_or_else(|| format!("{at} has a replicaof line that cannot be read"))?;
                    out.push(ChainEntry::Role(Line {
                        follows,
                        file: path.map(str::to_owned),
                    }));
                }
                ("dir", [folder]) => {
                    self.data.folder = absolute(self.data.folder.as_deref(), folder);
                }
                ("dbfilename", [name]) => self.data.snapshot.clone_from(name),
                ("maxclients", args) => {
                    let number = args.first().filter(|_| args.len() == 1);
                    self.data.clients = number.and_then(|n| n.parse().ok());
                }
                ("appendfilename", [name]) => self.data.log.clone_from(name),
                ("appenddirname", [name]) => self.data.log_folder.clone_from(name),
                ("port" | "tls-port", args) => {
                    let port = args.first().filter(|_| args.len() == 1);
                    let port = port.and_then(|p| p.parse().ok());
                    let port = port.ok_or_else(|| unreadable(at, &line.name))?;
                    match line.name.as_str() {
                        "port" => self.data.port = port,
                        _ => self.data.tls_port = port,
                    }
                }
                ("include", [named]) => {
                    let target = absolute(self.data.folder.as_deref(), named).ok_or_else(|| {
                        format!("{at} includes `{named}`, and from which folder is not known")
                    })?;
                    out.push(ChainEntry::Include(self.include(&target, depth)?));
                }
                ("dir" | "dbfilename" | "appendfilename" | "appenddirname", _) => {
                    return Err(unreadable(at, &line.name));
                }
                ("include", _) => return Err(format!("{at} has an include that cannot be read")),
                (_, _) => {}
            }
        }
        Ok(out)
    }

    fn include(&mut self, target: &str, depth: usize) -> Result<Vec<ChainEntry>, String> {
        if !(self.patterns && is_pattern(target)) {
            return self.file(target, depth + 1);
        }
        let Some(matching) = self.files.matching.get(target) else {
            self.ask.patterns.insert(target.to_owned());
            return Ok(Vec::new());
        };
        let mut out = Vec::new();
        for path in matching.clone() {
            out.extend(self.file(&path, depth + 1)?);
        }
        Ok(out)
    }
}

/// A path as it is read from `folder`; `None`: the folder is not known.
pub(super) fn absolute(folder: Option<&str>, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    let folder = folder?.trim_end_matches('/');
    let path = path.trim_start_matches("./");
    Some(match path {
        "" | "." => format!("{folder}/"),
        path => format!("{folder}/{path}"),
    })
}

/// As `systemctl show` joins the words of a command with blanks, a value with blanks is one of
/// these.
fn unreadable(at: &str, name: &str) -> String {
    format!("{at} has a `{name}` line that cannot be read")
}

/// Whether the server takes it for a pattern.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?']) || (path.contains('[') && path.contains(']'))
}

/// `HOST PORT`, or `no one`; newer servers take both as one argument, too.
#[allow(clippy::option_option)]
fn follows(args: &[String]) -> Option<Option<Address>> {
    let words: Vec<&str> = match args {
        [one] => one.split_whitespace().collect(),
        several => several.iter().map(String::as_str).collect(),
    };
    match words[..] {
        [no, one] if no.eq_ignore_ascii_case("no") && one.eq_ignore_ascii_case("one") => Some(None),
        [host, port] => Some(Some(Address::new(host, port.parse().ok()?))),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
