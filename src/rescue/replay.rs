//! Decoded commands in the wire's form again, as a server's own client takes them in. Pure.

use super::stream::{Tail, Unit};

/// The units for which `take` says yes, in the wire's form, with the SELECTs and transactions they need. Those whose database is not known are
/// left out: they would be done in the wrong one.
pub fn replayable(tail: &Tail, take: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut db = None;
    let units = tail.units.iter().enumerate().filter(|(n, _)| take(*n));
    for (_, unit) in units {
        let Some(wanted) = unit.db else { continue };
        if db != Some(wanted) {
            db = Some(wanted);
            let number = wanted.to_string();
            wire(&mut out, &[b"SELECT".to_vec(), number.into_bytes()]);
        }
        write_unit(&mut out, unit);
    }
    out
}

/// A unit in the wire's form, without the SELECT it needs.
pub fn write_unit(out: &mut Vec<u8>, unit: &Unit) {
    if unit.transaction {
        wire(out, &[b"MULTI".to_vec()]);
    }
    unit.commands.iter().for_each(|words| wire(out, words));
    if unit.transaction {
        wire(out, &[b"EXEC".to_vec()]);
    }
}

fn wire(out: &mut Vec<u8>, words: &[Vec<u8>]) {
    out.extend(format!("*{}\r\n", words.len()).bytes());
    for word in words {
        out.extend(format!("${}\r\n", word.len()).bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}
