//! Passwords that setup cannot change: it changes nothing, or says what it left half done.

use crate::password::bench::{Bench, NAMES, NEW, OLD};
use crate::password::mode;
use crate::support::process::signal;
use crate::support::{Family, await_that, process::living_in};
use std::time::Duration;

/// Somebody has changed the password by hand and saved it in no file.
#[test]
fn a_password_that_no_file_has_is_refused_and_the_hint_is_the_way() {
    let Some(bench) = Bench::set_up(None, Some(OLD)) else {
        return;
    };
    let by_hand = "canary-by-hand";
    for n in 0..3 {
        let mut client = bench.client(n, Some(OLD));
        client.command(&["CONFIG", "SET", "masterauth", by_hand]);
        client.command(&["CONFIG", "SET", "requirepass", by_hand]);
    }
    bench.say(Some(NEW));
    let before: Vec<_> = (0..3)
        .map(|n| std::fs::read(bench.config(n)).unwrap())
        .collect();
    let ran = bench
        .run(&["setup", "--yes"])
        .code(3)
        .says("is not the inventory's, and is not known");
    for (n, name) in NAMES.iter().enumerate() {
        assert!(ran.stderr.contains(&format!("`{name}`")), "{ran}");
        assert_eq!(std::fs::read(bench.config(n)).unwrap(), before[n]);
        bench.client(n, Some(by_hand));
    }
    // As the hint says: the server writes it into its file.
    assert!(
        ran.stderr
            .contains("--askpass config rewrite; then: replctl setup")
    );
    for n in 0..3 {
        bench
            .client(n, Some(by_hand))
            .command(&["CONFIG", "REWRITE"]);
    }
    bench.run(&["setup", "--yes"]).ok();
    bench.is_at(Some(NEW), &[Some(by_hand), Some(OLD), None]);
}

/// One server dies before the change. The others get the password, and the dead one gets it at its
/// next start.
#[test]
fn a_stopped_node_gets_the_password_with_its_start() {
    for (from, to) in [(None, Some(NEW)), (Some(OLD), Some(NEW)), (Some(OLD), None)] {
        let Some(bench) = Bench::set_up(None, from) else {
            return;
        };
        signal(bench.pid(2), libc::SIGTERM);
        let folder = bench.db().join(bench.port(2).to_string());
        await_that("its end", Duration::from_secs(10), || {
            living_in(&folder).is_empty()
        });
        bench.say(to);
        bench
            .run(&["setup", "--yes"])
            .ok()
            .says("`slave2` does not run: the next `replctl setup`");
        bench.client(0, to);
        bench.run(&["setup", "--yes"]).ok();
        bench.in_sync(to);
        let others: &[Option<&str>] = if to.is_some() { &[from] } else { &[] };
        bench.is_at(to, others);
    }
}

/// The file of one server cannot be written: everything is restored, in the servers and in their
/// files.
#[test]
fn a_failure_on_the_way_puts_all_back() {
    for (from, to) in [(None, Some(NEW)), (Some(OLD), Some(NEW)), (Some(OLD), None)] {
        let Some(bench) = Bench::set_up(None, from) else {
            return;
        };
        // A server whose disk is full: CONFIG REWRITE fails there.
        let full = |on: bool| {
            let limit = if on {
                "--fsize=0:"
            } else {
                "--fsize=unlimited:"
            };
            let mut command = std::process::Command::new("prlimit");
            command.args(["--pid", &bench.pid(2).to_string(), limit]);
            assert!(command.status().unwrap().success());
        };
        full(true);
        bench.say(to);
        let ran = bench.run(&["setup", "--yes"]);
        assert!(matches!(ran.code, Some(1 | 5)), "{ran}");
        assert!(ran.stderr.contains("its file was not written"), "{ran}");
        full(false);
        if ran.code == Some(5) {
            // What could not be put back is put back now that it can be.
            bench.run(&["rollback", "--yes"]).ok();
        }
        bench.say(from);
        let others: &[Option<&str>] = if from.is_some() { &[to] } else { &[] };
        bench.is_at(from, others);
        bench.restart_all();
        bench.in_sync(from);
        bench.is_at(from, others);
        bench.say(to);
        bench.run(&["setup", "--yes"]).ok();
        bench.in_sync(to);
        assert!(matches!(mode(&bench.config(2)), 0o600 | 0o640));
    }
}

