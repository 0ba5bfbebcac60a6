//! The replication stream as a replica reads it: commands with their database, transactions kept together. Pure.

/// Most words of one command that are believed.
const MOST_WORDS: usize = 8 << 20;
/// Longest word of a command: what servers take by default (`proto-max-bulk-len`), bytes.
const LONGEST_WORD: usize = 512 << 20;
/// Places at which a SELECT is looked for before the fork.
const MOST_TRIES: usize = 64;
/// How a server writes the command that changes the database.
const SELECT: &[u8] = b"*2\r\n$6\r\nSELECT\r\n";

/// The channel on which Sentinels greet each other, every two seconds each, through every server they watch.
const HELLOS: &[u8] = b"__sentinel__:hello";

/// One command: its words.
pub type Words = Vec<Vec<u8>>;

/// A command, or the commands of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The database; `None` where it cannot be known.
    pub db: Option<u32>,
    /// The commands, without MULTI and EXEC.
    pub commands: Vec<Words>,
    /// It was a transaction.
    pub transaction: bool,
}

/// A decoded piece of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tail {
    /// In order.
    pub units: Vec<Unit>,
    /// Keep-alives of the replication itself, and greetings of Sentinels, which change no data.
    pub pings: u64,
    /// The database at its end, where it is known: the next piece begins there.
    pub db: Option<u32>,
}

impl Tail {
    /// Appends the piece that comes right after it.
    pub fn append(&mut self, next: Self) {
        self.units.extend(next.units);
        self.pings += next.pings;
        self.db = next.db;
    }

    /// How many commands there are.
    pub fn commands(&self) -> usize {
        self.units.iter().map(|unit| unit.commands.len()).sum()
    }
}

/// Decodes a piece that begins and ends between two commands. `db` is the database at its beginning.
///
/// # Errors
/// What cannot be read, in one phrase.
pub fn decode(bytes: &[u8], mut db: Option<u32>) -> Result<Tail, String> {
    let mut tail = Tail::default();
    let mut open: Option<Unit> = None;
    let mut at = 0;
    while at < bytes.len() {
        if matches!(bytes[at], b'\n' | b'\r') {
            at += 1;
            continue;
        }
        let (words, next) =
            command(bytes, at)?.ok_or("the stream ends in the middle of a command")?;
        at = next;
        let name = words
            .first()
            .map(|w| w.to_ascii_uppercase())
            .unwrap_or_default();
        match name.as_slice() {
            b"PING" | b"REPLCONF" => tail.pings += 1,
            b"PUBLISH" if words.get(1).is_some_and(|w| w == HELLOS) => tail.pings += 1,
            b"SELECT" => db = selected(&words),
            b"MULTI" if open.is_none() => {
                open = Some(Unit {
                    db,
                    commands: Vec::new(),
                    transaction: true,
                });
            }
            b"EXEC" => tail.units.extend(open.take()),
            _ => match &mut open {
                Some(unit) if unit.commands.is_empty() || unit.db == db => {
                    unit.db = db;
                    unit.commands.push(words);
                }
                // A transaction over several databases is not taken apart: nobody knows where it would end up.
                Some(unit) => {
                    unit.db = None;
                    unit.commands.push(words);
                }
                None => tail.units.push(Unit {
                    db,
                    commands: vec![words],
                    transaction: false,
                }),
            },
        }
    }
    // A transaction whose end was not read: it is told, and its database is not trusted.
    if let Some(mut unit) = open {
        unit.db = None;
        tail.units.push(unit);
    }
    tail.units.retain(|unit| !unit.commands.is_empty());
    tail.db = db;
    Ok(tail)
}

/// The database at the end of `before`, a piece that may begin in the middle of a command and ends between two. A SELECT counts only where the
/// commands from it on end exactly at the end: text inside a value that looks like one is followed by that value's own end.
pub fn database_before(before: &[u8]) -> Option<u32> {
    let places = (0..before.len().saturating_sub(SELECT.len()))
        .rev()
        .filter(|at| before[*at..].starts_with(SELECT));
    for at in places.take(MOST_TRIES) {
        let (mut next, mut db, mut clean) = (at, None, true);
        while next < before.len() {
            let Ok(Some((words, end))) = command(before, next) else {
                clean = false;
                break;
            };
            if words
                .first()
                .is_some_and(|w| w.eq_ignore_ascii_case(b"SELECT"))
            {
                db = selected(&words);
            }
            next = end;
        }
        if clean {
            return db;
        }
    }
    None
}

fn selected(words: &Words) -> Option<u32> {
    std::str::from_utf8(words.get(1)?).ok()?.parse().ok()
}

/// The command that begins at `at`, and where it ends; `None` where the bytes end before it does.
fn command(bytes: &[u8], at: usize) -> Result<Option<(Words, usize)>, String> {
    let Some((count, mut at)) = number(bytes, at, b'*', MOST_WORDS)? else {
        return Ok(None);
    };
    let mut words = Vec::new();
    for _ in 0..count {
        let Some((length, begin)) = number(bytes, at, b'$', LONGEST_WORD)? else {
            return Ok(None);
        };
        let end = begin + length;
        let Some(word) = bytes.get(begin..end) else {
            return Ok(None);
        };
        match bytes.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err("a word of a command does not end where it should".to_owned()),
            None => return Ok(None),
        }
        words.push(word.to_vec());
        at = end + 2;
    }
    Ok(Some((words, at)))
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
