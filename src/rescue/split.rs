//! Which lost commands can be replayed without harm: those whose keys the new primary has not
//! written since the two parted. Pure.
//!
//! All lost commands of a key are replayed together or not at all: half of a key's history would
//! make a value that never existed. Keys that one command or transaction ties together get the same
//! verdict. Where the new primary's own writes are not known, everything is a conflict.
//!
//! Both streams are read several times. So memory holds one byte for each lost unit, and a bounded
//! number of keys.

use super::keys::{Touches, touches};
use super::mark::replayed;
use super::prints::{Distinct, Prints, Ties};
use super::stream::{Tail, Unit};
use serde::Serialize;

/// Keys that are held at once: 16 MB. If there are more, the streams are read once for each part of
/// the keys.
const MOST_KEYS: usize = 2 << 20;

/// Why a unit is not safe to replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// Since then, the new primary has written one of its keys, or a key that is tied to them.
    Written,
    /// Its keys cannot be known, or a lost command with unknown keys may touch them.
    KeysUnknown,
    /// Its database cannot be known.
    DatabaseUnknown,
    /// What the new primary has written since cannot be known.
    NewUnknown,
    /// It touches no key: a message, a script, a function.
    NoKey,
    /// Transactions tie more keys together than can be told apart.
    TooManyTied,
    /// No conflict: it was replayed already.
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
            Self::TooManyTied => "transactions tie more keys together than are told apart",
            Self::Replayed => "replayed already",
        }
    }
}

/// A key, with its database.
pub type Key<'a> = (u32, &'a [u8]);

/// The verdicts on units, counted in commands.
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
    /// Those that are in conflict.
    pub fn conflicts(self) -> usize {
        self.commands - self.safe - self.replayed
    }
}

/// What was found about lost units.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// For each unit, in order, the conflict that stops its replay; `None`: there is none.
    pub verdicts: Vec<Option<Conflict>>,
    /// The same, counted in commands.
    pub counts: Counts,
    /// How many keys they touch, as far as they are known.
    pub keys: usize,
}

/// Which of the lost units are meant.
pub type Wanted = fn(&Judged, usize) -> bool;

impl Judged {
    /// Whether a unit can be replayed.
    pub fn is_safe(&self, n: usize) -> bool {
        self.verdicts.get(n) == Some(&None)
    }

    /// Whether it is in conflict, and was not replayed already.
    pub fn is_conflict(&self, n: usize) -> bool {
        !matches!(
            self.verdicts.get(n),
            None | Some(None | Some(Conflict::Replayed))
        )
    }
}

/// Judges lost units by what the new primary wrote since; `None`: that cannot be known.
///
/// # Errors
/// One of the two cannot be read again.
pub fn judge(lost: &Tail, since: Option<&Tail>) -> Result<Judged, String> {
    judge_within(lost, since, MOST_KEYS)
}

/// The same with so many keys at once.
pub(super) fn judge_within(
    lost: &Tail,
    since: Option<&Tail>,
    most: usize,
) -> Result<Judged, String> {
    let (done, ours) = match since {
        Some(since) => replayed(lost, since, most)?,
        None => Default::default(),
    };
    let mut survey = Survey::of(lost, most)?;
    let written = since.map(|since| (since, &ours[..]));
    let keys = survey.written(lost, written)?;
    survey.spread(lost)?;
    let mut verdicts = survey.verdicts;
    if since.is_none() {
        verdicts.fill(Some(Conflict::NewUnknown));
    }
    let pairs = verdicts.iter_mut().zip(done);
    for (verdict, _) in pairs.filter(|(_, done)| *done) {
        *verdict = Some(Conflict::Replayed);
    }
    let mut counts = Counts::default();
    for (unit, verdict) in lost.units().zip(&verdicts) {
        let count = unit?.count;
        counts.commands += count;
        match verdict {
            None => counts.safe += count,
            Some(Conflict::Replayed) => counts.replayed += count,
            Some(_) => {}
        }
    }
    Ok(Judged {
        verdicts,
        counts,
        keys,
    })
}

/// What is known of lost units while they are judged.
struct Survey {
    prints: Prints,
    most: usize,
    /// All verdicts are final, because one command may touch any key.
    settled: bool,
    verdicts: Vec<Option<Conflict>>,
    /// How often keys are named.
    named: usize,
    /// The keys, where they are not too many.
    keys: Option<Vec<u64>>,
    /// Those that are tied together.
    ties: Ties,
    /// The groups of which a key was written.
    bad: Vec<bool>,
}

impl Survey {
    /// Goes through them once.
    fn of(lost: &Tail, most: usize) -> Result<Self, String> {
        let prints = Prints::default();
        let mut verdicts = Vec::with_capacity(lost.units);
        let (mut all, mut together) = (Distinct::new(most), Distinct::new(most));
        let (mut named, mut unknown) = (0, None);
        for unit in lost.units() {
            let unit = unit?;
            verdicts.push(match keys(&unit) {
                Keys::Known(some) => {
                    named += some.len();
                    for key in &some {
                        let print = prints.of(*key);
                        all.push(print);
                        if some.len() > 1 {
                            together.push(print);
                        }
                    }
                    None
                }
                Keys::None => Some(Conflict::NoKey),
                Keys::Unknown(why) => {
                    unknown = unknown.or(Some(why));
                    Some(why)
                }
            });
        }
        let together = together.sorted();
        let too_many = together.is_none().then_some(Conflict::TooManyTied);
        let settled = unknown.or(too_many);
        if settled.is_some() {
            let open = verdicts.iter_mut().filter(|verdict| verdict.is_none());
            open.for_each(|verdict| *verdict = settled);
        }
        let ties = Ties::of(together.unwrap_or_default());
        Ok(Self {
            bad: vec![false; ties.len()],
            prints,
            most,
            settled: settled.is_some(),
            verdicts,
            named,
            keys: all.sorted(),
            ties,
        })
    }

