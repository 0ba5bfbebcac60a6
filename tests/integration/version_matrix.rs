//! Full copies between servers of every available version: `src/topology/versions/measured.txt`
//! agrees with the measurement.
//!
//! `make version-matrix` measures and prints the table and the servers' own words. `make test-all`
//! measures within each series, too, and every program of a series.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod pair;
mod table;

use crate::support::server::{Family, all_of_them, every_server};
use pair::{Kind, Outcome, series_of, version_of};
use std::sync::Mutex;
use table::Table;

/// The number of pairs that are measured side by side, because most of it is waiting.
const AT_ONCE: usize = 3;

/// A program, and its series as the table calls it.
struct Program {
    series: String,
    family: &'static Family,
}

/// What was measured of two.
struct Measured<'a> {
    above: &'a Program,
    below: &'a Program,
    /// `yes`, `no`, `relaxed` or `but:KIND,…`.
    cell: String,
    /// The log lines about failures.
    said: Vec<String>,
}

/// One program of each series, the distribution's before the embedded one; all of them where
/// everything is to be tested.
fn programs() -> Vec<Program> {
    let mut all: Vec<Program> = Vec::new();
    for family in every_server() {
        let series = series_of(family);
        if all_of_them() || all.iter().all(|p| p.series != series) {
            all.push(Program { series, family });
        }
    }
    all.sort_by_key(|p| (p.series.starts_with("valkey"), p.series.clone()));
    all
}

/// Measures all pairs of them, but within a series only where everything is to be tested.
fn measure(programs: &[Program]) -> Vec<Measured<'_>> {
    let pairs = programs
        .iter()
        .flat_map(|a| programs.iter().map(move |b| (a, b)));
    let pairs = Mutex::new(pairs.filter(|(a, b)| all_of_them() || a.series != b.series));
    let measured = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = pairs.lock().unwrap().next();
            let Some((above, below)) = next else {
                return;
            };
            let one = one(above, below);
            measured.lock().unwrap().push(one);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    measured.into_inner().unwrap()
}

fn one<'a>(above: &'a Program, below: &'a Program) -> Measured<'a> {
    let copy = |kind, relaxed| pair::full_copy(above.family, below.family, kind, relaxed);
    let measured = |cell: String, said| Measured {
        above,
        below,
        cell,
        said,
    };
    if let Outcome::Refused(said) = copy(Kind::Plain, false).expect("all have plain data") {
        let relaxed = matches!(copy(Kind::Plain, true), Some(Outcome::Loaded));
        return measured((if relaxed { "relaxed" } else { "no" }).to_owned(), said);
    }
    let (mut but, mut said) = (Vec::new(), Vec::new());
    for kind in Kind::SPECIAL {
        if let Some(Outcome::Refused(lines)) = copy(kind, false) {
            but.push(kind.word());
            said.extend(lines);
        }
    }
    if but.is_empty() {
        return measured("yes".to_owned(), said);
    }
    measured(format!("but:{}", but.join(",")), said)
}

#[test]
fn the_committed_table_is_what_is_measured() {
    let table = Table::committed();
    let programs = programs();
    let all = measure(&programs);
    if std::env::var("REPLCTL_VERSION_MATRIX").is_ok() {
        print(&programs, &all);
    }
    let wrong = all.iter().filter_map(|m| {
        let (above, below) = (&m.above.series, &m.below.series);
        let cell = table.cell(above, below);
        (cell != Some(m.cell.as_str())).then(|| {
            let (above, below) = (m.above.family.name, m.below.family.name);
            format!(
                "{above} to {below}: the table says {cell:?}, measured: {} {:?}",
                m.cell, m.said
            )
        })
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(
        wrong.is_empty(),
        "make version-matrix prints it anew:\n{}",
        wrong.join("\n")
    );
    let n = all.len();
    crate::support::figure(&format!(
        "{n} pairs of versions: full copies are as the table says"
    ));
}

fn print(programs: &[Program], all: &[Measured<'_>]) {
    let versions: Vec<String> = programs.iter().map(|p| version_of(p.family)).collect();
    println!("# measured: {}", versions.join(" "));
    let mut names: Vec<&str> = programs.iter().map(|p| p.series.as_str()).collect();
    names.dedup();
    let cell = |above: &str, below: &str| {
        let found = all
            .iter()
            .find(|m| m.above.series == above && m.below.series == below);
        found.map(|m| m.cell.clone())
    };
    print!("{}", table::write(&names, cell));
    for m in all {
        for line in &m.said {
            println!(
                "# {} to {} ({}): {line}",
                m.above.series, m.below.series, m.cell
            );
        }
    }
}
