//! The actors of a case: the pairs of operations, the trees, the offsets, the hooks, and the
//! person's changes by hand.

use crate::races::deed::Deed;
use crate::races::dice::Dice;
use crate::races::person::Stroke;
use std::time::Duration;

/// An unfinished case.
#[derive(Debug)]
pub struct Race {
    /// Its row in the table.
    pub title: &'static str,
    /// `parents[i]` is what node i + 1 follows.
    pub parents: Vec<usize>,
    /// What each operator does.
    pub deeds: Vec<Deed>,
    /// For each operator: whether its inventory has a hook that sleeps for two seconds.
    pub hooked: [bool; 2],
    /// How much later the second operator begins, ms; negative: how much earlier.
    pub offset: i64,
    /// What a person does by hand.
    pub strokes: Vec<Stroke>,
    /// The person begins as soon as the operator has changed a role.
    pub aimed: bool,
}

/// The pairs. What matters most stands here more than once.
const PAIRS: [&str; 18] = [
    "promote × promote, different",
    "promote × promote, different",
    "promote × promote, same",
    "promote × move",
    "promote × move",
    "promote × rejoin",
    "promote × rejoin",
    "promote × repair",
    "promote × repair",
    "promote × undo",
    "promote × undo",
    "promote × detach",
    "promote × resume",
    "promote × rollback",
    "repair × repair",
    "rejoin × repair",
    "move × move",
    "move × detach",
];

impl Race {
    /// What the dice say. Every ninth case is against a person.
    pub fn new(dice: &mut Dice, number: u64) -> Self {
        let parents = match dice.roll(8) {
            0 => vec![0, 1],
            1 => vec![0, 0, 0],
            2 => vec![0, 0, 1],
            _ => vec![0, 0],
        };
        let mut race = Self {
            title: "",
            parents,
            deeds: Vec::new(),
            hooked: [false; 2],
            offset: 0,
            strokes: Vec::new(),
            aimed: false,
        };
        if number % 9 == 8 {
            race.against_a_person(dice);
        } else {
            race.of_two(dice);
        }
        race
    }

    fn of_two(&mut self, dice: &mut Dice) {
        self.title = dice.of(&PAIRS);
        let (one, other) = self.title.split_once(" × ").unwrap();
        let mut deeds = vec![self.deed(dice, one), self.deed(dice, other)];
        match self.title {
            "promote × promote, same" => deeds[1] = deeds[0],
            "promote × promote, different" => {
                let other = self.replica_but(dice, &[target(deeds[0])]);
                deeds[1] = Deed::Promote(other);
            }
            "promote × undo" | "promote × rejoin" | "promote × repair" => {
                // The other's operation has made that node primary before.
                deeds[0] = Deed::Promote(self.node_but(dice, &[target(deeds[1])]));
            }
            "repair × repair" | "rejoin × repair" => {
                // There is one node that took over; who repairs may want to keep the other one.
                let new = target(deeds[0]);
                deeds[1] = Deed::Repair {
                    keep: dice.of(&[0, new]),
                };
            }
            _ => {}
        }
        if dice.roll(2) == 0 {
            deeds.reverse();
        }
        self.deeds = deeds;
        let apart =
            |dice: &mut Dice, from: i64, to: usize| from + i64::try_from(dice.roll(to)).unwrap();
        self.offset = if dice.roll(2) == 0 {
            apart(dice, -100, 201)
        } else {
            apart(dice, 100, 2401)
        };
        // Where the second begins late, the first is still there only if something holds it up.
        match dice.roll(if self.offset > 400 { 3 } else { 6 }) {
            0 | 1 => self.hooked[0] = true,
            2 => self.hooked[1] = true,
            _ => {}
        }
    }

