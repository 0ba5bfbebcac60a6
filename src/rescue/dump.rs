//! A server's dump as it arrives over the replication protocol or lies in a file: how its transfer
//! is framed, whether it is whole, and which history it names. Pure.

use super::crc64::crc64;
use serde::{Deserialize, Serialize};

/// Bytes of the mark that ends a dump of unknown length.
const MARK: usize = 40;
/// Bytes of the checksum at the end of a dump.
const CHECKSUM: usize = 8;
/// What stands before the checksum.
const END: u8 = 0xff;

/// How the transfer of a dump is framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framing {
    /// That many bytes.
    Length(u64),
    /// Up to these bytes, which belong to the transfer and not to the dump.
    Mark(Vec<u8>),
}

impl Framing {
    /// Reads the line before the dump: `$1234`, or `$EOF:` and 40 bytes.
    pub fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_prefix('$')?;
        if let Some(mark) = rest.strip_prefix("EOF:") {
            return (mark.len() == MARK).then(|| Self::Mark(mark.as_bytes().to_vec()));
        }
        rest.parse().ok().map(Self::Length)
    }
}

/// Takes the framing off a transfer.
#[derive(Debug)]
pub struct Unframed {
    framing: Framing,
    given: u64,
    held: Vec<u8>,
}

impl Unframed {
    /// Nothing has come yet.
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            given: 0,
            held: Vec::new(),
        }
    }

    /// Takes received bytes. Returns the bytes that surely belong to the dump, and whether the dump
    /// is at its end.
    pub fn take(&mut self, bytes: &[u8]) -> (Vec<u8>, bool) {
        match &self.framing {
            Framing::Length(length) => {
                let left = usize::try_from(length - self.given).unwrap_or(usize::MAX);
                let part = bytes[..bytes.len().min(left)].to_vec();
                self.given += part.len() as u64;
                (part, self.given == *length)
            }
            Framing::Mark(mark) => {
                self.held.extend_from_slice(bytes);
                // The server sends nothing after the mark until it gets an answer.
                if self.held.ends_with(mark) {
                    self.held.truncate(self.held.len() - MARK);
                    return (std::mem::take(&mut self.held), true);
                }
                let sure = self.held.len().saturating_sub(MARK);
                (self.held.drain(..sure).collect(), false)
            }
        }
    }
}

/// Checks that a dump is whole while its bytes pass.
#[derive(Debug, Default)]
pub struct Check {
    bytes: u64,
    head: Vec<u8>,
    crc: u64,
    /// The last bytes: they may be the checksum.
    tail: Vec<u8>,
    before: Option<u8>,
}

/// A dump that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// The version of its format.
    pub version: u32,
    /// Its length, bytes.
    pub bytes: u64,
    /// Its checksum was compared; false where its server makes none (`rdbchecksum no`).
    pub checksum: bool,
}

impl Check {
    /// The next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let missing = 9usize.saturating_sub(self.head.len());
        self.head
            .extend_from_slice(&bytes[..bytes.len().min(missing)]);
        self.tail.extend_from_slice(bytes);
        let sure = self.tail.len().saturating_sub(CHECKSUM);
        self.crc = crc64(self.crc, &self.tail[..sure]);
        self.before = self.tail[..sure].last().copied().or(self.before);
        self.tail.drain(..sure);
    }

    /// At its end.
    ///
    /// # Errors
    /// What is wrong with it, in one phrase.
    pub fn finish(&self) -> Result<Whole, String> {
        let version = version(&self.head).ok_or("it does not begin as a dump does")?;
        let sum: [u8; CHECKSUM] = self
            .tail
            .as_slice()
            .try_into()
            .map_err(|_| "it is too short for a dump")?;
        if self.before != Some(END) {
            return Err("it does not end as a dump does".to_owned());
        }
        let sum = u64::from_le_bytes(sum);
        if sum != 0 && sum != self.crc {
            return Err("its checksum is wrong".to_owned());
        }
        Ok(Whole {
            version,
            bytes: self.bytes,
            checksum: sum != 0,
        })
    }
}

/// `REDIS0011` has four digits, `VALKEY080` three.
fn version(head: &[u8]) -> Option<u32> {
    let digits = head
        .strip_prefix(b"REDIS")
        .or_else(|| head.strip_prefix(b"VALKEY"))?;
    let text = std::str::from_utf8(digits).ok()?;
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    (digits && head.len() == 9).then(|| text.parse().ok())?
}

