//! How long a claim delays a server with as many clients as this machine's descriptors allow, up to
//! 19,000. Measured by the server's own SLOWLOG, command by command, and by a connection that sends
//! a PING each millisecond. Runs on a server of each kind; `make bench-claim` has every family.
//!
//! The operations: a `move` claims every node and asks the primary for nothing else that takes
//! long. A `promote` also counts the old primary's clients; it lists none there, and says so.
//! `replctl clients` lists a quarter of the clients, then all; the time per client must not grow.
//! `make bench-claim` runs this in release mode.

#![allow(clippy::unwrap_used)]

use crate::support::figure;
use crate::support::program::Replctl;
use crate::support::redis::{RawRedis, Reply};
use crate::support::rotation::some_families;
use crate::support::server::Family;
use crate::support::trio::{BACKLOG, NAMES, Trio};
use std::fmt::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The wanted number of clients.
const CLIENTS: usize = 19_000;
/// Descriptors that this process and the servers need for other things.
const OTHERS: usize = 900;
/// The limit for one command of a claim, ms, if a bare client's same command shows a machine of
/// usual speed.
const LIMIT_MS: f64 = 5.0;
/// The limit on a slower machine, as a multiple of the bare client's longest command.
const TIMES: f64 = 3.0;
/// How often the bare client asks.
const BARE: usize = 10;
/// The name of the bare client.
const BARE_NAME: &str = "bare";
/// The prefix of claim connections' names. Names of other connections of replctl have no colon.
const CLAIM: &str = "replctl:";

/// The beginning of a command that lists all clients.
const LIST: &str = "CLIENT LIST TYPE normal";

/// The most that a list of all clients may take per client, compared with a list of a quarter of
/// them. Above that, the time grows faster than the number.
const GROWTH: f64 = 1.6;

/// How long an operation may take, beside so many clients.
const LONG: Duration = Duration::from_mins(2);

#[test]
fn a_claim_blocks_no_server_for_long() {
    let clients = CLIENTS.min(descriptors().saturating_sub(OTHERS));
    let mut table = format!(
        "claims beside {clients} idle clients of the primary; ms: the longest gap of a PING each ms, the longest command of replctl there, and of a bare client that asks what a claim asks\n{:<11} {:>7} {:>7}  {:>7} {:>7} {:<26}  {:>7} {:>7} {:<26}  clients lists\n",
        "server",
        "idle",
        "bare",
        "move",
        "longest",
        "of move, which claims",
        "promote",
        "longest",
        "of promote"
    );
    let mut wrong = Vec::new();
    for family in some_families() {
        let mut round = measured(family, clients);
        // By the clock on the wall: another process may have had the server's core.
        for _ in 0..2 {
            if round.cost_too_much().is_some() {
                round = measured(family, clients);
            }
        }
        let _ = writeln!(table, "{:<11} {}", family.name, round.text());
        if let Some(why) = round.cost_too_much() {
            wrong.push(format!("{}: {why}", family.name));
        }
        if !round.moving.claimed {
            wrong.push(format!("{}: no claim was seen", family.name));
        }
    }
    figure(&table);
    assert!(wrong.is_empty(), "{wrong:?}\n{table}");
}

/// A command, by the server's own clock.
struct Command {
    name: String,
    ms: f64,
    words: String,
}

/// The cost of one operation on the primary.
struct Cost {
    gap_ms: f64,
    longest: Command,
    claimed: bool,
    /// It had all clients listed.
    listed: bool,
    /// What it printed.
    said: String,
}

struct Round {
    idle_ms: f64,
    /// The cost of `replctl clients`, for a quarter of the clients and for all.
    lists: [List; 2],
    /// The longest command of the bare client.
    bare_ms: f64,
    moving: Cost,
    promoting: Cost,
}

/// A list of all clients of a server, as an operator asks for it.
struct List {
    clients: usize,
    seconds: f64,
}

impl List {
    /// The quickest of three.
    fn of(operator: &Replctl<'_>, clients: usize) -> Self {
        let times = (0..3).map(|_| {
            let ran = operator.run_within(LONG, &["clients", NAMES[0]]).ok();
            let of_all = ran.stdout.lines().find(|l| l.starts_with(NAMES[0]));
            assert!(
                of_all.is_some_and(|l| l.contains(&clients.to_string())),
                "{ran}"
            );
            ran.took.as_secs_f64()
        });
        Self {
            clients,
            seconds: times.fold(f64::INFINITY, f64::min),
        }
    }

    fn text(&self) -> String {
        format!("{:.0} ms of {}", self.seconds * 1e3, self.clients)
    }
}

impl Round {
    /// The cost per client among all, compared with that among a quarter.
    fn growth(&self) -> f64 {
        let [few, all] = &self.lists;
        let each = |list: &List| list.seconds / f64::from(u32::try_from(list.clients).unwrap());
        each(all) / each(few)
    }

    /// The longest command of both.
    fn longest(&self) -> &Command {
        let (one, other) = (&self.moving.longest, &self.promoting.longest);
        if one.ms > other.ms { one } else { other }
    }