/// Servers accept both passwords until the operator says that all clients have the new one.
#[test]
fn the_earlier_password_is_taken_until_the_next_run_where_that_is_wished() {
    let Some(bench) = Bench::set_up(None, Some(OLD)) else {
        return;
    };
    bench.say(Some(NEW));
    bench
        .run(&["setup", "--yes", "--keep-earlier-password"])
        .ok()
        .says("take both passwords from then on");
    for restarted in [false, true] {
        if restarted {
            bench.restart_all();
            bench.in_sync(Some(NEW));
        }
        for n in 0..3 {
            bench.client(n, Some(OLD));
            bench.client(n, Some(NEW));
        }
        bench.links_come_back(Some(NEW));
    }
    bench.run(&["status"]).ok();
    bench
        .run(&["setup", "--yes", "--keep-earlier-password"])
        .ok()
        .says("Nothing to do");
    bench.client(1, Some(OLD));
    bench.run(&["setup", "--yes"]).ok();
    bench.is_at(Some(NEW), &[Some(OLD), None]);
}

/// The inventory goes back to the old password while both are accepted: the cancelled one is no
/// longer accepted.
#[test]
fn a_change_that_is_called_off_leaves_one_password() {
    let Some(bench) = Bench::set_up(None, Some(OLD)) else {
        return;
    };
    bench.say(Some(NEW));
    bench
        .run(&["setup", "--yes", "--keep-earlier-password"])
        .ok();
    bench.say(Some(OLD));
    bench.run(&["setup", "--yes"]).ok();
    bench.is_at(Some(OLD), &[Some(NEW), None]);
    bench.restart_all();
    bench.in_sync(Some(OLD));
    bench.is_at(Some(OLD), &[Some(NEW), None]);
}

/// A typing mistake at the prompt does not become the password of all servers. Only a new password
/// is asked for twice.
#[test]
fn a_slip_at_the_prompt_changes_nothing() {
    let Some(bench) = Bench::of(2, None, Some(OLD)) else {
        return;
    };
    bench.say_prompt();
    let said = bench.typed(&["canary-tpyed", "canary-typed"]);
    assert!(said.contains("are not the same"), "{said}");
    assert!(!said.contains("canary"), "{said}");
    bench.in_sync(Some(OLD));
    let said = bench.typed(&[OLD]);
    assert!(said.contains("Nothing to do"), "{said}");
    let said = bench.typed(&["canary-typed", "canary-typed"]);
    assert!(said.contains("is set up"), "{said}");
    bench.say(Some("canary-typed"));
    bench.is_at(Some("canary-typed"), &[Some(OLD)]);
}

/// A replica that the inventory lacks would be refused at its next login: setup reports that and
/// changes nothing.
#[test]
fn a_replica_that_the_inventory_lacks_is_not_cut_off() {
    let Some(family) = Family::debian() else {
        return;
    };
    for (from, to) in [(Some(OLD), Some(NEW)), (Some(OLD), None), (None, Some(NEW))] {
        let Some(bench) = Bench::of(2, None, from) else {
            return;
        };
        let follows = format!("replicaof 127.0.0.1 {}", bench.port(0));
        let login = format!("masterauth {OLD}");
        let lines = [follows.as_str(), login.as_str()];
        let other = family.start(if from.is_some() { &lines } else { &lines[..1] });
        let linked = || other.client().info("replication")["master_link_status"] == "up";
        await_that("its link", Duration::from_secs(15), linked);
        bench.say(to);
        let ran = bench
            .run(&["setup", "--yes"])
            .code(3)
            .says("feeds a replica that the inventory lacks");
        let at = other.address().to_string();
        let hint = format!("replctl add NAME --address {at}");
        assert!(ran.stderr.contains(&hint), "{ran}");
        bench
            .client(0, from)
            .command(&["CLIENT", "KILL", "TYPE", "replica"]);
        await_that("its link again", Duration::from_secs(15), linked);
        drop(other);
        bench.in_sync(from);
        bench.run(&["setup", "--yes"]).ok();
        bench.is_at(to, &[]);
    }
}
