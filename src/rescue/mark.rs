//! How a replay is recognized later. Each transaction that replays lost commands also publishes
//! their names on a channel. The new primary's stream keeps that message beside the commands. So
//! replays can be told from clients' writes, and nothing is replayed twice, whichever process died
//! in between. Pure.

use super::replay::write_unit;
use super::stream::{Tail, Unit};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// The channel. Nobody needs to listen: what counts is that servers replicate what is published.
pub const CHANNEL: &str = "replctl:replay";

/// Published bytes of a unit's hash. Among a million units, two have the same name once in tens of
/// millions of replays.
const BYTES: usize = 8;

/// The name of a unit: a hash of its database and its commands. Equal units have the same name, and
/// are counted.
pub fn mark(unit: &Unit) -> String {
    format!("{:016x}", name(unit))
}

/// The same as a number.
pub fn name(unit: &Unit) -> u64 {
    let mut bytes = format!("{:?} ", unit.db).into_bytes();
    write_unit(&mut bytes, unit);
    let mut first = [0; BYTES];
    first.copy_from_slice(&Sha256::digest(&bytes)[..BYTES]);
    u64::from_be_bytes(first)
}

/// The names that a transaction of the new primary publishes as replayed, `None` for an invalid
/// name. `None` as a whole: the transaction is not ours.
fn marks_of(unit: &Unit) -> Option<Vec<Option<u64>>> {
    if !unit.transaction {
        return None;
    }
    let read = |text: &str| {
        let hex = text.len() == 2 * BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
        hex.then(|| u64::from_str_radix(text, 16).ok())?
    };
    unit.commands().find_map(|words| {
        let [name, channel, message] = words.as_slice() else {
            return None;
        };
        let ours = name.eq_ignore_ascii_case(b"PUBLISH") && *channel == CHANNEL.as_bytes();
        let text = ours.then(|| std::str::from_utf8(message).ok()).flatten()?;
        Some(text.split(' ').map(read).collect())
    })
}

/// Whether a transaction says that it replays some of these and nothing else.
pub fn says_only(unit: &Unit, names: &HashSet<u64>) -> bool {
    marks_of(unit).is_some_and(|said| {
        let mut said = said.into_iter();
        said.all(|name| name.is_some_and(|name| names.contains(&name)))
    })
}

/// Which lost units were replayed, and which units of the new primary's stream replayed them. A
/// transaction that replays anything else is an ordinary write here. No more than `most` names are
/// held at once.
///
/// # Errors
/// One of the two cannot be read again.
pub fn replayed(lost: &Tail, since: &Tail, most: usize) -> Result<(Vec<bool>, Vec<bool>), String> {
    let mut names = 0;
    let mut ours = Vec::new();
    for unit in since.units() {
        let said = marks_of(&unit?);
        names += said.as_ref().map_or(0, Vec::len);
        ours.push(said.is_some());
    }
    if names == 0 {
        return Ok(Default::default());
    }
    let parts = (names / most + 1) as u64;
    for part in 0..parts {
        keep_whole(&mut ours, lost, since, &|name| name % parts == part)?;
    }
    let mut done = vec![false; lost.units];
    for part in 0..parts {
        find(&mut done, &ours, lost, since, &|name| name % parts == part)?;
    }
    Ok((done, ours))
}

/// The transactions that `ours` accepts, with their places and with their names that are `within`.
/// An invalid name is in all parts.
fn each_said(
    ours: &[bool],
    since: &Tail,
    within: &impl Fn(u64) -> bool,
    mut take: impl FnMut(usize, Vec<Option<u64>>),
) -> Result<(), String> {
    for (n, unit) in since.units().enumerate() {
        let unit = unit?;
        if ours[n] {
            let names = marks_of(&unit).unwrap_or_default().into_iter();
            take(n, names.filter(|name| name.is_none_or(within)).collect());
        }
    }
    Ok(())
}

/// Removes from `ours` the transactions that name a unit that was not lost, or that was replayed
/// before.
fn keep_whole(
    ours: &mut [bool],
    lost: &Tail,
    since: &Tail,
    within: &impl Fn(u64) -> bool,
) -> Result<(), String> {
    let mut left = HashMap::new();
    each_said(ours, since, within, |_, names| {
        left.extend(names.into_iter().flatten().map(|name| (name, 0_usize)));
    })?;
    for unit in lost.units() {
        if let Some(count) = left.get_mut(&name(&unit?)) {
            *count += 1;
        }
    }
    let mut whole = ours.to_vec();
    each_said(ours, since, within, |n, names| {
        let mut taken = Vec::new();
        whole[n] = names.into_iter().all(|name| {
            let count = name.and_then(|name| Some((name, left.get_mut(&name)?)));
            let Some((name, count)) = count.filter(|(_, count)| **count > 0) else {
                return false;
            };
            *count -= 1;
            taken.push(name);
            true
        });
        let back = taken.into_iter().filter(|_| !whole[n]);
        back.for_each(|name| *left.entry(name).or_default() += 1);
    })?;
    ours.copy_from_slice(&whole);
    Ok(())
}

/// Finds the lost units that `ours` name.
fn find(
    done: &mut [bool],
    ours: &[bool],
    lost: &Tail,
    since: &Tail,
    within: &impl Fn(u64) -> bool,
) -> Result<(), String> {
    let mut times: HashMap<u64, usize> = HashMap::new();
    each_said(ours, since, within, |_, names| {
        let names = names.into_iter().flatten();
        names.for_each(|name| *times.entry(name).or_default() += 1);
    })?;
    for (n, unit) in lost.units().enumerate() {
        let count = times.get_mut(&name(&unit?)).filter(|count| **count > 0);
        if let Some(count) = count {
            *count -= 1;
            done[n] = true;
        }
    }
    Ok(())
}
