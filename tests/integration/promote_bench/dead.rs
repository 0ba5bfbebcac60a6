//! The primary is gone: how soon clients can write again after `promote` was typed. For comparison,
//! the time that three Sentinels need to notice it themselves.

use super::{median, rounds};
use crate::support::figure;
use crate::support::sentinel::{LocalSentinel, three};
use crate::support::server::{Family, LocalServer, families};
use crate::support::trio::{BACKLOG, NAMES, Trio};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Rounds, where `REPLCTL_BENCH_ROUNDS` does not say more.
const ROUNDS: usize = 1;
/// After this time without an answer a Sentinel takes the primary for down, ms. Its own default is
/// 30,000.
const DOWN_AFTER_MS: u32 = 5_000;
/// How long `replctl` waits for a server that says nothing, ms.
const TIME_OUT_MS: f64 = 2_000.0;
/// The time until a write is accepted, ms; and the time from then until all are in sync.
const WRITE_MS: f64 = 300.0;
/// How long replctl asks, beyond that time-out, whether a silent server is back, ms: it waits
/// 250 ms for an answer, and opens its connections again before that.
const BACK_MS: f64 = 300.0;
const SYNC_MS: f64 = 1_000.0;
/// The same on a machine that does other things beside.
const BUSY_MS: f64 = 5_000.0;

/// How the primary fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// Its port refuses connections.
    Killed,
    /// Its port takes connections, and nobody answers.
    Frozen,
}

/// The times of recovery, ms after the command began or, for Sentinels, after the primary failed.
struct Again {
    written: f64,
    in_sync: f64,
}

impl Death {
    fn strike(self, server: &LocalServer) {
        match self {
            Self::Killed => server.kill9(),
            Self::Frozen => server.pause(),
        }
    }
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// A client that reconnects after a disconnect: Sentinels disconnect the clients of servers that
/// they change.
fn ask(server: &LocalServer, words: &[&str]) -> Option<String> {
    let mut client = server.connect(Duration::from_secs(1)).ok()?;
    Some(client.try_command(words).ok()?.text())
}

/// Writes to the replicas until one of them takes it, and waits until the other one follows it.
fn watch(trio: &Trio, begun: Instant) -> Again {
    let end = begun + Duration::from_mins(1);
    let replicas = &trio.servers[1..];
    let new = loop {
        let takes = |s: &LocalServer| ask(s, &["SET", "after", "death"]).is_some_and(|r| r == "OK");
        if let Some(new) = replicas.iter().position(takes) {
            break new;
        }
        assert!(Instant::now() < end, "nobody takes writes");
        std::thread::sleep(Duration::from_millis(2));
    };
    let written = ms(begun);
    let port = format!("master_port:{}\r", replicas[new].port);
    loop {
        let info = ask(&replicas[1 - new], &["INFO", "replication"]).unwrap_or_default();
        if info.contains(&port) && info.contains("master_link_status:up") {
            break;
        }
        assert!(Instant::now() < end, "the other one does not follow");
        std::thread::sleep(Duration::from_millis(5));
    }
    Again {
        written,
        in_sync: ms(begun),
    }
}

fn by_replctl(family: &Family, death: Death) -> Again {
    let trio = Trio::start(family, &[BACKLOG]);
    let operator = trio.operator();
    death.strike(&trio.servers[0]);
    let begun = Instant::now();
    // Its host cannot be asked here whether it is really gone.
    let running = operator.start(&["promote", NAMES[1], "--yes", "--accept-split-brain"]);
    let again = watch(&trio, begun);
    running.wait(Duration::from_mins(1)).ok();
    again
}

fn by_sentinel(family: &Family, death: Death) -> Again {
    let trio = Trio::start(family, &[BACKLOG]);
    let _sentinels: Vec<LocalSentinel> = three(family, trio.servers[0].port, DOWN_AFTER_MS, None);
    death.strike(&trio.servers[0]);
    watch(&trio, Instant::now())
}

fn spread(all: &[Again], of: impl Fn(&Again) -> f64) -> (f64, String) {
    let mut values: Vec<f64> = all.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let (first, last) = (values[0], values[values.len() - 1]);
    let middle = median(&values);
    (middle, format!("{first:.0}/{middle:.0}/{last:.0}"))
}

#[test]
fn a_dead_primary_is_replaced_within_a_time_out() {
    let asked = std::env::var_os("REPLCTL_BENCH_ROUNDS").is_some();
    let mut table = format!(
        "the primary is gone; ms: min/median/max, after `promote` was begun; of Sentinels (down-after {DOWN_AFTER_MS} ms), after it had gone\n{:<12} {:<7} {:<9} {:>6}  {:>20}  {:>20}\n",
        "server", "death", "by", "rounds", "a write is taken", "all in sync"
    );
    let most = if asked { usize::MAX } else { 1 };
    for family in families().iter().take(most) {
        for death in [Death::Killed, Death::Frozen] {
            let count = rounds(ROUNDS);
            let all: Vec<Again> = (0..count).map(|_| by_replctl(family, death)).collect();
            let (written, writes) = spread(&all, |a| a.written);
            let (later, _) = spread(&all, |a| a.in_sync - a.written);
            let (_, syncs) = spread(&all, |a| a.in_sync);
            let mut row = |by: &str, count: usize, writes: &str, syncs: &str| {
                let death = format!("{death:?}");
                let _ = writeln!(
                    table,
                    "{:<12} {death:<7} {by:<9} {count:>6}  {writes:>20}  {syncs:>20}",
                    family.name
                );
            };
            row("replctl", count, &writes, &syncs);
            if asked {
                let theirs: Vec<Again> = (0..count.min(3))
                    .map(|_| by_sentinel(family, death))
                    .collect();
                let (_, writes) = spread(&theirs, |a| a.written);
                let (_, syncs) = spread(&theirs, |a| a.in_sync);
                row("Sentinel", theirs.len(), &writes, &syncs);
            }
            let waits = if death == Death::Frozen {
                TIME_OUT_MS + BACK_MS
            } else {
                0.0
            };
            let more = if asked { 0.0 } else { BUSY_MS };
            assert!(
                written <= waits + WRITE_MS + more && later <= SYNC_MS + more,
                "{table}"
            );
        }
    }
    figure(&table);
}
