//! How long a promotion through Sentinel takes, for the operator and for clients.
//! `make bench-sentinel` measures it at length.

use super::super::{NAMES, Watched};
use super::{is_old, periods, set_period};
use crate::support::program::Replctl;
use crate::support::server::{Family, families};
use crate::support::writer::{Load, Style, Writer};
use crate::support::{allowing_for_load, figure};
use std::fmt::Write as _;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What one promotion through Sentinel took, ms.
struct Took {
    whole: f64,
    /// The longest time in which no client had a write acknowledged.
    no_writes: f64,
    /// From the beginning of the fence until all Sentinels named the new primary.
    named: f64,
}

fn took(watched: &Watched, operator: &Replctl<'_>, primary: usize) -> Took {
    let target = (primary + 1) % 3;
    let mut load = Load::plain(&watched.ports());
    load.nodes.rotate_left(primary);
    load.styles = vec![Style::Set, Style::Transaction, Style::Lua];
    load.per_second = Some(1_000);
    let writer = Writer::start(load);
    writer.await_more(500, Duration::from_secs(30));
    let begun = Instant::now();
    let ran = operator
        .run_within(
            Duration::from_mins(2),
            &["promote", NAMES[target], "--yes", "--json"],
        )
        .ok();
    let whole = begun.elapsed().as_secs_f64() * 1e3;
    writer.await_more(500, Duration::from_secs(30));
    let ended = Instant::now();
    let tally = writer.stop();
    assert_eq!(tally.lost(watched.servers[target].address()).len(), 0);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["old_offset"], json["new_offset"], "{ran}");
    Took {
        whole,
        no_writes: tally.longest_gap_between_ms(begun, ended),
        named: json["sentinels_named_ms"].as_f64().unwrap(),
    }
}

fn spread(all: &[Took], of: impl Fn(&Took) -> f64) -> (f64, String) {
    let mut values: Vec<f64> = all.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values[values.len() / 2];
    let (first, last) = (values[0], values[values.len() - 1]);
    (middle, format!("{first:.0}/{middle:.0}/{last:.0}"))
}

/// How replctl knows the Sentinels: named in the inventory, remembered, or heard of.
const NAMED: &str = "named";
const REMEMBERED: &str = "remembered";
const HEARD: &str = "heard";

/// `make bench-sentinel` runs it at length, with the limits.
#[test]
fn how_long_a_promotion_through_sentinel_takes() {
    let rounds = std::env::var("REPLCTL_BENCH_ROUNDS").ok();
    let rounds: Option<usize> = rounds.and_then(|n| n.parse().ok());
    let mut table = String::from(
        "promotions through three Sentinels under three writing clients, ms: min/median/max\nthe Sentinels are named in the inventory, remembered from the promotion before, or heard for the first time\n",
    );
    let _ = writeln!(
        table,
        "{:<11} {:<10} {:>6}  {:>17}  {:>15}  {:>15}",
        "server", "Sentinels", "rounds", "whole command", "no writes", "all name it"
    );
    let all = families().iter();
    let rows = all.flat_map(|f| [NAMED, REMEMBERED, HEARD].map(|known| (f, known)));
    let rows: Vec<_> = rows
        .filter(|(f, known)| *known == NAMED || rounds.is_some() || f.name == "debian")
        .collect();
    // Sentinels take ten seconds to know their replicas. Only what is measured at length has the
    // machine for itself.
    let at_once = if rounds.is_some() { 1 } else { AT_ONCE };
    for rows in rows.chunks(at_once) {
        let begun = rows.iter().map(|(family, _)| begun_together(family));
        for (watched, (family, known)) in begun.collect::<Vec<_>>().into_iter().zip(rows) {
            let watched = watched.join().unwrap();
            table.push_str(&row(watched, (family, known), rounds, &table));
        }
    }
    figure(&table);
}

/// How many deployments are begun at once.
const AT_ONCE: usize = 4;

/// A deployment that comes up beside others.
fn begun_together(family: &'static Family) -> JoinHandle<Watched> {
    std::thread::spawn(|| Watched::start(family, 5_000, None))
}

/// A line of the table.
fn row(
    mut watched: Watched,
    (family, known): (&Family, &str),
    rounds: Option<usize>,
    table: &str,
) -> String {
    if known == NAMED {
        watched.raw = watched.named();
    }
    if !is_old(family) {
        set_period(&watched.sentinels[1], 3_000);
    }
    let operator = watched.operator();
    let count = rounds.unwrap_or(2);
    let count = if is_old(family) { count.min(3) } else { count };
    let mut all = Vec::new();
    for round in 0..count + usize::from(known == REMEMBERED) {
        let stranger = (known == HEARD).then(|| watched.operator());
        let took = took(&watched, stranger.as_ref().unwrap_or(&operator), round % 3);
        if known != REMEMBERED || round > 0 {
            all.push(took);
        }
    }
    let (whole, wholes) = spread(&all, |t| t.whole);
    let (gap, gaps) = spread(&all, |t| t.no_writes);
    let (name, names) = spread(&all, |t| t.named);
    let row = format!(
        "{:<11} {known:<10} {count:>6}  {wholes:>17}  {gaps:>15}  {names:>15}\n",
        family.name
    );
    if !is_old(family) {
        // One of them is as its operator has it.
        let before = [Some(10_000), Some(3_000), Some(10_000)];
        assert_eq!(periods(&watched), before, "{}", family.name);
        // Each Sentinel says hello every two seconds.
        let heard = if known == HEARD { 2_000.0 } else { 0.0 };
        // A machine that does other things beside the tests is slower; Sentinels that look by
        // themselves take 9 s and more.
        let within = if rounds.is_some() {
            whole <= 3_000.0 + heard && gap <= 250.0 && name <= 1_200.0
        } else {
            let limit = Duration::from_secs(6) + Duration::from_secs_f64(heard / 1e3);
            whole <= allowing_for_load(limit).as_secs_f64() * 1e3
        };
        assert!(within, "{table}{row}");
    }
    row
}
