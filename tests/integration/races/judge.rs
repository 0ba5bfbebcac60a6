//! The conditions that must hold after a race, by the servers' own reports.
//!
//! Between two operators: every acknowledged write is on the one primary (or in a backup, if two
//! primaries existed before), all others replicate from it with the same data, nobody made a second
//! primary meanwhile, no fence is left, every printed sentence is true, and one operator succeeded.
//!
//! A person who sends REPLICAOF by hand may lose writes and make primaries. replctl itself must
//! not:
//! - **Lost by replctl**: an acknowledged write that is on no primary and in no backup at the end
//!   (on no node at all, if replctl says that it stopped half-way), lost by a role change of
//!   replctl's. The judge follows the holders, from the node that acknowledged the write. An
//!   operator who makes the holder a replica must have seen the write on the new upstream, which is
//!   the next holder. If the person does that, the person lost the write. If the last holder never
//!   became a replica and lacks the write, the operator who handed over to it lost it. What a node
//!   took within [`SHORT`] of the person's promotion is the person's.
//! - **A second primary by replctl**: its `REPLICAOF NO ONE` while another node was a primary,
//!   unless the person made that one too late for any look: less than [`LOOK`] before the
//!   operator's first role change, or, for the undo of a demotion, before that undo.
//! - **Named**: a failed run names a node that the person changed; `status` names what is wrong.

mod culprit;

use crate::races::case::Turn;
use crate::races::deed::Deed;
use crate::races::field::{Field, Role, name};
use crate::races::pairs::Race;
use crate::races::person::Stroke;
use crate::races::record::{Event, Record, Who};
use crate::races::sentences::Told;
use crate::support::Tally;
use crate::support::program::Replctl;
use crate::support::rescued::in_no_backup;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// The longest time for a look at all nodes and its conclusions, on a busy machine, ms.
const LOOK: i64 = 300;
/// How long a write may be on a node before anyone can know that the node takes writes, ms.
const SHORT: i64 = 100;
/// How long links take to come up after the last change.
const LINKS: Duration = Duration::from_secs(10);
/// How long a command may take that puts things in order.
const ORDER: Duration = Duration::from_mins(1);

/// What kind of wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No primary, several, or a second one meanwhile.
    Primaries,
    /// Acknowledged writes are gone.
    Lost,
    /// A sentence that is not true.
    Sentence,
    /// Anything else.
    Other,
}

/// Something that must not be.
pub struct Violation {
    pub kind: Kind,
    text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}

/// What was found.
#[derive(Default)]
pub struct Judged {
    pub acknowledged: usize,
    /// Lost acknowledged writes; beside a person, only those that replctl lost.
    pub lost: usize,
    /// Which of the operators ended with exit code 0.
    pub through: &'static str,
    pub violations: Vec<Violation>,
}

impl Judged {
    fn wrong(&mut self, kind: Kind, text: impl Into<String>) {
        let text = text.into();
        self.violations.push(Violation { kind, text });
    }

    /// Whether something must not be.
    pub fn is_wrong(&self) -> bool {
        !self.violations.is_empty()
    }
}

/// One case after its end.
struct Bench<'a> {
    field: &'a Field,
    race: &'a Race,
    operators: &'a [Replctl<'a>],
    turns: &'a [Turn],
    record: &'a Record,
    tally: &'a Tally,
}

