//! Decoded commands in the wire's form again, as a server's own client takes them in. Pure.

use super::stream::{Tail, Unit};
use std::fmt::Write as _;

/// Bytes that are given at once, unless one unit has more.
const AT_ONCE: usize = 256 << 10;
/// Units that are gone through for one piece, which may be empty then: whoever takes the pieces has
/// something else to do between two of them.
const LOOKED_AT: usize = 10_000;

/// The units for which `take` says yes, in the wire's form, with the SELECTs and transactions they
/// need, in pieces. Those whose database is not known are left out: they would be done in the wrong
/// one.
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
