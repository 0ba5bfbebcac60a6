//! Role changes with faults at random steps, seeded and repeatable: random topologies of 2 to 6
//! nodes with chains, all kinds of writers, every available server family. After each case every
//! acknowledged write is checked, and the deployment must be whole.
//!
//! `make soak` runs a thousand cases; a case is repeated by its seed and number:
//! `make soak SEED=1 FIRST=17 CASES=1`.

#![allow(clippy::unwrap_used)]

mod case;
mod crew;
mod fault;
mod order;
mod rescued;
mod settle;

use crate::support::{Wire, figure};
use case::{Report, run};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What `make soak` sets.
fn setting(name: &str, default: u64) -> u64 {
    let said = std::env::var(format!("REPLCTL_SOAK_{name}")).ok();
    said.and_then(|n| n.parse().ok()).unwrap_or(default)
}

#[test]
fn faults_at_random_steps_of_random_changes() {
    let (seed, first) = (setting("SEED", 1), setting("FIRST", 0));
    let (cases, jobs) = (setting("CASES", 50), setting("JOBS", 2));
    let wire = Wire::new();
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
                    let report =
                        catch_unwind(AssertUnwindSafe(|| run(seed, number, wire.as_ref())))
                            .unwrap_or_else(|why| Report::panicked(number, &*why));
                    if let Some(violation) = &report.violation {
                        figure(&format!("VIOLATION seed {seed} case {number}: {violation}"));
                    }
                    let mut reports = reports.lock().unwrap();
                    reports.push(report);
                    if reports.len().is_multiple_of(50) {
                        figure(&format!("soak: {} cases", reports.len()));
                    }
                }
            });
        }
    });
    let reports = reports.into_inner().unwrap();
    figure(&summary(seed, &reports));
    let violations = reports.iter().filter(|r| r.violation.is_some()).count();
    assert_eq!(violations, 0, "violations; see above");
}

fn summary(seed: u64, reports: &[Report]) -> String {
    let sum = |of: &dyn Fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    let worst = reports.iter().map(|r| r.window_ms).fold(0.0, f64::max);
    let mut text = format!(
        "soak: seed {seed}, {} cases, {} violations, {} acknowledged writes, {} lost, worst window of a change that went through {worst:.0} ms\n",
        reports.len(),
        reports.iter().filter(|r| r.violation.is_some()).count(),
        sum(&|r| r.acknowledged),
        sum(&|r| r.lost),
    );
    for (title, of) in [
        ("by family", (|r| r.family.clone()) as fn(&Report) -> String),
        ("by order", |r| r.order.clone()),
        ("by fault", |r| r.fault.clone()),
        ("by fault and exit", |r| format!("{} {}:", r.fault, r.exit)),
        ("by the second operator's exit", second),
        ("by order and exit", |r| format!("{} {}:", r.order, r.exit)),
        ("by the way back", |r| format!("{}:", r.way)),
    ] {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for report in reports {
            *counts.entry(of(report)).or_default() += 1;
        }
        counts.remove("");
        let counts: Vec<String> = counts.iter().map(|(k, n)| format!("{k} {n}")).collect();
        let _ = writeln!(text, "  {title}: {}", counts.join(", "));
    }
    text
}

/// The result of the second operator, if there was one.
fn second(report: &Report) -> String {
    if report.second.is_empty() {
        return String::new();
    }
    format!("{} {}:", report.fault, report.second)
}