    fn against_a_person(&mut self, dice: &mut Dice) {
        let verbs = ["promote", "promote", "promote", "move", "undo", "repair"];
        let verbs = [&verbs[..], &["rejoin", "detach", "resume", "rollback"]].concat();
        let verb = dice.of(&verbs);
        self.title = match verb {
            "promote" => "promote × a person",
            "move" => "move × a person",
            "undo" => "undo × a person",
            "repair" => "repair × a person",
            "rejoin" => "rejoin × a person",
            "detach" => "detach × a person",
            "resume" => "resume × a person",
            _ => "rollback × a person",
        };
        self.deeds = vec![self.deed(dice, verb)];
        self.hooked[0] = dice.roll(2) == 0;
        let until = if self.hooked[0] { 2600 } else { 700 };
        let nodes = self.parents.len() + 1;
        let count = 1 + dice.roll(3);
        let mut strokes: Vec<Stroke> = (0..count)
            .map(|_| Stroke::new(dice, nodes, until))
            .collect();
        strokes.sort_by_key(|s| s.after);
        self.strokes = strokes;
        self.aimed = dice.roll(3) == 0;
        if self.aimed {
            // The first at once, wherever it is.
            self.strokes[0].after = Duration::ZERO;
        }
    }

    fn deed(&self, dice: &mut Dice, verb: &str) -> Deed {
        let node = self.replica_but(dice, &[]);
        let line = 1 + dice.roll(36);
        let places: Vec<(usize, usize)> = (1..=self.parents.len())
            .flat_map(|node| self.places(node).into_iter().map(move |p| (node, p)))
            .collect();
        let leaves: Vec<usize> = (1..=self.parents.len())
            .filter(|i| !self.parents.contains(i))
            .collect();
        match verb {
            "move" => {
                let (node, under) = dice.of(&places);
                Deed::Move { node, under }
            }
            "detach" => Deed::Detach(dice.of(&leaves)),
            "rejoin" => Deed::Rejoin { new: node },
            "repair" => Deed::Repair { keep: node },
            "undo" => Deed::Undo { of: node },
            "resume" => Deed::Resume { to: node, line },
            "rollback" => Deed::Rollback { to: node, line },
            _ => Deed::Promote(node),
        }
    }

    fn replica_but(&self, dice: &mut Dice, but: &[usize]) -> usize {
        let some: Vec<usize> = (1..=self.parents.len())
            .filter(|i| !but.contains(i))
            .collect();
        dice.of(&some)
    }

    fn node_but(&self, dice: &mut Dice, but: &[usize]) -> usize {
        let some: Vec<usize> = (0..=self.parents.len())
            .filter(|i| !but.contains(i))
            .collect();
        dice.of(&some)
    }

    /// Where a node can go: under any that is not below it and that it is not under yet.
    fn places(&self, node: usize) -> Vec<usize> {
        let up = |i: usize| i.checked_sub(1).map(|i| self.parents[i]);
        let below = |i: usize| std::iter::successors(Some(i), |i| up(*i)).any(|i| i == node);
        (0..=self.parents.len())
            .filter(|i| !below(*i) && up(node) != Some(*i))
            .collect()
    }

    /// The node that replaced n0 before the race, if the race begins with two primaries.
    pub fn took_over(&self) -> Option<usize> {
        let rejoins = self.deeds.iter().find_map(|d| {
            if let Deed::Rejoin { new } = d {
                return Some(*new);
            }
            None
        });
        let keeps = self.deeds.iter().find_map(|d| {
            if let Deed::Repair { keep } = d {
                return Some(*keep).filter(|keep| *keep != 0);
            }
            None
        });
        let repairs = self.deeds.iter().any(|d| d.is_of_two()).then_some(1);
        rejoins.or(keeps).or(repairs)
    }
}

/// The node that a deed is most about.
fn target(deed: Deed) -> usize {
    match deed {
        Deed::Promote(node)
        | Deed::Move { node, .. }
        | Deed::Detach(node)
        | Deed::Rejoin { new: node }
        | Deed::Repair { keep: node }
        | Deed::Undo { of: node }
        | Deed::Resume { to: node, .. }
        | Deed::Rollback { to: node, .. } => node,
    }
}