/// The history and the offset that a dump names in the notes at its beginning. `None` if it names
/// none.
pub fn history(head: &[u8]) -> Option<(String, u64)> {
    version(head.get(..9)?)?;
    let (mut rest, mut replid, mut offset) = (head.get(9..)?, None, None);
    while let Some((0xfa, tail)) = rest.split_first() {
        let Some((name, tail)) = string(tail) else {
            break;
        };
        let Some((value, tail)) = string(tail) else {
            break;
        };
        match name.as_str() {
            "repl-id" => replid = Some(value),
            "repl-offset" => offset = value.parse().ok(),
            _ => {}
        }
        rest = tail;
    }
    let hex = |id: &String| id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
    replid.filter(hex).zip(offset)
}

/// A short string or a number, as text, and what follows it.
fn string(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let low = usize::from(first & 0x3f);
    let text = |rest: &[u8], length: usize| -> Option<String> {
        Some(String::from_utf8_lossy(rest.get(..length)?).into_owned())
    };
    match (first >> 6, low) {
        (0, _) => Some((text(rest, low)?, &rest[low..])),
        (1, _) => {
            let (second, rest) = rest.split_first()?;
            let length = low << 8 | usize::from(*second);
            Some((text(rest, length)?, &rest[length..]))
        }
        (3, 0) => Some((
            i8::from_le_bytes([*rest.first()?]).to_string(),
            rest.get(1..)?,
        )),
        (3, 1) => {
            let (number, rest) = rest.split_first_chunk()?;
            Some((i16::from_le_bytes(*number).to_string(), rest))
        }
        (3, 2) => {
            let (number, rest) = rest.split_first_chunk()?;
            Some((i32::from_le_bytes(*number).to_string(), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn note(name: &str, value: &[u8]) -> Vec<u8> {
        let mut out = vec![0xfa, u8::try_from(name.len()).unwrap()];
        out.extend(name.bytes());
        out.extend(value);
        out
    }

    fn sample() -> Vec<u8> {
        let mut dump = b"REDIS0010".to_vec();
        dump.extend(note("redis-bits", &[0xc0, 64]));
        let mut id = vec![40];
        id.extend([b'a'; 40]);
        dump.extend(note("repl-id", &id));
        dump.extend(note("repl-offset", &[0xc1, 0x39, 0x05]));
        dump.push(0xff);
        let crc = crc64(0, &dump);
        dump.extend(crc.to_le_bytes());
        dump
    }

    fn checked(dump: &[u8], piece: usize) -> Result<Whole, String> {
        let mut check = Check::default();
        dump.chunks(piece).for_each(|c| check.take(c));
        check.finish()
    }

    #[test]
    fn a_whole_dump_is_known_in_pieces_of_any_size() {
        let dump = sample();
        for piece in 1..=dump.len() {
            let whole = checked(&dump, piece).unwrap();
            assert_eq!((whole.version, whole.checksum), (10, true));
            assert_eq!(whole.bytes, dump.len() as u64);
        }
        let mut none = dump.clone();
        let at = none.len() - 8;
        none[at..].fill(0);
        assert!(!checked(&none, 7).unwrap().checksum);
        assert_eq!(history(&dump), Some(("a".repeat(40), 1337)));
        assert_eq!(history(b"REDIS0010"), None);
    }

    #[test]
    fn a_dump_that_is_cut_or_changed_is_found_out() {
        let dump = sample();
        for end in 0..dump.len() {
            assert!(checked(&dump[..end], 5).is_err(), "{end}");
        }
        for at in 0..dump.len() {
            let mut changed = dump.clone();
            changed[at] ^= 0x10;
            // The digits of the version are not checked one by one, but the checksum covers them.
            assert!(checked(&changed, 5).is_err(), "{at}");
        }
    }

    #[test]
    fn both_framings_are_taken_off() {
        let dump = sample();
        let mark = "m".repeat(40);
        assert_eq!(Framing::parse("$EOF:short"), None);
        assert_eq!(Framing::parse("+OK"), None);
        for piece in [1, 3, 39, 40, 41, 1000] {
            let length = Framing::parse(&format!("${}", dump.len())).unwrap();
            let marked = Framing::parse(&format!("$EOF:{mark}")).unwrap();
            for (framing, after) in [(length, "*1\r\n$4\r\nPING\r\n"), (marked, mark.as_str())] {
                let mut unframed = Unframed::new(framing);
                let (mut got, mut ended) = (Vec::new(), false);
                let mut sent = dump.clone();
                sent.extend(after.bytes());
                for bytes in sent.chunks(piece) {
                    let (part, end) = unframed.take(bytes);
                    assert!(!ended || part.is_empty());
                    got.extend(part);
                    ended |= end;
                }
                assert!(ended);
                assert_eq!(got, dump, "pieces of {piece}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn nothing_that_is_sent_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), line in "\\PC{0,60}") {
            let _ = checked(&bytes, 7);
            let mut head = b"REDIS0010".to_vec();
            head.extend(&bytes);
            let _ = history(&head);
            let _ = Framing::parse(&line);
        }
    }
}
