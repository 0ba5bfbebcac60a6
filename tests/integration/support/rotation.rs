//! The servers that a test runs on. Servers of one kind behave alike in most scenarios. So a
//! scenario runs on one of each kind, chosen by its name, so that each server gets its share. `make
//! test-all` runs each scenario on all.
//!
//! A run writes the servers that it left out to a list, which `make test` prints at its end. A test
//! that looks for differences within a kind must not choose here: [`super::server::families`] has
//! all.

use super::server::{Family, all_of_them, every_server};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Servers that behave alike: the same release built in two ways, or two releases of one series.
const KINDS: [&[&str]; 6] = [
    &["redis-6.0"],
    &["redis-6.2"],
    &["debian", "embedded"],
    &["redis-8.0", "redis-8.2"],
    &["valkey", "valkey-8.1"],
    &["valkey-9.1"],
];

/// How many families a scenario runs on at once.
const AT_ONCE: usize = 3;

/// The list of scenarios with the servers that they ran on, where that was not all of them.
pub fn rotation_list() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("rotation.txt")
}

/// One of each kind, chosen by that name; `there` are the servers that can be had.
pub fn chosen<'a>(scenario: &str, there: &[&'a str]) -> Vec<&'a str> {
    let sum: usize = scenario.bytes().map(usize::from).sum();
    let one = |(place, kind): (usize, &&[&str])| {
        let of_kind = there.iter().filter(|name| kind.contains(name));
        let of_kind: Vec<&'a str> = of_kind.copied().collect();
        let which = (sum + place).checked_rem(of_kind.len())?;
        Some(of_kind[which])
    };
    KINDS.iter().enumerate().filter_map(one).collect()
}

/// The servers of the running test: one of each kind, or all where that is asked for.
///
/// # Panics
/// In a thread without the test's name: the choice would differ there.
pub fn some_families() -> Vec<&'static Family> {
    let all = every_server();
    if all_of_them() {
        return all.iter().collect();
    }
    let thread = std::thread::current();
    let scenario = thread.name().expect("the test's own thread has its name");
    let names: Vec<&str> = all.iter().map(|f| f.name).collect();
    let chosen = chosen(scenario, &names);
    let line = format!("{scenario}: {}\n", chosen.join(", "));
    let list = OpenOptions::new()
        .create(true)
        .append(true)
        .open(rotation_list());
    list.and_then(|mut list| list.write_all(line.as_bytes()))
        .expect("the list of what the scenarios ran on");
    let here = |f: &&Family| chosen.contains(&f.name);
    all.iter().filter(here).collect()
}

/// Runs `check` for each server of the running test, a few side by side, because most of it is
/// waiting. Measurements in milliseconds do not belong here.
///
/// # Panics
/// When `check` panics for one of them. The message begins with the thread's name, which ends with
/// the family's name.
pub fn each_family(check: impl Fn(usize, &'static Family) + Sync) {
    let families = some_families();
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let left = Mutex::new(families.into_iter().enumerate());
    let next = || left.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((n, family)) = next() {
                    std::thread::scope(|one| {
                        std::thread::Builder::new()
                            .name(format!("{test} on {}", family.name))
                            .spawn_scoped(one, || check(n, family))
                            .expect("a thread");
                    });
                }
            });
        }
    });
}