/// Judges a case.
pub fn judge(
    field: &Field,
    race: &Race,
    operators: &[Replctl<'_>],
    turns: &[Turn],
    record: &Record,
    tally: &Tally,
) -> Judged {
    let bench = Bench {
        field,
        race,
        operators,
        turns,
        record,
        tally,
    };
    let mut judged = Judged {
        acknowledged: tally.acknowledged(),
        through: bench.through(),
        ..Judged::default()
    };
    bench.sentences(&mut judged);
    for text in bench.second_primaries() {
        judged.wrong(Kind::Primaries, text);
    }
    let beside_a_person = !race.strokes.is_empty();
    if beside_a_person {
        bench.named(&mut judged);
    } else {
        bench.in_order(&mut judged);
    }
    bench.losses(&mut judged, beside_a_person);
    bench.fences(&mut judged);
    judged
}

impl Bench<'_> {
    fn through(&self) -> &'static str {
        let through: Vec<bool> = self.turns.iter().map(Turn::went_through).collect();
        match through[..] {
            [true, true] => "both",
            [true, false] => "the first",
            [false, true] => "the second",
            [true] => "it",
            _ => "nobody",
        }
    }

    fn sentences(&self, judged: &mut Judged) {
        for turn in self.turns {
            let told = Told {
                field: self.field,
                turn,
                record: self.record,
            };
            for wrong in told.false_ones() {
                judged.wrong(Kind::Sentence, format!("{:?}: {wrong}", turn.who));
            }
            if !matches!(turn.ran.code, Some(0 | 1 | 3 | 4 | 5)) {
                judged.wrong(Kind::Other, format!("exit {:?}", turn.ran.code));
            }
        }
    }

    /// The changes that made a second primary.
    fn second_primaries(&self) -> Vec<String> {
        let mut roles = self.record.first.clone();
        let is = |role: &Role| *role == Role::Primary;
        // With two from the beginning, bringing one of them back is no news.
        if roles.iter().filter(|r| is(r)).count() > 1 {
            return Vec::new();
        }
        let mut made = Vec::new();
        for (n, event) in self.record.events.iter().enumerate() {
            let before = &self.record.events[..n];
            let turn = self.turns.iter().find(|t| t.who == event.who);
            if let Some(turn) = turn.filter(|_| event.to == Role::Primary)
                && turn.deed.alone() != Some(event.node)
            {
                let others = (0..roles.len()).filter(|i| *i != event.node && is(&roles[*i]));
                let others = others.filter(|i| !self.is_excused(event, *i, before));
                made.extend(others.map(|other| {
                    format!(
                        "{:?} made {} a primary while {} was one",
                        event.who,
                        name(event.node),
                        name(other)
                    )
                }));
            }
            roles[event.node] = event.to;
        }
        made
    }

    /// Whether `other` may be a primary at `event`: it is detached, or no look could have shown it.
    fn is_excused(&self, event: &Event, other: usize, before: &[Event]) -> bool {
        let Some(made) = before.iter().rfind(|e| e.node == other) else {
            return false;
        };
        if self
            .turns
            .iter()
            .any(|t| t.deed.alone() == Some(other) && t.who == made.who)
        {
            return true;
        }
        let mut own = before.iter().filter(|e| e.who == event.who);
        let puts_back = own.clone().any(|e| e.node == event.node);
        let looked = match own.next() {
            Some(first) if !puts_back => first.at,
            _ => event.at,
        };
        made.who == Who::Person && made.at > looked - LOOK
    }

    /// The detached node, and nodes that were moved under it knowingly since then.
    fn apart(&self) -> Vec<usize> {
        let turns = || self.turns.iter().filter(|t| t.went_through());
        let alone = turns().find_map(|t| t.deed.alone());
        let Some(alone) = alone.filter(|node| self.field.role(*node) == Role::Primary) else {
            return Vec::new();
        };
        let told = format!("`{}` is a primary beside ", name(alone));
        let told = turns().filter(|t| t.said().contains(&told));
        let moved = told.filter_map(|t| t.deed.moved_under(alone));
        std::iter::once(alone).chain(moved).collect()
    }

    /// Between two operators: one primary with all others, all alike, after `resume`.
    fn in_order(&self, judged: &mut Judged) {
        let apart = self.apart();
        let mut end = self.field.whole_but(&apart, LINKS);
        if judged.through == "nobody" && self.starved() {
            judged.wrong(Kind::Other, "nobody went through");
        }
        if end.is_err() {
            for (turn, operator) in self.turns.iter().zip(self.operators) {
                let words = match turn.ran.code {
                    Some(5) => vec!["resume".to_owned(), "--yes".to_owned()],
                    Some(1 | 3) if turn.deed.is_of_two() => turn.deed.words(operator),
                    _ => continue,
                };
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                operator.run_within(ORDER, &words);
            }
            end = self.field.whole_but(&apart, LINKS);
        }
        match end {
            Ok(primary) => self.alike(primary, &apart, judged),
            Err(wrong) => judged.wrong(Kind::Primaries, format!("at the end: {wrong}")),
        }
    }

    /// Whether a promotion had died half-way before.
    fn one_had_died(&self) -> bool {
        let died = |d: &Deed| matches!(d, Deed::Resume { .. } | Deed::Rollback { .. });
        self.race.deeds.iter().any(died)
    }

    /// Whether neither succeeded because of the other one. The rest of a promotion that died
    /// half-way may forbid both by itself.
    fn starved(&self) -> bool {
        let others = ["another operator", "somebody else"];
        let gave_way = |t: &Turn| others.iter().any(|o| t.said().contains(o));
        !self.one_had_died() || self.turns.iter().any(gave_way)
    }

    /// Asserts that all other nodes have the primary's data.
    fn alike(&self, primary: usize, apart: &[usize], judged: &mut Judged) {
        let holds = |i: usize| {
            let mut client = self.field.servers[i].client();
            let ask = [&["DBSIZE"][..], &["DEBUG", "DIGEST"]];
            ask.map(|words| client.command(words).text())
        };
        let wanted = holds(primary);
        for i in (0..self.field.servers.len()).filter(|i| !apart.contains(i)) {
            let has = holds(i);
            if has != wanted {
                let (node, primary) = (name(i), name(primary));
                judged.wrong(
                    Kind::Other,
                    format!("{node} holds {has:?}, {primary} {wanted:?}"),
                );
            }
        }
    }

    /// Beside a person: the messages for the operator afterwards.
    fn named(&self, judged: &mut Judged) {
        let turn = &self.turns[0];
        let told = Told {
            field: self.field,
            turn,
            record: self.record,
        };
        let sent = self.record.by(Who::Person).any(|e| e.at <= turn.ended);
        let names: Vec<String> = self.race.strokes.iter().flat_map(Stroke::names).collect();
        if sent && !turn.went_through() && told.names_none(&names) {
            let text = "it failed and names no node that the person changed";
            judged.wrong(Kind::Sentence, text);
        }
        // Links that are to come up are no problem of the roles.
        let apart = self.apart();
        let _ = self.field.whole_but(&apart, Duration::from_secs(2));
        let ran = self.operators[0].run_within(ORDER, &["status", "--no-ssh"]);
        let roles = self.field.roles();
        let primaries = self.field.primaries();
        let primaries: Vec<usize> = primaries
            .into_iter()
            .filter(|p| !apart.contains(p))
            .collect();
        let hangs = |i: usize| self.field.root(&roles, i).is_some();
        let is_well = primaries.len() == 1 && (0..roles.len()).all(hangs);
        let names_all = primaries.iter().all(|p| ran.stdout.contains(&name(*p)));
        if !is_well && (ran.code != Some(4) || !names_all) {
            judged.wrong(
                Kind::Sentence,
                format!("status does not tell of {roles:?}: {ran}"),
            );
        }
    }

    fn losses(&self, judged: &mut Judged, beside_a_person: bool) {
        let primaries = self.field.primaries();
        let all: Vec<usize> = (0..self.field.servers.len()).collect();
        let stopped = beside_a_person && self.turns.iter().any(|t| t.ran.code == Some(5));
        let asked = if primaries.is_empty() || stopped {
            &all
        } else {
            &primaries
        };
        let missing = |i: &usize| self.tally.lost(self.field.servers[*i].address());
        let each: Vec<Vec<String>> = asked.iter().map(missing).collect();
        let lost = if beside_a_person {
            let (one, others) = each.split_first().unwrap();
            let everywhere = |id: &&String| others.iter().all(|o| o.contains(id));
            one.iter().filter(everywhere).cloned().collect()
        } else {
            each.into_iter().min_by_key(Vec::len).unwrap()
        };
        let lost = in_no_backup(lost, &self.backups(), self.tally, |dump| {
            self.field.family.start_with(dump)
        });
        let mut by: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for id in lost {
            let who = self
                .culprit(&id)
                .map_or("?".to_owned(), |w| format!("{w:?}"));
            by.entry(who).or_default().push(id);
        }
        if beside_a_person {
            by.remove("Person");
        }
        judged.lost = by.values().map(Vec::len).sum();
        for (who, ids) in &by {
            let (count, some) = (ids.len(), &ids[..ids.len().min(4)]);
            let text = format!("{count} acknowledged writes are lost by {who}: {some:?}");
            judged.wrong(Kind::Lost, text);
            let said = self.turns.iter().find(|t| format!("{:?}", t.who) == *who);
            if said.is_some_and(|t| t.said().contains("no acknowledged write is lost")) {
                let text = format!("{who}: \"no acknowledged write is lost\": it lost {count}");
                judged.wrong(Kind::Sentence, text);
            }
        }
    }

    /// Whether the pause of a killed promotion has ended by itself, as it does within 5 seconds.
    fn ended_by_itself(&self, i: usize) -> bool {
        let begun = Instant::now();
        let mut client = self.field.servers[i].client();
        let written = client.try_command(&["SET", "after", "all"]);
        let at_once = begun.elapsed() < Duration::from_millis(500);
        self.one_had_died() && at_once && !written.map_or(true, |w| w.failed())
    }

    /// No primary holds its writes back.
    fn fences(&self, judged: &mut Judged) {
        for i in self.field.primaries() {
            let mut client = self.field.servers[i].client();
            let begun = Instant::now();
            let written = client.try_command(&["SET", "after", "all"]);
            if written.as_ref().map_or(true, crate::support::Reply::failed) {
                judged.wrong(Kind::Other, format!("n{i} takes no writes: {written:?}"));
            } else if begun.elapsed() > Duration::from_millis(500) && !self.ended_by_itself(i) {
                let took = begun.elapsed();
                judged.wrong(Kind::Other, format!("a fence is left on n{i}: {took:?}"));
            }
            let left = client.config("min-replicas-to-write");
            if left != "0" {
                let text = format!("n{i} is left with min-replicas-to-write {left}");
                judged.wrong(Kind::Other, text);
            }
        }
    }
}
