//! How long a claim holds up a server that has as many clients as this machine's descriptors allow, up to 19,000: by the server's
//! own SLOWLOG, command by command, and by a connection that sends a PING each millisecond. On every server family that can be had.
//!
//! Everything else that `promote` asks such a server is shown beside it. `make bench-claim` runs it in release mode.

#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::figure;
use support::redis::{RawRedis, Reply};
use support::server::{Family, families};
use support::trio::{BACKLOG, NAMES, Trio};

/// As many clients as are wanted.
const CLIENTS: usize = 19_000;
/// Descriptors that this process and the servers need for other things.
const OTHERS: usize = 900;
/// What one command of a claim may take, ms.
const LIMIT_MS: f64 = 5.0;
/// How the connections of claims are called; other connections of replctl have no colon in their name.
const CLAIM: &str = "replctl:";

#[test]
fn a_claim_blocks_no_server_for_long() {
    let clients = CLIENTS.min(descriptors().saturating_sub(OTHERS));
    let mut table = format!(
        "one promotion of a primary with {clients} idle clients; ms; longest gap of a PING each ms, before and while it runs\n"
    );
    let _ = writeln!(
        table,
        "{:<11} {:>7} {:>7}  {:>7} {:<36}  {:>7} others",
        "server", "before", "while", "claim", "its longest command", "other"
    );
    let mut wrong = Vec::new();
    for family in families() {
        let round = round(family, clients);
        let _ = writeln!(table, "{:<11} {}", family.name, round.text());
        match &round.claim {
            None => wrong.push(format!("{}: no claim was seen", family.name)),
            Some(longest) if longest.ms > LIMIT_MS => {
                let Longest { ms, command } = longest;
                wrong.push(format!("{}: `{command}` took {ms:.1} ms", family.name));
            }
            Some(_) => {}
        }
    }
    figure(&table);
    assert!(wrong.is_empty(), "{wrong:?}\n{table}");
}

/// A command, by the server's own clock.
struct Longest {
    ms: f64,
    command: String,
}

struct Round {
    before_ms: f64,
    while_ms: f64,
    claim: Option<Longest>,
    other: Option<Longest>,
}

impl Round {
    fn text(&self) -> String {
        let part = |longest: &Option<Longest>| match longest {
            Some(Longest { ms, command }) => (format!("{ms:.2}"), command.clone()),
            None => ("-".to_owned(), "none was seen".to_owned()),
        };
        let ((claim, its), (other, others)) = (part(&self.claim), part(&self.other));
        format!(
            "{:>7.1} {:>7.1}  {claim:>7} {its:<36}  {other:>7} {others}",
            self.before_ms, self.while_ms
        )
    }
}

fn round(family: &Family, clients: usize) -> Round {
    let limit = format!("maxclients {}", clients + 400);
    let directives = [
        BACKLOG,
        &limit,
        "tcp-backlog 4000",
        "slowlog-max-len 100000",
    ];
    let trio = Trio::start(family, &directives);
    let idle: Vec<TcpStream> = (0..clients)
        .map(|_| TcpStream::connect(trio.servers[0].address()).unwrap())
        .collect();
    support::await_that("all clients to be known", Duration::from_secs(30), || {
        let info = trio.servers[0].client().info("clients");
        info["connected_clients"].parse::<usize>().unwrap() >= clients
    });
    for server in &trio.servers {
        let words = ["CONFIG", "SET", "slowlog-log-slower-than", "0"];
        server.client().command(&words);
    }
    let operator = trio.operator();
    let (before_ms, ()) = longest_gap(&trio, || std::thread::sleep(Duration::from_millis(500)));
    let (while_ms, ran) = longest_gap(&trio, || {
        operator.run_within(Duration::from_mins(2), &["promote", NAMES[1], "--yes"])
    });
    ran.ok();
    let commands = trio.servers.iter().flat_map(|s| asked(&mut s.client()));
    let (claims, others): (Vec<_>, Vec<_>) =
        commands.partition(|(name, _)| name.starts_with(CLAIM));
    drop(idle);
    let longest = |all: Vec<(String, Longest)>| {
        let all = all.into_iter().map(|(_, command)| command);
        all.max_by(|a, b| a.ms.total_cmp(&b.ms))
    };
    Round {
        before_ms,
        while_ms,
        claim: longest(claims),
        other: longest(others),
    }
}

/// What connections of replctl asked a server, each with the name of its connection.
fn asked(client: &mut RawRedis) -> Vec<(String, Longest)> {
    let entries = client.command(&["SLOWLOG", "GET", "100000"]).items();
    let read = entries.into_iter().filter_map(|entry| {
        let fields = entry.items();
        let Reply::Integer(us) = fields[2] else {
            return None;
        };
        let name = fields[5].text();
        let words: Vec<String> = fields[3].clone().items().iter().map(Reply::text).collect();
        let ms = std::time::Duration::from_micros(us.unsigned_abs()).as_secs_f64() * 1e3;
        let command = words.join(" ").chars().take(36).collect();
        name.starts_with("replctl")
            .then_some((name, Longest { ms, command }))
    });
    read.collect()
}

/// Does it, and gives the longest time that the primary took to answer a PING meanwhile, one being sent each millisecond, ms.
fn longest_gap<T>(trio: &Trio, work: impl FnOnce() -> T) -> (f64, T) {
    let ended = AtomicBool::new(false);
    let mut client = trio.servers[0].client();
    std::thread::scope(|scope| {
        let pings = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !ended.load(Ordering::Relaxed) {
                let begun = Instant::now();
                client.command(&["PING"]);
                longest = longest.max(begun.elapsed());
                std::thread::sleep(Duration::from_millis(1));
            }
            longest.as_secs_f64() * 1e3
        });
        let done = work();
        ended.store(true, Ordering::Relaxed);
        (pings.join().unwrap(), done)
    })
}

/// How many files this process, and each server that it starts, may have open; as many as it may be given.
fn descriptors() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls get a whole `rlimit` of ours.
    #[allow(unsafe_code)]
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        // More than the hard limit is for those who may.
        let more = libc::rlimit {
            rlim_cur: 24_000,
            rlim_max: limit.rlim_max.max(24_000),
        };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const more) != 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
    }
    usize::try_from(limit.rlim_cur).unwrap_or(CLIENTS + OTHERS)
}
