//! Changes to the text of an inventory, as data: a new node, a removed node, another `replicaof`.
//! All other bytes stay as they are. Pure.
//!
//! A change belongs to the text it was made for. It is applied there completely, or not at all.

mod adopt;
mod layout;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod words;

use super::node::PORT;
use super::parse::parse;
use super::template::quoted;
use crate::topology::{Address, NodeName};
pub use adopt::{AdoptedDirective, adopt};
use layout::{Layout, line_number};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::Path;

/// A change to an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The file, absolute.
    pub file: String,
    /// The affected node.
    pub node: NodeName,
    /// The effect.
    pub kind: Kind,
    /// In the order of the file; none touches another.
    pub changes: Vec<Change>,
    /// The digest of the file before.
    pub before: String,
    /// The digest of the file after.
    pub after: String,
}

/// The effect of an edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The node is in it.
    Add,
    /// The node is not in it.
    Remove,
    /// The node is to follow another in it.
    Repoint {
        /// The new upstream.
        to: NodeName,
        /// The upstream before.
        was: NodeName,
    },
    /// The node is replctl's, and has the directives of its former file.
    Adopt,
    /// It is somebody else's again.
    Release,
}

/// One place of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its first byte, in the file as it is before.
    pub at: usize,
    /// The line it begins on, from 1, in the file as it is before.
    pub line: usize,
    /// The old text.
    pub old: String,
    /// The new text.
    pub new: String,
}

/// A node that an inventory gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNode {
    /// `name`.
    pub name: NodeName,
    /// `address`, and `port` where it is not the usual one.
    pub address: Address,
    /// `replicaof`.
    pub replicaof: NodeName,
    /// `announce`.
    pub announce: Option<String>,
    /// `priority`.
    pub priority: Option<u32>,
    /// `ssh`, in its short form.
    pub ssh: Option<String>,
}

/// The digest of a file's text, lower-case hex.
pub fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Adds a node after the others.
///
/// # Errors
/// Why that cannot be done in this text, as the rest of a sentence.
pub fn add(file: &str, text: &str, node: &NewNode) -> Result<Edit, String> {
    let table = node.table(ending(text));
    let change = insertion(text, &table)?;
    Ok(Edit::new(file, &node.name, Kind::Add, text, vec![change]))
}

/// The text with a table after the others, comments included.
///
/// # Errors
/// Why that cannot be done in this text, as the rest of a sentence.
pub fn append(text: &str, table: &str) -> Result<String, String> {
    let change = insertion(text, &table.replace('\n', ending(text)))?;
    let (before, after) = text.split_at(change.at);
    Ok(format!("{before}{}{after}", change.new))
}

/// Takes a node out. Nodes whose `replicaof` names it get `successor` there. If `successor` is one
/// of them, its own `replicaof` is taken out.
///
/// # Errors
/// Why that cannot be done in this text, as the rest of a sentence.
pub fn remove(
    file: &str,
    text: &str,
    node: &NodeName,
    successor: Option<&NodeName>,
) -> Result<Edit, String> {
    let layout = Layout::of(text)?;
    let table = layout.table(&node.0).ok_or("it has no such table")?;
    if let Some(directive) = &table.secret {
        return Err(format!(
            "the lines of `{node}` set `{directive}`, a secret, and the journal would have to keep it"
        ));
    }
    let mut changes = vec![change(text, layout.with_gap(table), String::new())];
    for other in layout
        .tables
        .iter()
        .filter(|t| t.name.as_deref() != Some(&node.0))
    {
        let Some(key) = other.replicaof.as_ref().filter(|key| key.is == node.0) else {
            continue;
        };
        let successor = successor
            .ok_or_else(|| format!("others are to follow `{node}`, and nobody takes its place"))?;
        if other.name.as_deref() == Some(&successor.0) {
            let line = layout.line_of(key);
            let line = line.ok_or_else(|| {
                format!("`replicaof` of `{successor}` does not stand on a line of its own")
            })?;
            changes.push(change(text, line, String::new()));
        } else {
            changes.push(change(text, key.value.clone(), quoted(&successor.0)));
        }
    }
    changes.sort_by_key(|c| c.at);
    Ok(Edit::new(file, node, Kind::Remove, text, changes))
}

/// Changes the `replicaof` of a node.
///
/// # Errors
/// Why that cannot be done in this text, as the rest of a sentence.
pub fn repoint(file: &str, text: &str, node: &NodeName, to: &NodeName) -> Result<Edit, String> {
    let layout = Layout::of(text)?;
    let table = layout.table(&node.0).ok_or("it has no such table")?;
    let key = table.replicaof.as_ref();
    let key =
        key.ok_or_else(|| format!("`{node}` has no `replicaof` in it: it is the first primary"))?;
    let kind = Kind::Repoint {
        to: to.clone(),
        was: NodeName(key.is.clone()),
    };
    let changes = vec![change(text, key.value.clone(), quoted(&to.0))];
    Ok(Edit::new(file, node, kind, text, changes))
}

/// The number of the line with the `replicaof` of a node, from 1, and the node it names; nothing
/// where it has none.
pub fn wish(text: &str, node: &NodeName) -> Option<(usize, NodeName)> {
    let layout = Layout::of(text).ok()?;
    let key = layout.table(&node.0)?.replicaof.as_ref()?;
    Some((line_number(text, key.name.start), NodeName(key.is.clone())))
}

