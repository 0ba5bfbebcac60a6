//! What the operator should know before saying yes: data with a stable code, and the only place
//! that makes a sentence of it. Pure.
//!
//! Each subject has a file with the enum, the codes and the sentences. Nothing reads a sentence.

pub mod adopt;
pub mod change;
pub mod copy;
pub mod files;
pub mod host;
pub mod inventory;
pub mod login;
pub mod password;
pub mod returning;
pub mod sentinel;
pub mod sentinels_asked;

use crate::actions::named::texts;
use crate::plan::difference::gap::Gap;
use crate::topology::NodeName;
use crate::topology::versions::{FullCopy, Why};
use serde::{Deserialize, Deserializer, Serializer};

/// One thing to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The node that it is about.
    pub node: Option<NodeName>,
    /// What it is.
    pub matter: Matter,
}

/// What a warning is about, by subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matter {
    /// Nodes that replctl did not make, and makes its own.
    Adopt(adopt::Adopt),
    /// What a change of roles means.
    Change(change::Change),
    /// An accepted difference between a node and the primary that it replaces.
    Difference(Gap),
    /// Full and partial resyncs.
    Copy(copy::Copy),
    /// Nodes that come back as replicas.
    Returning(returning::Returning),
    /// Names, passwords and rights that are missing.
    Login(login::LoginTrouble),
    /// Configuration files and what stands in them.
    Files(files::Files),
    /// Hosts, and the servers on them.
    Host(host::Host),
    /// Nodes that come into the inventory or leave it.
    Inventory(inventory::Inventory),
    /// A change of the password.
    Password(password::Password),
    /// The Sentinels of the inventory.
    Sentinel(sentinel::Sentinel),
    /// Sentinels that take part in a promotion, or are to forget.
    SentinelsAsked(sentinels_asked::SentinelsAsked),
    /// As a journal has it: the sentence.
    Recorded(String),
}

impl Warning {
    /// About one node.
    pub fn of(node: &NodeName, matter: impl Into<Matter>) -> Self {
        Self {
            node: Some(node.clone()),
            matter: matter.into(),
        }
    }

    /// About all of it.
    pub fn of_all(matter: impl Into<Matter>) -> Self {
        Self {
            node: None,
            matter: matter.into(),
        }
    }

    /// What it is, in one word for programs; stable.
    pub fn code(&self) -> &'static str {
        match &self.matter {
            Matter::Adopt(it) => it.code(),
            Matter::Change(it) => it.code(),
            Matter::Difference(it) => it.code(),
            Matter::Copy(it) => it.code(),
            Matter::Returning(it) => it.code(),
            Matter::Login(it) => it.code(),
            Matter::Files(it) => it.code(),
            Matter::Host(it) => it.code(),
            Matter::Inventory(it) => it.code(),
            Matter::Password(it) => it.code(),
            Matter::Sentinel(it) => it.code(),
            Matter::SentinelsAsked(it) => it.code(),
            Matter::Recorded(_) => "recorded",
        }
    }

    /// The sentence.
    pub fn text(&self) -> String {
        let node = self.node.as_ref().map_or("", |node| node.0.as_str());
        match &self.matter {
            Matter::Adopt(it) => it.text(node),
            Matter::Change(it) => it.text(node),
            Matter::Difference(it) => it.text(node),
            Matter::Copy(it) => it.text(node),
            Matter::Returning(it) => it.text(node),
            Matter::Login(it) => it.text(node),
            Matter::Files(it) => it.text(node),
            Matter::Host(it) => it.text(node),
            Matter::Inventory(it) => it.text(node),
            Matter::Password(it) => it.text(node),
            Matter::Sentinel(it) => it.text(node),
            Matter::SentinelsAsked(it) => it.text(node),
            Matter::Recorded(text) => text.clone(),
        }
    }

    /// Further nodes that it is about, beside `node` or instead of it.
    pub fn further_nodes(&self) -> Vec<NodeName> {
        match &self.matter {
            Matter::Copy(it) => it.nodes().to_vec(),
            Matter::Returning(it) => it.nodes().to_vec(),
            Matter::Files(it) => it.nodes(),
            Matter::Host(it) => it.nodes().to_vec(),
            Matter::Password(it) => it.nodes().to_vec(),
            Matter::Adopt(_)
            | Matter::Change(_)
            | Matter::Difference(_)
            | Matter::Login(_)
            | Matter::Inventory(_)
            | Matter::Sentinel(_)
            | Matter::SentinelsAsked(_)
            | Matter::Recorded(_) => Vec::new(),
        }
    }

    /// Whether one sentence can stand for several nodes: it begins with the node's name and has no
    /// command for that node.
    fn holds_for_many(&self) -> bool {
        match &self.matter {
            Matter::Adopt(it) => it.holds_for_many(),
            Matter::Change(it) => it.holds_for_many(),
            Matter::Copy(it) => it.holds_for_many(),
            Matter::Returning(it) => it.holds_for_many(),
            Matter::Login(it) => it.holds_for_many(),
            Matter::Inventory(it) => it.holds_for_many(),
            // Here the sentence begins with the node's upstream.
            Matter::Difference(Gap::VersionOrder(pair)) => {
                !matches!(pair.copy, FullCopy::Refused(Why::FieldTtl(_)))
            }
            Matter::Difference(_)
            | Matter::Files(_)
            | Matter::Host(_)
            | Matter::Password(_)
            | Matter::Sentinel(_) => true,
            Matter::SentinelsAsked(_) | Matter::Recorded(_) => false,
        }
    }
}

/// The sentences, with those that hold for several nodes said once.
pub fn sentences(warnings: &[Warning]) -> Vec<String> {
    let mut said: Vec<(&Warning, Vec<String>)> = Vec::new();
    for warning in warnings {
        let about = warning.node.as_ref().filter(|_| warning.holds_for_many());
        let alike = |(first, _): &&mut (&Warning, Vec<String>)| {
            first.node.is_some() && first.matter == warning.matter
        };
        match about.and_then(|node| Some((node, said.iter_mut().find(alike)?))) {
            Some((node, (_, others))) => others.push(format!("`{node}`")),
            None => said.push((warning, Vec::new())),
        }
    }
    said.into_iter()
        .map(|(first, others)| {
            let first = first.text();
            if others.is_empty() {
                first
            } else {
                let others = texts(others.iter().map(String::as_str));
                format!("{first}; the same holds for {others}")
            }
        })
        .collect()
}

/// A journal has the sentences, as always, so that an older replctl can read them, too.
pub mod in_journal {
    use super::{Deserialize, Deserializer, Matter, Serializer, Warning, sentences};

    /// Writes the sentences.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn serialize<S: Serializer>(warnings: &[Warning], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(sentences(warnings))
    }

    /// Reads the sentences.
    ///
    /// # Errors
    /// They are none.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Warning>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let recorded = |text| Warning::of_all(Matter::Recorded(text));
        Ok(texts.into_iter().map(recorded).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
