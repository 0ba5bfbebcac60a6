//! How a replay is known again: each transaction that replays lost commands also says which, on a channel, and the new primary's stream keeps that
//! beside them. So what was replayed is told from what clients wrote, and nothing is replayed twice, whoever died in between. Pure.

use super::replay::write_unit;
use super::stream::{Tail, Unit};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The channel. Nobody needs to listen: what counts is that servers replicate what is published.
pub const CHANNEL: &str = "replctl:replay";

/// Bytes of a unit's hash that are said: among a million units two would be alike once in tens of millions of replays.
const BYTES: usize = 8;

/// What names a unit: a hash of its database and its commands. Two units that are alike have the same name, and are counted.
pub fn mark(unit: &Unit) -> String {
    let mut bytes = format!("{:?} ", unit.db).into_bytes();
    write_unit(&mut bytes, unit);
    let mut text = String::new();
    for byte in &Sha256::digest(&bytes)[..BYTES] {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The names that a transaction of the new primary says it replays; `None`: it is none of ours.
fn said(unit: &Unit) -> Option<Vec<&str>> {
    if !unit.transaction {
        return None;
    }
    unit.commands.iter().find_map(|words| {
        let [name, channel, message] = words.as_slice() else {
            return None;
        };
        let ours = name.eq_ignore_ascii_case(b"PUBLISH") && channel == CHANNEL.as_bytes();
        let text = ours.then(|| std::str::from_utf8(message).ok()).flatten()?;
        Some(text.split(' ').collect())
    })
}

/// What of the lost units was replayed, and which units of the new primary's stream did it. A transaction that replays anything else is an ordinary
/// write here.
pub fn replayed(lost: &Tail, since: &Tail) -> (Vec<bool>, Vec<bool>) {
    let mut done = vec![false; lost.units.len()];
    let says: Vec<Option<Vec<&str>>> = since.units.iter().map(said).collect();
    let mut ours = vec![false; since.units.len()];
    if says.iter().all(Option::is_none) {
        return (done, ours);
    }
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (n, unit) in lost.units.iter().enumerate().rev() {
        places.entry(mark(unit)).or_default().push(n);
    }
    for (n, names) in says.iter().enumerate() {
        let Some(names) = names else { continue };
        let mut left = places.clone();
        let found: Vec<usize> = names
            .iter()
            .filter_map(|name| left.get_mut(*name)?.pop())
            .collect();
        if found.len() == names.len() {
            places = left;
            ours[n] = true;
            for place in found {
                done[place] = true;
            }
        }
    }
    (done, ours)
}
