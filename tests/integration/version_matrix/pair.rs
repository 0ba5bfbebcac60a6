//! One full copy from one program to another: whether it arrives, or else what both logs say.

use crate::support::server::{Family, LocalServer};
use crate::support::{RawRedis, Reply};
use std::time::{Duration, Instant};

/// No full copy of a few keys takes longer, however busy the machine is.
const LONGEST: Duration = Duration::from_secs(20);
/// A server that cannot load the copy asks for it again and again.
const ATTEMPTS: u64 = 3;

/// What the primary holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Strings, lists, sets, sorted sets, hashes, streams with a group, a `HyperLogLog`, times to
    /// live: what all of these servers have.
    Plain,
    /// One hash field with a time to live.
    FieldTtl,
    /// A function library.
    Function,
    /// A vector set.
    Vector,
}

impl Kind {
    /// Those that not every server has.
    pub const SPECIAL: [Self; 3] = [Self::FieldTtl, Self::Function, Self::Vector];

    /// Its name in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::FieldTtl => "field-ttl",
            Self::Function => "function",
            Self::Vector => "vector",
        }
    }
}

/// What became of it.
#[derive(Debug)]
pub enum Outcome {
    /// The link is up, and the data is equal.
    Loaded,
    /// The last words about it in the logs, each with whose it is.
    Refused(Vec<String>),
}

/// `redis-8.2` of a program that is Redis 8.2.3.
pub fn series_of(family: &Family) -> String {
    let version = version_of(family);
    version
        .rsplit_once('.')
        .map_or(version.clone(), |(series, _)| series.to_owned())
}

/// `redis-8.2.3`.
pub fn version_of(family: &Family) -> String {
    let ran = std::process::Command::new(&family.server)
        .arg("--version")
        .output();
    let text = String::from_utf8(ran.expect("a program").stdout).expect("text");
    let product = if text.starts_with("Valkey") {
        "valkey"
    } else {
        "redis"
    };
    let version = text
        .split("v=")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    format!("{product}-{}", version.expect("a version"))
}

/// Makes a full copy. `None`: the primary has no such data, or the replica no such directive.
pub fn full_copy(above: &Family, below: &Family, kind: Kind, relaxed: bool) -> Option<Outcome> {
    let primary = above.start(&[]);
    if !fill(&mut primary.client(), kind) {
        return None;
    }
    let replica = below.start(&[]);
    let mut client = replica.client();
    if relaxed
        && client
            .command(&["CONFIG", "SET", "rdb-version-check", "relaxed"])
            .failed()
    {
        return None;
    }
    let port = primary.port.to_string();
    assert!(!client.command(&["REPLICAOF", "127.0.0.1", &port]).failed());
    let end = Instant::now() + LONGEST;
    loop {
        // One that meets a kind of data it does not know ends itself.
        let Ok(info) = client.try_command(&["INFO", "replication"]) else {
            return Some(Outcome::Refused(words(&primary, &replica)));
        };
        if info.text().contains("master_link_status:up") {
            break;
        }
        let copies: u64 = primary.client().info("stats")["sync_full"].parse().unwrap();
        if copies >= ATTEMPTS || Instant::now() > end {
            return Some(Outcome::Refused(words(&primary, &replica)));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(
        client.command(&["DBSIZE"]),
        primary.client().command(&["DBSIZE"])
    );
    let same = contents(&mut primary.client()) == contents(&mut client);
    assert!(same, "{} to {}: the data differs", above.name, below.name);
    Some(Outcome::Loaded)
}

/// Puts it in; `false` where the server does not know of such a thing.
fn fill(client: &mut RawRedis, kind: Kind) -> bool {
    let words: &[&[&str]] = match kind {
        Kind::Plain => &[
            &["SET", "string", "1"],
            &["SET", "passing", "1", "EX", "10000"],
            &["RPUSH", "list", "a", "b", "3"],
            &["SADD", "set", "a", "b"],
            &["SADD", "numbers", "1", "2"],
            &["ZADD", "sorted", "1", "a", "2.5", "b"],
            &["HSET", "hash", "a", "1", "b", "2"],
            &["PFADD", "loglog", "a", "b"],
            &["XADD", "stream", "1-1", "a", "1"],
            &["XGROUP", "CREATE", "stream", "group", "0"],
            &[
                "XREADGROUP",
                "GROUP",
                "group",
                "me",
                "STREAMS",
                "stream",
                ">",
            ],
            &["GEOADD", "geo", "13.4", "52.5", "berlin"],
        ],
        Kind::FieldTtl => &[
            &["HSET", "hash", "a", "1", "b", "2"],
            &["HEXPIRE", "hash", "10000", "FIELDS", "1", "a"],
        ],
        Kind::Function => &[&[
            "FUNCTION",
            "LOAD",
            "#!lua name=lib\nredis.register_function('f', function() return 1 end)",
        ]],
        Kind::Vector => &[&["VADD", "vector", "VALUES", "2", "0.5", "0.25", "a"]],
    };
    words.iter().all(|words| match client.command(words) {
        Reply::Error(error) => {
            assert!(kind != Kind::Plain, "{words:?}: {error}");
            false
        }
        Reply::Simple(_) | Reply::Integer(_) | Reply::Bulk(_) | Reply::Array(_) => true,
    })
}

/// What can be asked of all servers in the same words.
fn contents(client: &mut RawRedis) -> Vec<Reply> {
    let ask: [&[&str]; 10] = [
        &["GET", "string"],
        &["LRANGE", "list", "0", "-1"],
        &["SCARD", "set"],
        &["SCARD", "numbers"],
        &["ZRANGE", "sorted", "0", "-1", "WITHSCORES"],
        &["HGET", "hash", "a"],
        &["PFCOUNT", "loglog"],
        &["XRANGE", "stream", "-", "+"],
        &["XPENDING", "stream", "group"],
        &["GEOHASH", "geo", "berlin"],
    ];
    ask.iter().map(|words| client.command(words)).collect()
}

/// The last warning in each log that is not about its start.
fn words(primary: &LocalServer, replica: &LocalServer) -> Vec<String> {
    let of = |whose: &str, server: &LocalServer| {
        let log = server.log();
        let about = |line: &&str| {
            let line = line.to_lowercase();
            ["rdb", "format", "sync", "loading", "child"]
                .iter()
                .any(|word| line.contains(word))
                && line.contains(" # ")
        };
        let mut all: Vec<String> = log
            .lines()
            .filter(about)
            .map(|line| {
                let message = line.split_once(" # ").map_or(line, |(_, message)| message);
                format!("{whose}: {message}")
            })
            .collect();
        all.dedup();
        let mut seen = Vec::new();
        for line in all {
            if !seen.contains(&line) && seen.len() < 6 {
                seen.push(line);
            }
        }
        if !server.is_alive() {
            seen.push(format!("{whose}: (it has ended itself)"));
        }
        seen
    };
    [of("primary", primary), of("replica", replica)].concat()
}
