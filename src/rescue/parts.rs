//! Lost commands in the portions in which they are replayed: each is one transaction on the new primary, done whole or not at all. Pure.
//!
//! Where only safe units are replayed, those whose keys are tied together are in one portion: the new primary then sees no key half way.

use super::split::{Keys, Ties, keys};
use super::stream::{Tail, Unit};
use std::collections::{BTreeMap, BTreeSet};

/// Commands of one portion, unless what is tied together has more: the server does nothing else while it runs them.
const COMMANDS: usize = 1_000;
/// Bytes of one portion, likewise.
const BYTES: usize = 1 << 20;

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Part {
    /// Its database.
    pub db: u32,
    /// Its units, by their places among the lost ones.
    pub units: Vec<usize>,
}

impl Part {
    /// The keys it touches.
    pub fn keys<'a>(&self, lost: &'a Tail) -> BTreeSet<&'a [u8]> {
        let units = self.units.iter().filter_map(|n| lost.units.get(*n));
        units
            .filter_map(|unit| match keys(unit) {
                Keys::Known(some) => Some(some),
                Keys::None | Keys::Unknown(_) => None,
            })
            .flatten()
            .map(|(_, key)| key)
            .collect()
    }
}

/// The safe units in portions, those whose keys are tied together in one.
pub fn apart(lost: &Tail, safe: impl Fn(usize) -> bool) -> Vec<Part> {
    grouped(lost, safe, COMMANDS)
}

/// A portion in smaller ones: a client that writes one of its keys then spoils less. One where it is all tied together.
pub fn smaller(lost: &Tail, part: &Part) -> Vec<Part> {
    let units = part.units.iter().filter_map(|n| lost.units.get(*n));
    let commands: usize = units.map(|unit| unit.commands.len()).sum();
    let within = |n: usize| part.units.binary_search(&n).is_ok();
    grouped(lost, within, commands.div_ceil(4))
}

fn grouped(lost: &Tail, safe: impl Fn(usize) -> bool, most: usize) -> Vec<Part> {
    let all: Vec<Keys<'_>> = lost.units.iter().map(keys).collect();
    let mut ties = Ties::of_all(&all);
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut first: Vec<usize> = Vec::new();
    for (n, unit) in all.iter().enumerate().filter(|(n, _)| safe(*n)) {
        let Keys::Known(some) = unit else { continue };
        let Some(group) = some.first().map(|key| ties.of(*key)) else {
            continue;
        };
        let members = groups.entry(group).or_default();
        if members.is_empty() {
            first.push(group);
        }
        members.push(n);
    }
    let groups = first.iter().filter_map(|group| groups.remove(group));
    let mut parts = together(lost, groups, most);
    for part in &mut parts {
        part.units.sort_unstable();
    }
    parts
}

/// Units in their order, whatever ties them.
pub fn in_order(lost: &Tail, take: impl Fn(usize) -> bool) -> Vec<Part> {
    let wanted = (0..lost.units.len()).filter(|n| take(*n)).map(|n| vec![n]);
    together(lost, wanted, COMMANDS)
}

/// Groups one after the other, as many in a portion as go into one. A unit whose database is not known is in none.
fn together(lost: &Tail, groups: impl Iterator<Item = Vec<usize>>, most: usize) -> Vec<Part> {
    let mut parts: Vec<(Part, usize, usize)> = Vec::new();
    for group in groups {
        let units = || group.iter().filter_map(|n| lost.units.get(*n));
        let Some(db) = units().next().and_then(|unit| unit.db) else {
            continue;
        };
        let commands: usize = units().map(|unit| unit.commands.len()).sum();
        let bytes: usize = units().map(size).sum();
        match parts.last_mut() {
            Some((part, c, b)) if part.db == db && *c + commands <= most && *b + bytes <= BYTES => {
                part.units.extend(group);
                *c += commands;
                *b += bytes;
            }
            _ => parts.push((Part { db, units: group }, commands, bytes)),
        }
    }
    parts.into_iter().map(|(part, ..)| part).collect()
}

fn size(unit: &Unit) -> usize {
    unit.commands.iter().flatten().map(Vec::len).sum()
}
