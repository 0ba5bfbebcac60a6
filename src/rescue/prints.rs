//! Keys as numbers of 8 bytes, so that millions of them fit into memory: which there are, and which
//! are tied together. Pure.
//!
//! Each run draws its numbers anew. Two keys of ten million share a number once in some 400,000
//! runs. They then count as one key: that is one conflict more, never one less.

use super::split::Key;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Gives keys their numbers, for one run.
#[derive(Debug, Default)]
pub struct Prints(RandomState);

impl Prints {
    /// The number of a key.
    pub fn of(&self, key: Key<'_>) -> u64 {
        self.0.hash_one(key)
    }
}

/// Different numbers, as long as there are not too many.
#[derive(Debug)]
pub struct Distinct {
    most: usize,
    list: Vec<u64>,
    over: bool,
}

impl Distinct {
    /// An empty set. It holds no more than `most` numbers at any moment, and half of that surely
    /// fit.
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(2),
            list: Vec::new(),
            over: false,
        }
    }

    /// Takes one in.
    pub fn push(&mut self, print: u64) {
        if self.over {
            return;
        }
        if self.list.len() == self.most {
            self.list.sort_unstable();
            self.list.dedup();
            if self.list.len() > self.most / 2 {
                (self.list, self.over) = (Vec::new(), true);
                return;
            }
        }
        if self.list.len() == self.list.capacity() {
            // By half at the end: doubling would take three times as much for a moment.
            let more = (self.list.len() / 2)
                .max(64)
                .min(self.most - self.list.len());
            self.list.reserve_exact(more);
        }
        self.list.push(print);
    }

    /// In order; `None`: there were too many.
    pub fn sorted(mut self) -> Option<Vec<u64>> {
        self.list.sort_unstable();
        self.list.dedup();
        (!self.over).then_some(self.list)
    }
}

/// Keys in groups. A group is replayed or left as a whole.
#[derive(Debug, Default)]
pub struct Ties {
    keys: Vec<u64>,
    above: Vec<u32>,
}

impl Ties {
    /// Each of these keys, in order, is a group of its own.
    pub fn of(keys: Vec<u64>) -> Self {
        let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        Self {
            keys,
            above: (0..count).collect(),
        }
    }

    /// How many keys it knows.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The group of a key; `None` where it is not among them.
    pub fn group(&mut self, key: u64) -> Option<usize> {
        let mut at = self.keys.binary_search(&key).ok()?;
        let above = |at: usize| self.above[at] as usize;
        let mut top = at;
        while above(top) != top {
            top = above(top);
        }
        while self.above[at] as usize != top {
            let next = self.above[at] as usize;
            self.above[at] = u32::try_from(top).unwrap_or(u32::MAX);
            at = next;
        }
        Some(top)
    }

    /// From now on these are one group.
    pub fn tie(&mut self, keys: &[u64]) {
        for pair in keys.windows(2) {
            if let (Some(a), Some(b)) = (self.group(pair[0]), self.group(pair[1])) {
                self.above[a] = u32::try_from(b).unwrap_or(u32::MAX);
            }
        }
    }
}
