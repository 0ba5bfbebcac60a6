//! Addresses that are nearly a node's: the slip of a hand. Pure.

use super::Look;
use crate::topology::{Address, Node};
use strsim::levenshtein;

/// Most edits between an unknown address and a node's for the one to be taken for a slip of the
/// other.
const SLIP: usize = 3;

/// The place of a node, and whether it is its announced address that is close.
pub(super) type Close = (usize, bool);

impl Look<'_> {
    /// The node other than `node` that has the address closest to this one, where one is close.
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

    /// The closest, and the closest of those that are another node than that: enough for whoever
    /// asks.
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
