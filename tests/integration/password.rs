//! `setup` changes the password of a running deployment: none to one, one to none, one to another.
//! Real servers behind real sshds.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;
mod deaths;
mod refused;
mod sentinels;

use crate::support::Family;
use crate::support::rotation::each_family;
use crate::support::server::all_of_them;
use bench::{Bench, NEW, OLD};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Permission bits of a file.
fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// All the ways from one password to another.
const WAYS: [(Option<&str>, Option<&str>); 3] =
    [(None, Some(NEW)), (Some(OLD), None), (Some(OLD), Some(NEW))];

fn there(server: Option<&Family>, (from, to): (Option<&str>, Option<&str>)) {
    let brought = server.filter(|s| s.is_one_file());
    let Some(bench) = Bench::set_up(brought.map(|s| s.server.as_path()), from) else {
        return;
    };
    if let Some(other) = server.filter(|s| !s.is_one_file()) {
        bench.replace_program(&other.server);
        bench.in_sync(from);
    }
    // These could not read it again from the files that they write.
    let writes_it_badly = |s: &Family| matches!(s.name, "redis-6.0" | "valkey-8.1");
    let to = if server.is_some_and(writes_it_badly) && to == Some(NEW) {
        bench.say(to);
        bench
            .run(&["setup", "--yes"])
            .code(3)
            .says("a quotation mark");
        bench.in_sync(from);
        Some("canary-plain")
    } else {
        to
    };
    let mut old = bench.client(0, from);
    assert_eq!(old.command(&["SET", "kept", "1"]).text(), "OK");
    bench.say(to);
    let dry = bench.run(&["setup", "--dry-run"]).ok();
    bench.in_sync(from);
    let ran = bench.run(&["setup", "--yes"]).ok();
    let plan = dry.stdout.trim_end();
    assert!(ran.stderr.contains(plan), "{dry}\n{ran}");
    let others: &[Option<&str>] = if to.is_some() { &[from] } else { &[] };
    bench.is_at(to, others);
    // Who was in stays in.
    assert_eq!(old.command(&["GET", "kept"]).text(), "1");
    bench.restart_all();
    bench.in_sync(to);
    bench.is_at(to, others);
    bench.nothing_is_kept();
}

#[test]
fn every_way_on_the_embedded_server() {
    std::thread::scope(|scope| {
        for way in WAYS {
            scope.spawn(move || there(None, way));
        }
    });
}

/// Tests one of the ways on each family; `make test-all` tests all ways on all. Servers that
/// `setup` cannot install replace the installed ones.
fn on_the_families(way: usize) {
    each_family(|n, family: &'static Family| {
        if n % WAYS.len() == way || all_of_them() {
            there(Some(family), WAYS[way]);
        }
    });
}

#[test]
fn from_none_to_one_on_the_families() {
    on_the_families(0);
}

#[test]
fn from_one_to_none_on_the_families() {
    on_the_families(1);
}

#[test]
fn from_one_to_another_on_the_families() {
    on_the_families(2);
}
