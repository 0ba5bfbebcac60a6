//! Addresses that are nearly a node's address: typing mistakes. Pure.

use super::Look;
use crate::topology::{Address, Node};
use strsim::levenshtein;

/// The most edits between an unknown address and a node's address that still count as a typing
/// mistake.
const SLIP: usize = 3;

/// The index of a node, and whether its announced address is the close one.
pub(super) type Close = (usize, bool);

impl Look<'_> {
    /// The node with the address closest to this one, except `node` itself, if any is close.
    pub(super) fn closest(&self, node: &Node, address: &Address) -> Option<(&Node, &Address)> {
        let mut slips = self.slips.borrow_mut();
        let close = match slips.get(address) {
            Some(known) => known,
            None => slips.entry(address.clone()).or_insert(self.close(address)),
        };
        let found = close.iter().filter_map(|(place, announced)| {
            let other = self.topology.nodes.get(*place)?;
            let own = if *announced {
                &other.announced
            } else {
                &other.address
            };
            Some((other, own))
        });
        let mut others = found.filter(|(other, _)| other.name != node.name);
        others.next()
    }

    /// The closest node, and the closest other node. These two are enough for every caller.
    fn close(&self, address: &Address) -> Vec<Close> {
        let written = address.to_string();
        let mut near: Vec<(usize, Close)> = Vec::new();
        for (place, other) in self.topology.nodes.iter().enumerate() {
            for (own, announced) in [(&other.announced, true), (&other.address, false)] {
                let steps = levenshtein(&own.to_string(), &written);
                if steps <= SLIP {
                    near.push((steps, (place, announced)));
                }
            }
        }
        near.sort_by_key(|(steps, _)| *steps);
        let first = near.first().map(|(_, close)| *close);
        let second = near.iter().map(|(_, close)| *close);
        let second = second
            .filter(|(other, _)| first.is_some_and(|(node, _)| node != *other))
            .take(1);
        first.into_iter().chain(second).collect()
    }
}
