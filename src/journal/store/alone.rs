//! The note of nodes that were detached on purpose, until they follow a node of the deployment again.

use super::{Debt, Store};
use crate::topology::{Address, NodeName};
use jiff::Timestamp;
use std::io;

const FILE: &str = "alone.json";

impl Store {
    /// The nodes that were detached, from where, and since when.
    pub fn alone(&self) -> Vec<Debt> {
        self.read_notes(FILE)
    }

    /// Notes that a node was detached from `address`; an earlier note is kept.
    pub fn note_alone(&self, node: &NodeName, address: &Address) -> io::Result<()> {
        let mut alone = self.alone();
        if alone.iter().any(|d| d.node == *node) {
            return Ok(());
        }
        alone.push(Debt {
            node: node.clone(),
            address: address.clone(),
            since: Timestamp::now(),
        });
        self.write_notes(FILE, &alone)
    }

    /// Forgets the notes of nodes that belong to the deployment again.
    pub fn forget_alone(&self, back: &[NodeName]) -> io::Result<()> {
        let mut alone = self.alone();
        let before = alone.len();
        alone.retain(|d| !back.contains(&d.node));
        if alone.len() == before {
            Ok(())
        } else {
            self.write_notes(FILE, &alone)
        }
    }
}
