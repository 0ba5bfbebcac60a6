//! Which lost commands can be replayed without harm: those whose keys the new primary has not written since the two parted. Pure.
//!
//! A key's lost commands are kept or left together: half of a key's history would make a value that never was. Keys that one command or
//! transaction ties together share their fate. Where the new primary's own writes are not known, everything is a conflict.

use super::keys::{Touches, touches};
use super::mark::replayed;
use super::stream::{Tail, Unit};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Why a unit is not safe to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// The new primary has written one of its keys, or one that is tied to them, since.
    Written,
    /// Its keys cannot be known, or those of a lost command that may touch them.
    KeysUnknown,
    /// Its database cannot be known.
    DatabaseUnknown,
    /// What the new primary has written since cannot be known.
    NewUnknown,
    /// It touches no key: a message, a script, a function.
    NoKey,
    /// None at all: it was replayed already.
    Replayed,
}

impl Conflict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Written => "written on the new primary since",
            Self::KeysUnknown => "which keys it touches cannot be known",
            Self::DatabaseUnknown => "its database cannot be known",
            Self::NewUnknown => "what the new primary wrote since cannot be known",
            Self::NoKey => "it touches no key",
            Self::Replayed => "replayed already",
        }
    }
}

/// What the new primary wrote since the two parted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since<'a> {
    /// Its own stream since then.
    Known(&'a Tail),
    /// It cannot be known.
    Unknown,
}

/// A key, with its database.
pub type Key<'a> = (u32, &'a [u8]);

/// What stands against replaying units, counted in commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All.
    pub commands: usize,
    /// Those that can be replayed.
    pub safe: usize,
    /// Those that were replayed.
    pub replayed: usize,
}

impl Counts {
    /// Of what [`split`] has said.
    pub fn of(lost: &Tail, verdicts: &[Option<Conflict>]) -> Self {
        let sum = |wanted: Option<Conflict>| {
            let pairs = lost.units.iter().zip(verdicts);
            pairs
                .filter(|(_, verdict)| **verdict == wanted)
                .map(|(unit, _)| unit.commands.len())
                .sum()
        };
        Self {
            commands: lost.commands(),
            safe: sum(None),
            replayed: sum(Some(Conflict::Replayed)),
        }
    }

    /// Those that are in conflict.
    pub fn conflicts(self) -> usize {
        self.commands - self.safe - self.replayed
    }
}

/// For each lost unit, in order, what stands against replaying it; `None`: nothing.
pub fn split(lost: &Tail, since: &Since<'_>) -> Vec<Option<Conflict>> {
    let Since::Known(since) = since else {
        return vec![Some(Conflict::NewUnknown); lost.units.len()];
    };
    let (done, ours) = replayed(lost, since);
    let written = since.units.iter().zip(ours);
    let written = written.filter(|(_, ours)| !ours).map(|(unit, _)| unit);
    let mut verdicts = against(lost, written);
    for (verdict, _) in verdicts.iter_mut().zip(done).filter(|(_, done)| *done) {
        *verdict = Some(Conflict::Replayed);
    }
    verdicts
}

/// The same, by what clients have written.
fn against<'a>(lost: &'a Tail, others: impl Iterator<Item = &'a Unit>) -> Vec<Option<Conflict>> {
    let mut written: BTreeSet<Key<'_>> = BTreeSet::new();
    for unit in others {
        match keys(unit) {
            Keys::Known(some) => written.extend(some),
            Keys::None => {}
            Keys::Unknown(_) => return vec![Some(Conflict::Written); lost.units.len()],
        }
    }
    let all: Vec<Keys<'_>> = lost.units.iter().map(keys).collect();
    if let Some(why) = all.iter().find_map(|k| match k {
        Keys::Unknown(why) => Some(*why),
        Keys::Known(_) | Keys::None => None,
    }) {
        // One command that may touch any key stands between all the others.
        return all
            .iter()
            .map(|k| match k {
                Keys::Unknown(own) => Some(*own),
                Keys::None => Some(Conflict::NoKey),
                Keys::Known(_) => Some(why),
            })
            .collect();
    }
    let mut ties = Ties::of_all(&all);
    let known: Vec<Key<'_>> = ties.places.keys().copied().collect();
    let bad: BTreeSet<usize> = known
        .into_iter()
        .filter(|key| written.contains(key))
        .map(|key| ties.of(key))
        .collect();
    all.iter()
        .map(|unit| match unit {
            Keys::Known(some) => some
                .iter()
                .any(|key| bad.contains(&ties.of(*key)))
                .then_some(Conflict::Written),
            Keys::None => Some(Conflict::NoKey),
            Keys::Unknown(why) => Some(*why),
        })
        .collect()
}

/// The keys a whole piece touches, where they are known.
pub fn touched(tail: &Tail) -> BTreeSet<(u32, Vec<u8>)> {
    let units = tail.units.iter().filter_map(|unit| match keys(unit) {
        Keys::Known(some) => Some(some),
        Keys::None | Keys::Unknown(_) => None,
    });
    units
        .flatten()
        .map(|(db, key)| (db, key.to_vec()))
        .collect()
}

pub(super) enum Keys<'a> {
    Known(Vec<Key<'a>>),
    None,
    Unknown(Conflict),
}

pub(super) fn keys(unit: &Unit) -> Keys<'_> {
    let mut found = Vec::new();
    for command in &unit.commands {
        match touches(command) {
            Touches::Keys(some) => found.extend(some),
            Touches::None => {}
            Touches::Anything => return Keys::Unknown(Conflict::KeysUnknown),
        }
    }
    match unit.db {
        _ if found.is_empty() => Keys::None,
        Some(db) => Keys::Known(found.into_iter().map(|key| (db, key)).collect()),
        None => Keys::Unknown(Conflict::DatabaseUnknown),
    }
}

/// Keys in groups that share their fate.
#[derive(Default)]
pub(super) struct Ties<'a> {
    places: BTreeMap<Key<'a>, usize>,
    above: Vec<usize>,
}

impl<'a> Ties<'a> {
    /// By units that touch them together.
    pub(super) fn of_all(all: &[Keys<'a>]) -> Self {
        let mut ties = Self::default();
        for unit in all {
            if let Keys::Known(some) = unit {
                some.windows(2).for_each(|pair| ties.tie(pair[0], pair[1]));
                some.first().into_iter().for_each(|key| {
                    ties.of(*key);
                });
            }
        }
        ties
    }

    /// The group of a key.
    pub(super) fn of(&mut self, key: Key<'a>) -> usize {
        let next = self.above.len();
        let mut at = *self.places.entry(key).or_insert(next);
        if at == next {
            self.above.push(next);
        }
        while self.above[at] != at {
            self.above[at] = self.above[self.above[at]];
            at = self.above[at];
        }
        at
    }

    fn tie(&mut self, a: Key<'a>, b: Key<'a>) {
        let (a, b) = (self.of(a), self.of(b));
        self.above[a] = b;
    }
}