/// As the file ends its lines.
fn ending(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        Some(_) | None => "\n",
    }
}

fn change(text: &str, place: std::ops::Range<usize>, new: String) -> Change {
    Change {
        at: place.start,
        line: line_number(text, place.start),
        old: text[place].to_owned(),
        new,
    }
}

/// The change that puts a table behind the others, an empty line before it.
fn insertion(text: &str, table: &str) -> Result<Change, String> {
    let at = Layout::of(text)?.end_of_tables();
    let nl = ending(text);
    let open = if text[..at].is_empty() || text[..at].ends_with('\n') {
        ""
    } else {
        nl
    };
    Ok(change(text, at..at, format!("{open}{nl}{table}")))
}

impl NewNode {
    fn table(&self, nl: &str) -> String {
        let mut lines = vec![
            "[[node]]".to_owned(),
            format!("name = {}", quoted(&self.name.0)),
            format!("address = {}", quoted(&self.address.host)),
        ];
        if self.address.port != PORT {
            lines.push(format!("port = {}", self.address.port));
        }
        lines.push(format!("replicaof = {}", quoted(&self.replicaof.0)));
        if let Some(announce) = &self.announce {
            lines.push(format!("announce = {}", quoted(announce)));
        }
        if let Some(priority) = self.priority {
            lines.push(format!("priority = {priority}"));
        }
        if let Some(ssh) = &self.ssh {
            lines.push(format!("ssh = {}", quoted(ssh)));
        }
        lines.into_iter().map(|line| line + nl).collect()
    }
}

impl Edit {
    fn new(file: &str, node: &NodeName, kind: Kind, text: &str, changes: Vec<Change>) -> Self {
        let mut edit = Self {
            file: file.to_owned(),
            node: node.clone(),
            kind,
            changes,
            before: digest(text),
            after: String::new(),
        };
        edit.after = digest(&edit.apply(text).unwrap_or_default());
        edit
    }

    /// The text after it; nothing where it was made for another text.
    pub fn apply(&self, text: &str) -> Option<String> {
        if digest(text) != self.before {
            return None;
        }
        let (mut out, mut at) = (String::new(), 0);
        for change in &self.changes {
            out.push_str(text.get(at..change.at)?);
            at = change.at + change.old.len();
            if text.get(change.at..at)? != change.old {
                return None;
            }
            out.push_str(&change.new);
        }
        out.push_str(text.get(at..)?);
        Some(out)
    }

    /// What puts it back.
    pub fn reversed(&self) -> Self {
        let breaks = |text: &str| text.matches('\n').count();
        // The bytes and lines that earlier changes add before a place, and those that they remove.
        let (mut bytes_in, mut bytes_out, mut lines_in, mut lines_out) = (0, 0, 0, 0);
        let mut changes = Vec::new();
        for Change { at, line, old, new } in &self.changes {
            changes.push(Change {
                at: at + bytes_in - bytes_out,
                line: line + lines_in - lines_out,
                old: new.clone(),
                new: old.clone(),
            });
            bytes_in += new.len();
            bytes_out += old.len();
            lines_in += breaks(new);
            lines_out += breaks(old);
        }
        Self {
            file: self.file.clone(),
            node: self.node.clone(),
            kind: match &self.kind {
                Kind::Add => Kind::Remove,
                Kind::Remove => Kind::Add,
                Kind::Adopt => Kind::Release,
                Kind::Release => Kind::Adopt,
                Kind::Repoint { to, was } => Kind::Repoint {
                    to: was.clone(),
                    was: to.clone(),
                },
            },
            changes,
            before: self.after.clone(),
            after: self.before.clone(),
        }
    }

    /// Whether a text has this edit already, even if somebody else has changed other parts.
    pub fn holds(&self, text: &str) -> bool {
        let now = digest(text);
        if now == self.after || now == self.before {
            return now == self.after;
        }
        let Ok(now) = parse(Path::new(&self.file), text) else {
            return false;
        };
        let node = now.nodes.iter().find(|n| n.name == self.node);
        match &self.kind {
            Kind::Add => node.is_some() && self.changes.iter().all(|c| text.contains(c.new.trim())),
            Kind::Remove => node.is_none(),
            Kind::Repoint { to, .. } => node.is_some_and(|n| n.replicaof.as_ref() == Some(to)),
            Kind::Adopt => node.is_some_and(|node| adopt::is_adopted(self, node)),
            Kind::Release => node.is_some_and(|node| adopt::is_released(self, node)),
        }
    }

    /// The edit that adds the node to a text: at its former place if the text is the one after its
    /// removal, else after the other nodes.
    pub fn coming(&self, text: &str) -> Option<Self> {
        let coming = match &self.kind {
            Kind::Add => self.clone(),
            Kind::Remove => self.reversed(),
            Kind::Repoint { .. } | Kind::Adopt | Kind::Release => return None,
        };
        if coming.apply(text).is_some() {
            return Some(coming);
        }
        let table = coming.changes.iter().find(|c| c.new.contains("[["))?;
        let change = insertion(text, table.new.trim_start()).ok()?;
        Some(Self::new(
            &self.file,
            &self.node,
            Kind::Add,
            text,
            vec![change],
        ))
    }
}
