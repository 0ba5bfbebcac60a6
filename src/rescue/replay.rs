//! Decoded commands in wire format again, as the server's own client reads them. Pure.

use super::stream::{Tail, Unit};
use std::fmt::Write as _;

/// Bytes that are given at once, unless one unit has more.
const AT_ONCE: usize = 256 << 10;
/// How many units are read for one piece, which may then be empty. The caller has other work
/// between two pieces.
const LOOKED_AT: usize = 10_000;

/// The units that `take` accepts, in wire format, with the SELECTs and transactions they need, in
/// pieces. Units with an unknown database are left out: they would run in the wrong one.
pub fn replayable(
    tail: &Tail,
    take: impl Fn(usize) -> bool,
) -> impl Iterator<Item = Result<Vec<u8>, String>> {
    let mut units = tail.units().enumerate();
    let mut db = None;
    std::iter::from_fn(move || {
        let mut out = Vec::new();
        for looked_at in 0..LOOKED_AT {
            if out.len() >= AT_ONCE {
                break;
            }
            let unit = match units.next() {
                Some((n, Ok(unit))) if take(n) => unit,
                Some((_, Ok(_))) => continue,
                Some((_, Err(why))) => return Some(Err(why)),
                None if looked_at == 0 => return None,
                None => break,
            };
            let Some(wanted) = unit.db else { continue };
            if db != Some(wanted) {
                db = Some(wanted);
                wire(&mut out, &["SELECT", &wanted.to_string()]);
            }
            write_unit(&mut out, &unit);
        }
        Some(Ok(out))
    })
}

/// A unit in the wire's form, without the SELECT it needs.
pub fn write_unit(out: &mut Vec<u8>, unit: &Unit) {
    if unit.transaction {
        wire(out, &["MULTI"]);
    }
    out.extend_from_slice(unit.wire());
    if unit.transaction {
        wire(out, &["EXEC"]);
    }
}

fn wire(out: &mut Vec<u8>, words: &[&str]) {
    let mut text = format!("*{}\r\n", words.len());
    for word in words {
        let _ = write!(text, "${}\r\n{word}\r\n", word.len());
    }
    out.extend_from_slice(text.as_bytes());
}
