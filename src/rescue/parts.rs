//! Lost commands in portions for the replay. Each portion is one transaction on the new primary,
//! done as a whole or not at all. Pure.
//!
//! If only safe units are replayed, units with tied keys are in one portion. So the new primary
//! never has a half-replayed key.

use super::prints::{Prints, Ties};
use super::split::{Keys, keys};
use super::stream::Unit;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Commands of one portion, unless tied units have more. The server does nothing else while it runs
/// them.
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
    /// The keys it touches in `lost`.
    pub fn keys<'a>(&self, lost: &'a [Unit]) -> BTreeSet<&'a [u8]> {
        let units = self.units.iter().filter_map(|n| lost.get(*n));
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

/// Units in portions: units with tied keys are in one portion.
pub fn in_groups(lost: &[Unit]) -> Vec<Part> {
    let all: Vec<usize> = (0..lost.len()).collect();
    grouped(lost, &all, COMMANDS)
}

/// Splits a portion into smaller ones, so that a client's write to one key spoils less. If all its
/// units are tied, it stays one.
pub fn smaller(lost: &[Unit], part: &Part) -> Vec<Part> {
    let units = part.units.iter().filter_map(|n| lost.get(*n));
    let commands: usize = units.map(|unit| unit.count).sum();
    grouped(lost, &part.units, commands.div_ceil(4))
}

fn grouped(lost: &[Unit], units: &[usize], most: usize) -> Vec<Part> {
    let all = numbered(lost, units, &Prints::default());
    let mut ties = tied(&all);
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut first: Vec<usize> = Vec::new();
    for (n, some) in &all {
        let Some(group) = some.first().and_then(|key| ties.group(*key)) else {
            continue;
        };
        let members = groups.entry(group).or_default();
        if members.is_empty() {
            first.push(group);
        }
        members.push(*n);
    }
    let groups = first.iter().filter_map(|group| groups.remove(group));
    let mut parts = together(lost, groups, most);
    for part in &mut parts {
        part.units.sort_unstable();
    }
    parts
}

/// The keys that clients have written while portions are replayed.
#[derive(Debug, Default)]
pub struct Meanwhile {
    prints: Prints,
    keys: HashSet<u64>,
    /// Any key may have been written.
    anything: bool,
}

impl Meanwhile {
    /// Takes in what a client has done.
    pub fn push(&mut self, unit: &Unit) {
        match keys(unit) {
            Keys::Known(some) => {
                let prints = some.into_iter().map(|key| self.prints.of(key));
                self.keys.extend(prints);
            }
            Keys::None => {}
            Keys::Unknown(_) => self.anything = true,
        }
    }

    /// The units of a portion that touch none of them, nor a key that is tied to one.
    pub fn leaves(&self, lost: &[Unit], part: &Part) -> Vec<usize> {
        if self.anything {
            return Vec::new();
        }
        if self.keys.is_empty() {
            return part.units.clone();
        }
        let all = numbered(lost, &part.units, &self.prints);
        let mut ties = tied(&all);
        let mut bad = HashSet::new();
        for key in all.iter().flat_map(|(_, some)| some) {
            if self.keys.contains(key) {
                bad.extend(ties.group(*key));
            }
        }
        let left = all.iter().filter(|(_, some)| {
            let group = some.first().and_then(|key| ties.group(*key));
            group.is_some_and(|group| !bad.contains(&group))
        });
        left.map(|(n, _)| *n).collect()
    }
}

/// Units with the numbers of their keys, where they are known.
fn numbered(lost: &[Unit], units: &[usize], prints: &Prints) -> Vec<(usize, Vec<u64>)> {
    let known = units.iter().filter_map(|n| match keys(lost.get(*n)?) {
        Keys::Known(some) => Some((*n, some.iter().map(|key| prints.of(*key)).collect())),
        Keys::None | Keys::Unknown(_) => None,
    });
    known.collect()
}

fn tied(all: &[(usize, Vec<u64>)]) -> Ties {
    let mut every: Vec<u64> = all.iter().flat_map(|(_, some)| some).copied().collect();
    every.sort_unstable();
    every.dedup();
    let mut ties = Ties::of(every);
    for (_, some) in all {
        ties.tie(some);
    }
    ties
}

/// Units in their order, whatever ties them.
pub fn in_order(lost: &[Unit]) -> Vec<Part> {
    together(lost, (0..lost.len()).map(|n| vec![n]), COMMANDS)
}

/// Puts groups into portions, in order, as many as fit into one. A unit with an unknown database is
/// in none.
fn together(lost: &[Unit], groups: impl Iterator<Item = Vec<usize>>, most: usize) -> Vec<Part> {
    let mut parts: Vec<(Part, usize, usize)> = Vec::new();
    for group in groups {
        let units = || group.iter().filter_map(|n| lost.get(*n));
        let Some(db) = units().next().and_then(|unit| unit.db) else {
            continue;
        };
        let commands: usize = units().map(|unit| unit.count).sum();
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
    unit.commands().flatten().map(<[u8]>::len).sum()
}
