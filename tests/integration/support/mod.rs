//! The base of the integration tests: hosts (in a lab, or plain sshds), servers, the program under
//! test, and clients that check.
//!
//! It ends everything that it starts, by its own process id, even when the test process is killed.
//! It must not know how replctl works inside: tests check real servers and hosts with their own
//! clients.
//!
//! A test that cannot run here calls [`not_run`], through the functions below that return an
//! `Option`: loud on a developer's machine, a failure where `CI` or `REPLCTL_REQUIRE_LAB` is set.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::must_use_candidate,
    clippy::missing_panics_doc
)]

pub mod certs;
pub mod delay;
pub mod deployed;
pub mod deployment;
pub mod encrypted;
pub mod inventory;
pub mod lab;
pub mod net;
pub mod ports;
pub mod process;
pub mod program;
pub mod redis;
pub mod rescued;
pub mod rotation;
pub mod sentinel;
pub mod server;
pub mod sshd;
pub mod tally;
pub mod trio;
pub mod wire;
pub mod writer;

#[allow(unused_imports)]
pub use {
    deployed::Deployed,
    deployment::Deployment,
    encrypted::Encrypted,
    inventory::{InventoryText, NodeText},
    lab::{Flavour, Lab},
    net::Net,
    process::{Ran, Running},
    program::Replctl,
    redis::{RawRedis, Reply},
    server::{Family, LocalServer},
    sshd::{SshHost, Sshds},
    tally::Tally,
    trio::Trio,
    wire::Wire,
    writer::{Load, Style, Writer},
};

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The id of the user the tests run as.
pub fn user_id() -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").expect("/proc").uid()
}

/// The list of tests that did not run, which `make test` prints at its end: the test runner itself
/// swallows such words.
pub fn not_run_list() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("not-run.txt")
}

/// Whether a test that cannot run is a failure.
pub fn strict() -> bool {
    let set =
        |name: &str| std::env::var(name).is_ok_and(|v| !matches!(v.as_str(), "" | "0" | "false"));
    set("CI") || set("REPLCTL_REQUIRE_LAB")
}

/// Says loudly that something was not tested, and why.
///
/// # Panics
/// Where [`strict`] holds.
pub fn not_run(reason: &str) {
    not_run_on(&not_run_list(), reason);
}

/// [`not_run`] with another list.
pub fn not_run_on(list: &Path, reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    assert!(!strict(), "{test} cannot run here: {reason}");
    let line = format!("NOT RUN: {test}: {reason}\n");
    // Not eprintln!, which the test runner captures.
    let _ = std::io::stderr().write_all(line.as_bytes());
    let mut list = OpenOptions::new()
        .create(true)
        .append(true)
        .open(list)
        .expect("the list of what did not run");
    list.write_all(line.as_bytes())
        .expect("the list of what did not run");
}

/// Prints a figure past the test runner, which captures what tests print.
pub fn figure(text: &str) {
    let _ = std::io::stderr().write_all(format!("     figure {text}\n").as_bytes());
}

/// That limit, multiplied by the load per core: two seconds on an idle machine become ten beside
/// five busy tests. An idle machine keeps the limit.
pub fn allowing_for_load(limit: Duration) -> Duration {
    let said = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let last_minute = said.split(' ').next().and_then(|word| word.parse().ok());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = u32::try_from(cores).map_or(1.0, f64::from);
    limit.mul_f64((last_minute.unwrap_or(0.0) / cores).max(1.0))
}

/// Looks again and again, every 20 ms, until `look` gives something.
///
/// # Panics
/// When `within` has passed, as [`allowing_for_load`] counts; the message says what was waited for.
pub fn await_some<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let within = allowing_for_load(within);
    let end = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {within:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// [`await_some`] for a condition.
pub fn await_that(what: &str, within: Duration, mut look: impl FnMut() -> bool) {
    await_some(what, within, || look().then_some(()));
}