    /// Marks the units with a key that clients have written on the new primary. Returns the number
    /// of keys. `since`: the stream of the new primary, and which of its units are our replays.
    fn written(&mut self, lost: &Tail, since: Option<(&Tail, &[bool])>) -> Result<usize, String> {
        if self.settled
            && let Some((since, ours)) = since
            && anything(since, ours)?
        {
            self.verdicts.fill(Some(Conflict::Written));
        }
        if self.ties.len() > 0 && !self.settled {
            for unit in lost.units() {
                let prints = self.prints_of(&unit?);
                self.ties.tie(&prints);
            }
        }
        if let Some(keys) = self.keys.take() {
            self.written_among(lost, since, &keys, |_| true)?;
            return Ok(keys.len());
        }
        let mut parts = (self.named / (self.most / 2).max(1) + 1) as u64;
        loop {
            if let Some(count) = self.written_in_parts(lost, since, parts)? {
                return Ok(count);
            }
            // One part got more than its share of the keys. The marks so far stay.
            parts *= 2;
        }
    }

    /// The same in so many parts; `None`: one has too many keys.
    fn written_in_parts(
        &mut self,
        lost: &Tail,
        since: Option<(&Tail, &[bool])>,
        parts: u64,
    ) -> Result<Option<usize>, String> {
        let mut count = 0;
        for part in 0..parts {
            let within = |print: u64| print % parts == part;
            let mut keys = Distinct::new(self.most);
            for unit in lost.units() {
                let prints = self.prints_of(&unit?).into_iter();
                prints.filter(|p| within(*p)).for_each(|p| keys.push(p));
            }
            let Some(keys) = keys.sorted() else {
                return Ok(None);
            };
            self.written_among(lost, since, &keys, within)?;
            count += keys.len();
        }
        Ok(Some(count))
    }

    /// The same for some of the keys.
    fn written_among(
        &mut self,
        lost: &Tail,
        since: Option<(&Tail, &[bool])>,
        keys: &[u64],
        within: impl Fn(u64) -> bool,
    ) -> Result<(), String> {
        let Some((since, ours)) = since.filter(|_| !self.settled) else {
            return Ok(());
        };
        let mut written = vec![false; keys.len()];
        for (n, unit) in since.units().enumerate() {
            let unit = unit?;
            if ours.get(n) == Some(&true) {
                continue;
            }
            if let self::Keys::Unknown(_) = self::keys(&unit) {
                self.verdicts.fill(Some(Conflict::Written));
                self.settled = true;
                return Ok(());
            }
            for print in self.prints_of(&unit).into_iter().filter(|p| within(*p)) {
                if let Ok(at) = keys.binary_search(&print) {
                    written[at] = true;
                }
            }
        }
        if !written.contains(&true) {
            return Ok(());
        }
        for (n, unit) in lost.units().enumerate() {
            for print in self.prints_of(&unit?).into_iter().filter(|p| within(*p)) {
                let is_written = keys.binary_search(&print).is_ok_and(|at| written[at]);
                if is_written {
                    self.verdicts[n] = Some(Conflict::Written);
                    if let Some(group) = self.ties.group(print) {
                        self.bad[group] = true;
                    }
                }
            }
        }
        Ok(())
    }

    /// Keys that are tied to a written key count as written, too.
    fn spread(&mut self, lost: &Tail) -> Result<(), String> {
        if self.settled || !self.bad.contains(&true) {
            return Ok(());
        }
        for (n, unit) in lost.units().enumerate() {
            let prints = self.prints_of(&unit?);
            let mut groups = prints.iter().filter_map(|print| self.ties.group(*print));
            if groups.any(|group| self.bad[group]) {
                self.verdicts[n] = Some(Conflict::Written);
            }
        }
        Ok(())
    }

    fn prints_of(&self, unit: &Unit) -> Vec<u64> {
        match keys(unit) {
            Keys::Known(some) => some.iter().map(|key| self.prints.of(*key)).collect(),
            Keys::None | Keys::Unknown(_) => Vec::new(),
        }
    }
}

/// Whether a client's command on the new primary may touch any key.
fn anything(since: &Tail, ours: &[bool]) -> Result<bool, String> {
    for (n, unit) in since.units().enumerate() {
        let unit = unit?;
        if ours.get(n) != Some(&true) && matches!(keys(&unit), Keys::Unknown(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) enum Keys<'a> {
    Known(Vec<Key<'a>>),
    None,
    Unknown(Conflict),
}

pub(super) fn keys(unit: &Unit) -> Keys<'_> {
    let mut found = Vec::new();
    for command in unit.commands() {
        match touches(&command) {
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
