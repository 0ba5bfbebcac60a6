//! Races: two operators on different machines, or an operator and a person with redis-cli, change
//! one deployment at the same time while clients write. Seeded and repeatable.
//!
//! The servers show whether the conditions hold afterwards: their data, their roles, and their own
//! logs, which say who changed a role and when. `judge.rs` has the rules, `sentences.rs` has the
//! promise of each printed sentence.
//!
//! `make races` runs 450 cases, of which 50 are against a person; a case is repeated by its seed
//! and number: `make races SEED=1 FIRST=17 CASES=1`.

#![allow(clippy::unwrap_used)]

mod after_death;
mod case;
mod deed;
mod dice;
mod field;
mod judge;
mod pairs;
mod person;
mod record;
mod sentences;
mod table;

use crate::support::figure;
use case::{Report, run};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What `make races` sets.
fn setting(name: &str, default: u64) -> u64 {
    let said = std::env::var(format!("REPLCTL_RACES_{name}")).ok();
    said.and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Reports what is wrong. The whole story goes into a file, and the first stories are also printed.
fn tell(seed: u64, number: u64, report: &Report) {
    static TOLD: AtomicU64 = AtomicU64::new(0);
    if !report.is_wrong() {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("races");
    let file = folder.join(format!("{seed}-{number}.txt"));
    let mut text = String::new();
    for wrong in report.violations() {
        let _ = writeln!(text, "VIOLATION seed {seed} case {number}: {wrong}");
    }
    let story = format!("{text}{}", report.story);
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, &story));
    if TOLD.fetch_add(1, Ordering::Relaxed) < 3 || written.is_err() {
        figure(&story);
    } else {
        figure(&format!("{text}  in {}", file.display()));
    }
}

#[test]
fn two_operators_lose_nothing_and_say_nothing_false() {
    let (seed, first) = (setting("SEED", 1), setting("FIRST", 0));
    let (cases, jobs) = (setting("CASES", 20), setting("JOBS", 2));
    let next = AtomicU64::new(first);
    let reports: Mutex<Vec<Report>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= first + cases {
                        return;
                    }
                    let report = catch_unwind(AssertUnwindSafe(|| run(seed, number)))
                        .unwrap_or_else(|why| Report::broke_off(seed, number, &*why));
                    tell(seed, number, &report);
                    let mut reports = reports.lock().unwrap();
                    reports.push(report);
                    if reports.len().is_multiple_of(50) {
                        figure(&format!("races: {} cases", reports.len()));
                    }
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap();
    figure(&table::table(seed, &reports));
    let wrong = reports.iter().filter(|r| r.is_wrong()).count();
    assert_eq!(wrong, 0, "cases with a violation; see above");
}
