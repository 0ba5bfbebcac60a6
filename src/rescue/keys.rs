//! Which keys a command of the replication stream touches. Pure.
//!
//! The stream holds effects: scripts and blocking commands arrive as the plain writes they made. A
//! command that is not listed here may touch any key.

/// What a command touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touches<'a> {
    /// These keys of its database, read or written, and no others.
    Keys(Vec<&'a [u8]>),
    /// No key: a message, a script, a function.
    None,
    /// Any key.
    Anything,
}

/// Commands whose only key is their first argument.
const FIRST: &[&str] = &[
    "APPEND",
    "BITFIELD",
    "DECR",
    "DECRBY",
    "EXPIRE",
    "EXPIREAT",
    "GEOADD",
    "GETDEL",
    "GETEX",
    "GETSET",
    "HDEL",
    "HEXPIRE",
    "HEXPIREAT",
    "HGETDEL",
    "HGETEX",
    "HINCRBY",
    "HINCRBYFLOAT",
    "HMSET",
    "HPERSIST",
    "HPEXPIRE",
    "HPEXPIREAT",
    "HSET",
    "HSETEX",
    "HSETNX",
    "INCR",
    "INCRBY",
    "INCRBYFLOAT",
    "LINSERT",
    "LPOP",
    "LPUSH",
    "LPUSHX",
    "LREM",
    "LSET",
    "LTRIM",
    "PERSIST",
    "PEXPIRE",
    "PEXPIREAT",
    "PFADD",
    "PSETEX",
    "RESTORE",
    "RPOP",
    "RPUSH",
    "RPUSHX",
    "SADD",
    "SET",
    "SETBIT",
    "SETEX",
    "SETNX",
    "SETRANGE",
    "SPOP",
    "SREM",
    "XACK",
    "XADD",
    "XAUTOCLAIM",
    "XCLAIM",
    "XDEL",
    "XSETID",
    "XTRIM",
    "ZADD",
    "ZINCRBY",
    "ZPOPMAX",
    "ZPOPMIN",
    "ZREM",
    "ZREMRANGEBYLEX",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
];
/// Commands whose first two arguments are their keys.
const TWO: &[&str] = &[
    "RENAME",
    "RENAMENX",
    "RPOPLPUSH",
    "LMOVE",
    "SMOVE",
    "ZRANGESTORE",
    "GEOSEARCHSTORE",
];
/// Commands whose arguments are all keys.
const ALL: &[&str] = &[
    "DEL",
    "UNLINK",
    "PFMERGE",
    "SINTERSTORE",
    "SUNIONSTORE",
    "SDIFFSTORE",
    "TOUCH",
];
/// Commands that touch no key.
const NONE: &[&str] = &["PUBLISH", "SPUBLISH", "SCRIPT", "FUNCTION"];

/// The keys of a command.
pub fn touches<'a>(words: &[&'a [u8]]) -> Touches<'a> {
    let Some((name, arguments)) = words.split_first() else {
        return Touches::None;
    };
    let is = |list: &[&str]| {
        let mut known = list.iter().map(|known| known.as_bytes());
        known.any(|known| known.eq_ignore_ascii_case(name))
    };
    let take = |skip: usize, step: usize, most: usize| {
        let some = arguments.iter().skip(skip).step_by(step);
        let keys: Vec<&[u8]> = some.take(most).copied().collect();
        if keys.is_empty() {
            Touches::Anything
        } else {
            Touches::Keys(keys)
        }
    };
    if is(FIRST) {
        take(0, 1, 1)
    } else if is(TWO) {
        take(0, 1, 2)
    } else if is(ALL) {
        take(0, 1, usize::MAX)
    } else if is(&["MSET", "MSETNX"]) {
        take(0, 2, usize::MAX)
    } else if is(&["XGROUP", "BITOP"]) {
        // XGROUP CREATE key …, BITOP AND to from …
        take(1, 1, if is(&["XGROUP"]) { 1 } else { usize::MAX })
    } else if is(&["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"]) {
        counted(arguments)
    } else if is(&["COPY"]) && arguments.len() <= 3 && !names_db(arguments) {
        take(0, 1, 2)
    } else if is(NONE) {
        Touches::None
    } else {
        Touches::Anything
    }
}

/// `COPY a b DB n` reaches into another database.
fn names_db(arguments: &[&[u8]]) -> bool {
    arguments
        .iter()
        .skip(2)
        .any(|w| w.eq_ignore_ascii_case(b"DB"))
}

/// `to count from from …`
fn counted<'a>(arguments: &[&'a [u8]]) -> Touches<'a> {
    let count = arguments
        .get(1)
        .and_then(|w| std::str::from_utf8(w).ok()?.parse::<usize>().ok());
    let (Some(to), Some(count)) = (arguments.first(), count) else {
        return Touches::Anything;
    };
    let from = arguments.iter().skip(2).take(count);
    Touches::Keys(std::iter::once(to).chain(from).copied().collect())
}
