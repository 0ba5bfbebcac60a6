//! The note of nodes that were detached on purpose, until they follow a node of the deployment
//! again.

use super::{PendingDemotion, Store};
use crate::topology::{Address, NodeName};
use jiff::Timestamp;
use std::io;

pub(super) const FILE: &str = "alone.json";

impl Store {
    /// The nodes that were detached, from where, and since when. None where the note cannot be
    /// read: [`Store::unread`] tells.
    pub fn alone(&self) -> Vec<PendingDemotion> {
        self.read_notes(FILE).unwrap_or_default()
    }

    /// Notes that a node was detached from `address`; an earlier note is kept.
    pub fn note_alone(&self, node: &NodeName, address: &Address) -> io::Result<()> {
        self.change_notes(FILE, |alone: &mut Vec<PendingDemotion>| {
            if !alone.iter().any(|d| d.node == *node) {
                alone.push(PendingDemotion {
                    node: node.clone(),
                    address: address.clone(),
                    since: Timestamp::now(),
                });
            }
        })
    }

    /// Forgets the notes of nodes that belong to the deployment again.
    pub fn forget_alone(&self, back: &[NodeName]) -> io::Result<()> {
        if !self.alone().iter().any(|d| back.contains(&d.node)) {
            return Ok(());
        }
        self.change_notes(FILE, |alone: &mut Vec<PendingDemotion>| {
            alone.retain(|d| !back.contains(&d.node));
        })
    }
}
