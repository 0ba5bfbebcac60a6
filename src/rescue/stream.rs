//! The replication stream as a replica reads it: commands with their database, transactions kept
//! together. Pure.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that are read at once.
const AT_ONCE: usize = 64 << 10;
/// Most words that one command may have.
const MOST_WORDS: usize = 8 << 20;
/// Longest word of a command: what servers take by default (`proto-max-bulk-len`), bytes.
const LONGEST_WORD: usize = 512 << 20;
/// Places at which a SELECT is looked for before the fork.
const MOST_TRIES: usize = 64;
/// How a server writes the command that changes the database.
const SELECT: &[u8] = b"*2\r\n$6\r\nSELECT\r\n";

/// The channel of the Sentinels' hellos: each Sentinel sends one every two seconds through every
/// server that it watches.
const HELLOS: &[u8] = b"__sentinel__:hello";

/// One command: its words.
pub type Words<'a> = Vec<&'a [u8]>;

/// Bytes that can be read again and again: in memory, or in a file where they are many.
pub trait Bytes: fmt::Debug + Send + Sync {
    /// Reads from `at` on into `into`; gives how many bytes came, 0 at the end only.
    ///
    /// # Errors
    /// Why they cannot be read, in one phrase.
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, String>;
}

impl Bytes for Vec<u8> {
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, String> {
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
        let count = into.len().min(self.len() - at);
        into[..count].copy_from_slice(&self[at..at + count]);
        Ok(count)
    }
}

/// A command, or the commands of one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit {
    /// The database; `None` where it cannot be known.
    pub db: Option<u32>,
    /// They were a transaction.
    pub transaction: bool,
    /// How many commands it has.
    pub count: usize,
    wire: Vec<u8>,
}

impl Unit {
    /// The commands in the wire's form, without MULTI and EXEC.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The commands, without MULTI and EXEC.
    pub fn commands(&self) -> impl Iterator<Item = Words<'_>> {
        let (mut at, mut places) = (0, Vec::new());
        std::iter::from_fn(move || {
            // It was read once already.
            at = command(&self.wire, at, &mut places).ok()??;
            Some(places.iter().map(|p| &self.wire[p.clone()]).collect())
        })
    }

    fn push(&mut self, wire: &[u8]) {
        self.wire.extend_from_slice(wire);
        self.count += 1;
    }
}

/// A decoded piece of a stream, or several consecutive pieces. Its memory does not grow with its
/// length: each pass decodes the commands again.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    pieces: Vec<Piece>,
    /// How many units there are.
    pub units: usize,
    /// How many commands there are.
    pub commands: usize,
    /// Keep-alives of the replication itself, and greetings of Sentinels, which change no data.
    pub pings: u64,
    /// The database at its end, where it is known: the next piece begins there.
    pub db: Option<u32>,
}

/// Bytes that begin and end between two commands, and the database at their beginning.
#[derive(Debug, Clone)]
struct Piece {
    bytes: Arc<dyn Bytes>,
    db: Option<u32>,
}

impl Tail {
    /// A piece that begins and ends between two commands. `db` is the database at its beginning.
    ///
    /// # Errors
    /// What cannot be read, in one phrase.
    pub fn read(bytes: Arc<dyn Bytes>, db: Option<u32>) -> Result<Self, String> {
        let piece = Piece { bytes, db };
        let mut tail = Self::default();
        let mut units = Units::of(&piece);
        for unit in &mut units {
            tail.units += 1;
            tail.commands += unit?.count;
        }
        (tail.pings, tail.db) = (units.pings, units.db);
        tail.pieces.push(piece);
        Ok(tail)
    }

    /// Appends the piece that comes right after it.
    pub fn append(&mut self, next: Self) {
        self.pieces.extend(next.pieces);
        self.units += next.units;
        self.commands += next.commands;
        self.pings += next.pings;
        self.db = next.db;
    }

    /// All units in order.
    pub fn units(&self) -> impl Iterator<Item = Result<Unit, String>> {
        self.pieces.iter().flat_map(Units::of)
    }

    /// The units whose places `take` accepts.
    ///
    /// # Errors
    /// They cannot be read again.
    pub fn picked(&self, take: impl Fn(usize) -> bool) -> Result<Vec<Unit>, String> {
        let numbered = self.units().enumerate();
        numbered
            .filter(|(n, _)| take(*n))
            .map(|(_, unit)| unit)
            .collect()
    }
}

/// Goes through the units of a piece.
struct Units<'a> {
    bytes: &'a dyn Bytes,
    /// Where the next bytes are.
    next: u64,
    /// The read bytes. Those from `at` on are not decoded yet.
    held: Vec<u8>,
    at: usize,
    ended: bool,
    places: Vec<Range<usize>>,
    db: Option<u32>,
    pings: u64,
    open: Option<Unit>,
}

impl<'a> Units<'a> {
    fn of(piece: &'a Piece) -> Self {
        Self {
            bytes: &*piece.bytes,
            next: 0,
            held: Vec::new(),
            at: 0,
            ended: false,
            places: Vec::new(),
            db: piece.db,
            pings: 0,
            open: None,
        }
    }

    /// Reads as many bytes again as it holds. So a long command costs no more than twice its
    /// length.
    fn fill(&mut self) -> Result<(), String> {
        self.held.drain(..self.at);
        self.at = 0;
        let before = self.held.len();
        self.held.resize(before + before.max(AT_ONCE), 0);
        let count = self.bytes.read_at(self.next, &mut self.held[before..])?;
        self.held.truncate(before + count);
        self.next += count as u64;
        self.ended = count == 0;
        Ok(())
    }