    fn cost_too_much(&self) -> Option<String> {
        let Command { ms, words, .. } = self.longest();
        if *ms > LIMIT_MS.max(TIMES * self.bare_ms) {
            return Some(format!("`{words}` took {ms:.1} ms"));
        }
        let [few, all] = &self.lists;
        // Beside few clients the start of the program is most of what is measured.
        (all.clients > 1_000 && self.growth() > GROWTH).then(|| {
            format!(
                "a client takes {:.1} times as long in a longer list: {}, {}",
                self.growth(),
                few.text(),
                all.text()
            )
        })
    }

    fn text(&self) -> String {
        let (one, other) = (&self.moving, &self.promoting);
        format!(
            "{:>7.1} {:>7.2}  {:>7.1} {:>7.2} {:<26}  {:>7.1} {:>7.2} {:<26}  {}, {}",
            self.idle_ms,
            self.bare_ms,
            one.gap_ms,
            one.longest.ms,
            one.longest.words,
            other.gap_ms,
            other.longest.ms,
            other.longest.words,
            self.lists[0].text(),
            self.lists[1].text()
        )
    }
}

fn measured(family: &Family, clients: usize) -> Round {
    let limit = format!("maxclients {}", clients + 400);
    let log = "slowlog-max-len 100000";
    let trio = Trio::start(family, &[BACKLOG, &limit, "tcp-backlog 4000", log]);
    let operator = trio.operator();
    let mut idle = Vec::new();
    let lists = [clients / 4, clients].map(|many| {
        more_clients(&trio, &mut idle, many);
        List::of(&operator, many)
    });
    let words = ["CONFIG", "SET", "slowlog-log-slower-than", "0"];
    trio.servers[0].client().command(&words);
    let (idle_ms, ()) = longest_gap(&trio, || std::thread::sleep(Duration::from_millis(500)));
    let run = |words: &[&str]| {
        trio.servers[0].client().command(&["SLOWLOG", "RESET"]);
        let (gap_ms, ran) = longest_gap(&trio, || operator.run_within(LONG, words));
        let said = ran.ok().stdout;
        let asked = asked(&mut trio.servers[0].client(), "replctl");
        let claimed = asked.iter().any(|c| c.name.starts_with(CLAIM));
        let listed = asked.iter().any(|c| c.words.starts_with(LIST));
        let longest = asked.into_iter().max_by(|a, b| a.ms.total_cmp(&b.ms));
        Cost {
            gap_ms,
            claimed,
            listed,
            said,
            longest: longest.unwrap(),
        }
    };
    let bare_ms = bare(&trio);
    let moving = run(&["move", NAMES[2], "--under", NAMES[1], "--yes"]);
    let promoting = run(&["promote", NAMES[1], "--yes"]);
    if clients > 1_000 {
        let said = &promoting.said;
        assert!(
            !promoting.listed && said.contains("too many to list"),
            "{said}"
        );
        assert!(said.contains("replctl clients master"), "{said}");
    }
    drop(idle);
    Round {
        idle_ms,
        lists,
        bare_ms,
        moving,
        promoting,
    }
}

/// Connects until there are that many, and the primary knows them.
fn more_clients(trio: &Trio, idle: &mut Vec<TcpStream>, many: usize) {
    let address = trio.servers[0].address();
    idle.resize_with(many, || TcpStream::connect(address).unwrap());
    crate::support::await_that("all clients to be known", Duration::from_secs(30), || {
        let info = trio.servers[0].client().info("clients");
        info["connected_clients"].parse::<usize>().unwrap() >= many
    });
}

/// The longest of a claim's commands, sent by a client that is not replctl, ms.
fn bare(trio: &Trio) -> f64 {
    let mut client = trio.servers[0].client();
    client.command(&["CLIENT", "SETNAME", BARE_NAME]);
    for _ in 0..BARE {
        client.command(&["CLIENT", "LIST", "TYPE", "pubsub"]);
    }
    let asked = asked(&mut client, BARE_NAME);
    assert!(asked.len() >= BARE, "the server's log of commands");
    asked.iter().map(|c| c.ms).fold(0.0, f64::max)
}

/// The commands that a server got from connections with this prefix in their names.
fn asked(client: &mut RawRedis, called: &str) -> Vec<Command> {
    let entries = client.command(&["SLOWLOG", "GET", "100000"]).items();
    let read = entries.into_iter().filter_map(|entry| {
        let fields = entry.items();
        let Reply::Integer(us) = fields[2] else {
            return None;
        };
        let name = fields[5].text();
        let words: Vec<String> = fields[3].clone().items().iter().map(Reply::text).collect();
        name.starts_with(called).then(|| Command {
            name,
            ms: Duration::from_micros(us.unsigned_abs()).as_secs_f64() * 1e3,
            words: words.join(" ").chars().take(26).collect(),
        })
    });
    read.collect()
}

/// Runs `work`. Returns the longest time that the primary took to answer a PING meanwhile, with one
/// PING each millisecond, ms.
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

/// The number of files that this process and each of its servers may open, raised as far as
/// possible.
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
