//! The operator's order in a case, and its preparation.

use crate::soak::case::Dice;
use crate::soak::crew::{Crew, name};
use crate::support::await_that;
use crate::support::program::Replctl;
use crate::support::server::Family;
use std::time::Duration;

/// What the operator asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Another primary.
    Promote(usize),
    /// A replica under another node.
    Move { node: usize, under: usize },
    /// A replica that stands alone.
    Detach(usize),
    /// The old primary, which was replaced while it was frozen, returns under that node.
    Rejoin { successor: usize },
    /// The same by comparing the two.
    Repair { successor: usize },
}

impl Order {
    /// What the dice say, for a tree.
    pub fn new(dice: &mut Dice, parents: &[usize]) -> Self {
        let target = 1 + dice.roll(parents.len());
        let places = places(parents, target);
        let leaf = !parents.contains(&target);
        match dice.roll(8) {
            0 | 1 if !places.is_empty() => Self::Move {
                node: target,
                under: places[dice.roll(places.len())],
            },
            2 if leaf => Self::Detach(target),
            3 => Self::Rejoin { successor: target },
            4 => Self::Repair { successor: target },
            _ => Self::Promote(target),
        }
    }

    /// The node that it mainly concerns, beside the first primary.
    pub fn target(self) -> usize {
        match self {
            Self::Promote(node) | Self::Move { node, .. } | Self::Detach(node) => node,
            Self::Rejoin { successor } | Self::Repair { successor } => successor,
        }
    }

    /// What is typed.
    pub fn words(self) -> Vec<String> {
        let line = match self {
            Self::Promote(node) => format!("promote {}", name(node)),
            Self::Move { node, under } => format!("move {} --under {}", name(node), name(under)),
            Self::Detach(node) => format!("detach {}", name(node)),
            Self::Rejoin { .. } => format!("rejoin {}", name(0)),
            Self::Repair { successor } => format!("repair --keep {}", name(successor)),
        };
        let words = format!("{line} --yes");
        words.split(' ').map(str::to_owned).collect()
    }

    /// Its name in the summary.
    pub fn called(self) -> &'static str {
        match self {
            Self::Promote(_) => "promote",
            Self::Move { .. } => "move",
            Self::Detach(_) => "detach",
            Self::Rejoin { .. } => "rejoin",
            Self::Repair { .. } => "repair",
        }
    }

    /// About how many lines its journal has.
    pub fn lines(self) -> usize {
        match self {
            Self::Promote(_) => 36,
            Self::Move { .. } => 14,
            Self::Detach(_) => 8,
            Self::Rejoin { .. } | Self::Repair { .. } => 18,
        }
    }

    /// Whether two primaries take writes when it begins. The old one's acknowledged writes must
    /// then be on the new one or in a backup.
    pub fn is_of_two(self) -> bool {
        matches!(self, Self::Rejoin { .. } | Self::Repair { .. })
    }

    /// Whether clients write to a node: not if it is to be detached, because its writes would not
    /// count.
    pub fn is_written_to(self, node: usize) -> bool {
        self != Self::Detach(node)
    }

    /// Whether scripts may write meanwhile. On Redis 6.0 they pass the fence: a return is refused
    /// then, and its backup has all.
    pub fn is_scripted(self, family: &Family) -> bool {
        !self.is_of_two() || family.name != "redis-6.0"
    }

    /// Makes the state before it: a primary that was replaced while it was frozen, and then thawed.
    pub fn prepare(self, crew: &Crew<'_>, operator: &Replctl<'_>) {
        if !self.is_of_two() {
            return;
        }
        crew.servers[0].pause();
        let successor = name(self.target());
        let words = ["promote", &successor, "--yes", "--accept-split-brain"];
        operator
            .run(&[&words[..], &["--allow-data-loss"]].concat())
            .ok();
        crew.servers[0].resume();
        await_that("the old primary to thaw", Duration::from_secs(10), || {
            crew.primaries().contains(&0)
        });
    }
}

/// Where a node can go: under any that is not below it and that it is not under yet.
fn places(parents: &[usize], node: usize) -> Vec<usize> {
    let up = |i: usize| i.checked_sub(1).map(|i| parents[i]);
    let below = |i: usize| std::iter::successors(Some(i), |i| up(*i)).any(|i| i == node);
    (0..=parents.len())
        .filter(|i| !below(*i) && up(node) != Some(*i))
        .collect()
}