    /// Where the next command is in `held`; its words are in `places`. `None` at the end.
    fn command(&mut self) -> Result<Option<Range<usize>>, String> {
        loop {
            while matches!(self.held.get(self.at), Some(b'\n' | b'\r')) {
                self.at += 1;
            }
            if let Some(end) = command(&self.held, self.at, &mut self.places)? {
                let whole = self.at..end;
                self.at = end;
                return Ok(Some(whole));
            }
            if self.ended {
                return if self.at == self.held.len() {
                    Ok(None)
                } else {
                    Err("the stream ends in the middle of a command".to_owned())
                };
            }
            self.fill()?;
        }
    }

    /// Takes one command in; gives the unit that ends with it.
    fn take(&mut self, whole: Range<usize>) -> Option<Unit> {
        let word = |n: usize| self.places.get(n).map(|p| &self.held[p.clone()]);
        let is = |n: usize, text: &[u8]| word(n).is_some_and(|w| w.eq_ignore_ascii_case(text));
        let greeting = is(0, b"PUBLISH") && word(1) == Some(HELLOS);
        if greeting || is(0, b"PING") || is(0, b"REPLCONF") {
            self.pings += 1;
        } else if is(0, b"SELECT") {
            self.db = selected(word(1));
        } else if is(0, b"MULTI") && self.open.is_none() {
            self.open = Some(Unit {
                db: self.db,
                transaction: true,
                ..Unit::default()
            });
        } else if is(0, b"EXEC") {
            return self.open.take().filter(|unit| unit.count > 0);
        } else if let Some(unit) = &mut self.open {
            // A transaction over several databases is not split. Its database counts as unknown.
            let one = unit.count == 0 || unit.db == self.db;
            unit.db = self.db.filter(|_| one);
            unit.push(&self.held[whole]);
        } else {
            let mut unit = Unit {
                db: self.db,
                ..Unit::default()
            };
            unit.push(&self.held[whole]);
            return Some(unit);
        }
        None
    }
}

impl Iterator for Units<'_> {
    type Item = Result<Unit, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.command() {
                Ok(Some(whole)) => {
                    if let Some(unit) = self.take(whole) {
                        return Some(Ok(unit));
                    }
                }
                // The end of this transaction was not read. The unit is returned, and its database
                // is not trusted.
                Ok(None) => {
                    let open = self.open.take().filter(|unit| unit.count > 0);
                    return open.map(|unit| Ok(Unit { db: None, ..unit }));
                }
                Err(why) => {
                    // There is nothing after it.
                    (self.ended, self.at, self.open) = (true, self.held.len(), None);
                    return Some(Err(why));
                }
            }
        }
    }
}

/// The database at the end of `before`, a piece that may begin inside a command and ends between
/// two. A SELECT counts only if the commands from there on end exactly at the end of the piece.
/// Text inside a value may look like a SELECT, but the rest of that value follows it.
pub fn database_before(before: &[u8]) -> Option<u32> {
    let places = (0..before.len().saturating_sub(SELECT.len()))
        .rev()
        .filter(|at| before[*at..].starts_with(SELECT));
    let mut words = Vec::new();
    for at in places.take(MOST_TRIES) {
        let (mut next, mut db, mut clean) = (at, None, true);
        while next < before.len() {
            let Ok(Some(end)) = command(before, next, &mut words) else {
                clean = false;
                break;
            };
            let word = |n: usize| words.get(n).map(|place| &before[place.clone()]);
            if word(0).is_some_and(|w| w.eq_ignore_ascii_case(b"SELECT")) {
                db = selected(word(1));
            }
            next = end;
        }
        if clean {
            return db;
        }
    }
    None
}

fn selected(word: Option<&[u8]>) -> Option<u32> {
    std::str::from_utf8(word?).ok()?.parse().ok()
}

/// Where the command that begins at `at` ends, with the places of its words in `words`; `None`
/// where the bytes end before it does.
fn command(
    bytes: &[u8],
    at: usize,
    words: &mut Vec<Range<usize>>,
) -> Result<Option<usize>, String> {
    words.clear();
    let Some((count, mut at)) = number(bytes, at, b'*', MOST_WORDS)? else {
        return Ok(None);
    };
    for _ in 0..count {
        let Some((length, begin)) = number(bytes, at, b'$', LONGEST_WORD)? else {
            return Ok(None);
        };
        let end = begin + length;
        match bytes.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err("a word of a command does not end where it should".to_owned()),
            None => return Ok(None),
        }
        words.push(begin..end);
        at = end + 2;
    }
    Ok(Some(at))
}

/// A line such as `*3` or `$12`, and where the next one begins.
fn number(
    bytes: &[u8],
    at: usize,
    mark: u8,
    most: usize,
) -> Result<Option<(usize, usize)>, String> {
    let wrong = || "the stream is not at the beginning of a command".to_owned();
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first() {
        None => return Ok(None),
        Some(first) if *first == mark => {}
        Some(_) => return Err(wrong()),
    }
    let line = &rest[..rest.len().min(16)];
    let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") else {
        return if rest.len() < 16 {
            Ok(None)
        } else {
            Err(wrong())
        };
    };
    let digits = std::str::from_utf8(&line[1..end]).map_err(|_| wrong())?;
    let value: usize = digits.parse().map_err(|_| wrong())?;
    if value > most {
        return Err(wrong());
    }
    Ok(Some((value, at + end + 2)))
}
